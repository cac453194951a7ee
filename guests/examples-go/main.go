package main

import (
	"slices"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
)

type (
	context = *wasmflow.Context
	record  = wasmflow.Record
	emitter = *wasmflow.Emitter
)

// settings is the plugin's configuration.
type settings struct {
	DropPaths  []string `json:"drop_paths" doc:"paths whose requests are dropped"`
	LargeCents int64    `json:"large_cents" doc:"orders from this amount on are large"`
}

func (s *settings) Validate() error {
	if s.LargeCents < 1 {
		return wasmflow.BadField("large_cents", "is below 1")
	}
	return nil
}

var config = settings{DropPaths: []string{"/health"}, LargeCents: 10_000}

// The codes of the failures.
const (
	codeLine = iota + 1
	codeOrder
)

var (
	errLine  = wasmflow.Fail(codeLine, "not a line of an access log")
	errOrder = wasmflow.Fail(codeOrder, "not an order")
)

func init() {
	wasmflow.Plugin("examples-go", "1.0.0")
	wasmflow.Config(&config)
	wasmflow.Transform("access_log", accessLog, wasmflow.Doc("makes JSON of lines of an access log"))
	wasmflow.Transform("route_order", routeOrder, wasmflow.Outputs("large"),
		wasmflow.Doc("drops cancelled orders, sends the others to topics by country"))
	wasmflow.Transform("mask", mask, wasmflow.Reads(wasmflow.Headers),
		wasmflow.Doc("hides e-mail addresses and long numbers"))
}

func main() {}

func dropped(path []byte) bool {
	return slices.ContainsFunc(config.DropPaths, func(p string) bool { return p == string(path) })
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
