package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"github.com/wasmflow/wasmflow/sdk/go"
)

type config struct {
	Suffix string // of every value
	Open   string // "trap" or "refuse"
	Trap   string // traps on values that end so
	Refuse string // refuses values that end so
	From   int    // traps on numbers from here on; 0 is none
	After  int    // traps after so many records; 0 is never
}

var (
	settings config
	seen     int // records of this instance
)

func init() {
	wasmflow.Plugin("engine-test", "1")
	wasmflow.Config(&settings)
	wasmflow.OnOpen(func() error {
		switch settings.Open {
		case "trap":
			os.Exit(3)
		case "refuse":
			return wasmflow.BadField("open", "told to refuse")
		}
		return nil
	})
	wasmflow.Transform("mark", mark)
	wasmflow.Bucketer("mark-bucket", func(_ *wasmflow.Context, _ wasmflow.Record, dst []byte,
	) ([]byte, error) {
		return append(dst, settings.Suffix...), nil
	})
}

func main() {}

func mark(_ *wasmflow.Context, r wasmflow.Record, out *wasmflow.Emitter) error {
	v := r.Value()
	if settings.Trap != "" && bytes.HasSuffix(v, []byte(settings.Trap)) {
		os.Exit(3)
	}
	if seen++; settings.After > 0 && seen > settings.After {
		os.Exit(3)
	}
	if n, err := strconv.Atoi(string(v)); err == nil && settings.From > 0 && n >= settings.From {
		os.Exit(3)
	}
	if settings.Refuse != "" && bytes.HasSuffix(v, []byte(settings.Refuse)) {
		return errors.New("told to refuse")
	}
	out.Value(append(append(make([]byte, 0, len(v)+len(settings.Suffix)), v...), settings.Suffix...))
	return nil
}
