package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/admin"
)

// askMax is how long a request for an epoch waits for a job that starts or restarts.
const askMax = 5 * time.Second

// PluginList is the answer of GET /plugins.
type PluginList struct {
	Plugins []host.PluginStatus `json:"plugins"`
}

// SwapBegun is the answer to a swap or a rollback: the plugin tells what becomes of it.
type SwapBegun struct {
	ID uint64 `json:"id" doc:"Number of the swap among those of the plugin."`
}

// NoBody is the body of a request that has nothing to say.
type NoBody struct{}

// CheckpointList is the answer of GET /checkpoints.
type CheckpointList struct {
	Checkpoints []host.PublishedEpoch `json:"checkpoints" doc:"The newest epochs that this process published, the last one first."`
}

// CheckpointBegun is the answer of POST /checkpoints.
type CheckpointBegun struct {
	Epoch checkpoint.Epoch `json:"epoch" doc:"All that was read before the request is published once this epoch, or a later one, is."`
}

// engineRoutes are the routes of the admin server about plugins and epochs. e may be nil where they
// are only described.
func engineRoutes(e *host.Engine) []admin.Route {
	name := []admin.Param{{Name: "name", Text: "the name of the plugin in the job file"}}
	begun := []admin.Answer{{Code: http.StatusAccepted, Text: "it has begun", Body: SwapBegun{}}}
	return []admin.Route{{
		Method: http.MethodGet, Path: "/plugins", Summary: "All plugins, with the swaps of each",
		Answers: []admin.Answer{{Code: http.StatusOK, Text: "what runs", Body: PluginList{}}},
		Serve: func(w http.ResponseWriter, _ *http.Request) {
			admin.WriteJSON(w, http.StatusOK, PluginList{e.Plugins()})
		},
	}, {
		Method: http.MethodGet, Path: "/plugins/{name}", Params: name,
		Summary: "A plugin and the history of its swaps",
		Answers: []admin.Answer{{Code: http.StatusOK, Text: "what runs", Body: host.PluginStatus{}}},
		Serve:   func(w http.ResponseWriter, r *http.Request) { showPlugin(w, r, e) },
	}, {
		Method: http.MethodPost, Path: "/plugins/{name}/swap", Params: name,
		Summary: "Replaces a plugin by another module or configuration",
		Text: "The new version is loaded and tried on live records beside the old one; if it is fit, " +
			"all tasks take it up at the end of the same epoch. One swap goes on at a time.",
		Body: host.SwapRequest{}, Answers: begun,
		Serve: func(w http.ResponseWriter, r *http.Request) {
			var req host.SwapRequest
			if admin.ReadJSON(w, r, &req) {
				beginSwap(w, r, e, req)
			}
		},
	}, {
		Method: http.MethodPost, Path: "/plugins/{name}/rollback", Params: name,
		Summary: "Brings the version of a plugin back that ran before",
		Text:    "It is a swap without trial and probation: that version worked.",
		Body:    NoBody{}, Answers: begun,
		Serve: func(w http.ResponseWriter, r *http.Request) {
			var none NoBody
			if admin.ReadJSON(w, r, &none) {
				beginSwap(w, r, e, host.SwapRequest{Back: true})
			}
		},
	}, {
		Method: http.MethodGet, Path: "/checkpoints", Summary: "The newest published epochs",
		Answers: []admin.Answer{{Code: http.StatusOK, Text: "their stories", Body: CheckpointList{}}},
		Serve: func(w http.ResponseWriter, _ *http.Request) {
			admin.WriteJSON(w, http.StatusOK, CheckpointList{e.Checkpoints()})
		},
	}, {
		Method: http.MethodPost, Path: "/checkpoints", Summary: "Begins an epoch now",
		Text: "It begins at once, or as soon as the one in progress is published. It is allowed in a " +
			"pause.",
		Body: NoBody{},
		Answers: []admin.Answer{{Code: http.StatusAccepted, Text: "it begins",
			Body: CheckpointBegun{}}},
		Serve: func(w http.ResponseWriter, r *http.Request) { beginCheckpoint(w, r, e) },
	}}
}

func showPlugin(w http.ResponseWriter, r *http.Request, e *host.Engine) {
	for _, p := range e.Plugins() {
		if p.Plugin == r.PathValue("name") {
			admin.WriteJSON(w, http.StatusOK, p)
			return
		}
	}
	refusePlugin(w, host.ErrNoPlugin)
}

func beginSwap(w http.ResponseWriter, r *http.Request, e *host.Engine, req host.SwapRequest) {
	req.Plugin, req.Trigger = r.PathValue("name"), host.TriggerCommand
	id, err := e.Swap(req)
	if err != nil {
		refusePlugin(w, err)
		return
	}
	admin.WriteJSON(w, http.StatusAccepted, SwapBegun{id})
}

// refusePlugin answers what is wrong with a request about a plugin.
func refusePlugin(w http.ResponseWriter, err error) {
	p := admin.Problem{Status: http.StatusUnprocessableEntity, Detail: err.Error(),
		Remedy: "change the request; nothing was begun"}
	switch {
	case errors.Is(err, host.ErrNoPlugin):
		p.Status, p.Remedy = http.StatusNotFound, "GET /plugins names those that there are"
	case errors.Is(err, host.ErrSwapBusy):
		p.Status, p.Remedy = http.StatusConflict, "ask again when it is over; GET /plugins tells"
	}
	admin.WriteProblem(w, p)
}

func beginCheckpoint(w http.ResponseWriter, r *http.Request, e *host.Engine) {
	var none NoBody
	if !admin.ReadJSON(w, r, &none) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), askMax)
	defer cancel()
	epoch, err := e.Checkpoint(ctx)
	if err != nil {
		admin.WriteProblem(w, admin.Problem{Status: http.StatusServiceUnavailable,
			Detail: err.Error(), Remedy: "ask again when GET /status says that the job runs"})
		return
	}
	admin.WriteJSON(w, http.StatusAccepted, CheckpointBegun{epoch})
}
