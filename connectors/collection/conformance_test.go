package collection_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

func TestConformance(t *testing.T) {
	config := parse(t, `
		records = [
			"a", "", { key = "null value" }, { key = "k", value = "b", timestamp = 5 },
			"some", "more", "records", "to", "cut", "between", "them", "a",
			{ value = "c", headers = { x = "1", y = "2" } },
		]`)
	connectortest.RunSource(t, connectortest.SourceHarness{
		Guarantee: connectors.ExactlyOnce,
		Values: []string{
			"a", "", "", "b", "some", "more", "records", "to", "cut", "between", "them", "a", "c",
		},
		Open: func(t *testing.T, _ int) connectors.Source {
			s, err := config.Open(t.Context(), connectors.Env{})
			require.NoError(t, err)
			return s
		},
	})
}
