package wasmflow_test

import (
	"testing"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
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
