package generator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/generator"
)

func TestConformance(t *testing.T) {
	for name, config := range map[string]generator.Config{
		"rendered": {
			Count: 70, Seed: 3, Key: "{int 0 9}", Template: "{seq} {uuid} {choice a b}",
		},
		"constant":  {Count: 70, Template: "always the same"},
		"at a rate": {Count: 70, Template: "{seq}", Rate: 1e6},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.RunSource(t, connectortest.SourceHarness{
				Guarantee: connectors.ExactlyOnce,
				Open: func(t *testing.T, parallelism int) connectors.Source {
					e := env()
					e.Parallelism = parallelism
					s, err := config.Open(t.Context(), e)
					require.NoError(t, err)
					return s
				},
			})
		})
	}
}
