package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/admin"
)

// pluginList is the answer of GET /plugins.
type pluginList struct {
	Plugins []host.PluginStatus `json:"plugins"`
}

// swapBegun is the answer of POST /plugins/{name}/swap: GET /plugins tells what becomes of it.
type swapBegun struct {
	ID uint64 `json:"id"`
}

// pluginRoutes adds what the admin server shows and does of plugins.
func pluginRoutes(s *admin.Server, e *host.Engine) {
	s.Handle("GET /plugins", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		admin.WriteJSON(w, http.StatusOK, pluginList{e.Plugins()})
	}))
	s.Handle("POST /plugins/{name}/swap", http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			var req host.SwapRequest
			dec := json.NewDecoder(r.Body)
			dec.DisallowUnknownFields()
			if err := dec.Decode(&req); err != nil && !errors.Is(err, io.EOF) {
				admin.WriteError(w, http.StatusBadRequest, `want {"path": ..., "sha256": ..., "signature": `+
					`..., "config": ..., "expect_same": ..., "back": ...}: `+err.Error())
				return
			}
			req.Plugin, req.Trigger = r.PathValue("name"), host.TriggerCommand
			id, err := e.Swap(req)
			switch {
			case err == nil:
				admin.WriteJSON(w, http.StatusAccepted, swapBegun{id})
			case errors.Is(err, host.ErrNoPlugin):
				admin.WriteError(w, http.StatusNotFound, err.Error())
			case errors.Is(err, host.ErrSwapBusy):
				admin.WriteError(w, http.StatusConflict, err.Error())
			default:
				admin.WriteError(w, http.StatusUnprocessableEntity, err.Error())
			}
		}))
}
