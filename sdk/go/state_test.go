package wasmflow_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func TestMigrateRefusesWhatIsWrongInTheProgram(t *testing.T) {
	const from = 1 << 30
	f := func(*wasmflow.StateEntry) error { return nil }
	for name, register := range map[string]func(){
		"nil":   func() { wasmflow.Migrate(from, nil) },
		"twice": func() { wasmflow.Migrate(from, f); wasmflow.Migrate(from, f) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			register()
		})
	}
}

func TestMigrateRewritesAnEntryOrSaysWhyNot(t *testing.T) {
	const from = 1<<30 + 1
	wasmflow.Migrate(from, func(e *wasmflow.StateEntry) error {
		switch string(e.Value) {
		case "refuse":
			return errors.New("no such thing any more")
		case "panic":
			panic("at the disco")
		case "grow":
			e.Value = make([]byte, 1<<20)
			return nil
		}
		e.Namespace, e.Key = e.Namespace+1, bytes.ToUpper(e.Key)
		return nil
	})
	for name, test := range map[string]struct {
		from        uint32
		value, want string // an error that holds it, unless it is ""
	}{
		"rewritten":            {from, "v", ""},
		"an empty value":       {from, "", ""},
		"refused":              {from, "refuse", "no such thing any more"},
		"a panic":              {from, "panic", "at the disco"},
		"too large":            {from, "grow", "the limit is 1048576"},
		"no way from there":    {from + 1, "v", "no migration from state version 1073741826"},
		"not from the present": {0, "v", "no migration from state version 0"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sdktest.Migrate(t, test.from, wasmflow.StateEntry{
				Namespace: 7, Key: []byte("key"), Value: []byte(test.value),
			})
			switch {
			case test.want != "":
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q in it", err, test.want)
				}
			case err != nil:
				t.Error(err)
			case got.Namespace != 8 || string(got.Key) != "KEY" || string(got.Value) != test.value:
				t.Errorf("got %d %q %q", got.Namespace, got.Key, got.Value)
			}
		})
	}
}
