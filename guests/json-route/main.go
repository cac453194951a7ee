package main

import (
	"slices"
	"strings"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// Places a record can be sent to beside the outputs.
const (
	placeMain  = "main"
	placeDrop  = "drop"
	placeError = "error"
)

var outputs = []string{"errors", "audit", "other"}

// codeUnroutable is the code of the failures of this plugin.
const codeUnroutable = 1

var (
	errMissing = wasmflow.Fail(codeUnroutable, "the field is missing")
	errValue   = wasmflow.Fail(codeUnroutable, "no route for the field's value")
)

// settings is the plugin's configuration.
type settings struct {
	Field   string            `json:"field" doc:"the field that decides, like level or a.b"`
	Routes  map[string]string `json:"routes" doc:"from values to main, drop, error or an output"`
	Default string            `json:"default" doc:"where records with other values go"`
	Missing string            `json:"missing" doc:"where records without the field go"`
	Target  string            `json:"target" doc:"topic; {value} is the field's value"`
}

func (s *settings) Validate() error {
	if slices.Contains(strings.Split(s.Field, "."), "") {
		return wasmflow.BadField("field", "is not a path like level or a.b")
	}
	for value, place := range s.Routes {
		if err := checkPlace("routes."+value, place); err != nil {
			return err
		}
	}
	if err := checkPlace("default", s.Default); err != nil {
		return err
	}
	return checkPlace("missing", s.Missing)
}

func checkPlace(field, place string) error {
	places := append([]string{placeMain, placeDrop, placeError}, outputs...)
	if slices.Contains(places, place) {
		return nil
	}
	return wasmflow.BadField(field, "is not one of "+strings.Join(places, ", "))
}

func init() {
	s := &settings{
		Field: "level",
		Routes: map[string]string{
			"error": "errors", "fatal": "errors", "audit": "audit",
			"debug": placeDrop, "trace": placeDrop,
		},
		Default: placeMain,
		Missing: placeError,
	}
	f := &function{settings: s}
	wasmflow.Plugin("json-route", "1.0.0")
	wasmflow.Config(s)
	wasmflow.OnOpen(f.open)
	wasmflow.Transform("json_route", f.transform, wasmflow.Outputs(outputs...),
		wasmflow.Doc("sends JSON records to outputs and topics by a field"))
}

func main() {}

type function struct {
	settings *settings
	path     []string
	parser   json.Parser
	target   []byte // scratch
}

func (f *function) open() error {
	f.path = strings.Split(f.settings.Field, ".")
	return nil
}

func (f *function) transform(_ *wasmflow.Context, r wasmflow.Record,
	out *wasmflow.Emitter) error {
	record, err := f.parser.Parse(r.Value())
	if err != nil {
		return err
	}
	value, ok := text(record.Get(f.path...))
	if !ok {
		return f.send(out, f.settings.Missing, nil, errMissing)
	}
	place, ok := f.settings.Routes[string(value)]
	if !ok {
		place = f.settings.Default
	}
	return f.send(out, place, value, errValue)
}

// text returns a field's value for comparison: strings without quotes, numbers and booleans as they
// stand. Null, arrays and objects count as missing.
func text(v json.Value) ([]byte, bool) {
	switch v.Kind() {
	case json.String:
		return v.Bytes(), true
	case json.Number, json.Bool:
		return v.Raw(), true
	}
	return nil, false
}

func (f *function) send(out *wasmflow.Emitter, place string, value []byte, refusal error) error {
	switch place {
	case placeDrop:
		return nil
	case placeError:
		return refusal
	}
	e := out.Forward()
	if place != placeMain {
		e.Output(place)
	}
	if f.settings.Target != "" && value != nil {
		e.TargetBytes(f.topic(value))
	}
	return nil
}

func (f *function) topic(value []byte) []byte {
	f.target = f.target[:0]
	rest := f.settings.Target
	for {
		before, after, found := strings.Cut(rest, "{value}")
		f.target = append(f.target, before...)
		if !found {
			return f.target
		}
		f.target = append(f.target, value...)
		rest = after
	}
}
