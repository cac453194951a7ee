package main

import wasmflow "github.com/wasmflow/wasmflow/sdk/go"

// settings is the plugin's configuration.
type settings struct {
	Greeting string `json:"greeting" doc:"what greet puts before a value"`
	Times    int64  `json:"times" doc:"what settings tells"`
	Loud     bool   `json:"loud" doc:"what settings tells, too"`
}

func (s *settings) Validate() error {
	if s.Greeting == "" {
		return wasmflow.BadField("greeting", "must not be empty")
	}
	return nil
}

var config = settings{Greeting: "hello ", Times: 1}

func init() {
	wasmflow.Plugin("conformance-go", "1.0.0")
	wasmflow.Config(&config)
	wasmflow.Transform("echo", echo)
	wasmflow.Transform("upper", upper)
	wasmflow.Transform("drop-odd", dropOdd)
	wasmflow.Transform("fail-odd", failOdd)
	wasmflow.Transform("crash-odd", crashOdd)
	wasmflow.Transform("hoard", hoard)
	wasmflow.Transform("repeat", repeat)
	wasmflow.Transform("swap", swap)
	wasmflow.Transform("nulls", nulls)
	wasmflow.Transform("headers", headers, wasmflow.Reads(wasmflow.Headers))
	wasmflow.Transform("edit-headers", editHeaders, wasmflow.Reads(wasmflow.Headers))
	wasmflow.Transform("origin", origin, wasmflow.Reads(wasmflow.Source))
	wasmflow.Transform("restamp", restamp)
	wasmflow.Transform("route", route, wasmflow.Outputs("odd"))
	wasmflow.Transform("clock", clock)
	wasmflow.Transform("sleep", sleep)
	wasmflow.Transform("random", random)
	wasmflow.Transform("log", logValue)
	wasmflow.Transform("metrics", metrics)
	wasmflow.Transform("greet", greet)
	wasmflow.Transform("settings", tellSettings)
	wasmflow.Deserializer("lines", lines)
	wasmflow.Serializer("pair", pair)
	wasmflow.Partitioner("length", length)
	wasmflow.Bucketer("initial", initial)
}

func main() {}
