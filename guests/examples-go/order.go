package main

import "github.com/wasmflow/wasmflow/sdk/go/json"

// parser is used anew for each record.
var parser json.Parser

func routeOrder(_ context, r record, out emitter) error {
	const digitsMax, target = 15, "orders-"
	doc, err := parser.Parse(r.Value())
	if err != nil || doc.Kind() != json.Object {
		return errOrder
	}
	order, country, state := doc.Get("order"), doc.Get("country"), doc.Get("state")
	cents, whole := doc.Get("cents").Int()
	raw := doc.Get("cents").Raw()
	if order.Kind() != json.String || country.Kind() != json.String || state.Kind() != json.String ||
		!whole || len(raw) > digitsMax || !isDigit(raw[0]) {
		return errOrder
	}
	key, place := order.Bytes(), country.Bytes()
	if len(key) == 0 || len(place) != 2 || !isCapital(place[0]) || !isCapital(place[1]) {
		return errOrder
	}
	if string(state.Bytes()) == "cancelled" {
		return nil
	}
	topic := append(out.Buffer(len(target)+len(place)), target...)
	e := out.Forward().Key(key).TargetBytes(append(topic, place[0]|0x20, place[1]|0x20))
	if cents >= config.LargeCents {
		e.Output("large")
	}
	return nil
}

func isCapital(c byte) bool { return c >= 'A' && c <= 'Z' }
