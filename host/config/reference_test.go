package config_test

import (
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
)

func TestReference(t *testing.T) {
	datadriven.RunTest(t, "testdata/reference", func(t *testing.T, d *datadriven.TestData) string {
		return config.Reference(registry())
	})
}

func TestCheckRegistryAcceptsTheTestConnectors(t *testing.T) {
	require.NoError(t, config.CheckRegistry(registry()))
}

type faultyTLS struct {
	CA string `toml:"ca"`
}

type faultySource struct {
	generatorSource
	OnError  string         `toml:"on_error" doc:"Taken."`
	CamelKey string         `toml:"camelKey" doc:"Not snake case."`
	Again    string         `toml:"count" doc:"Twice."`
	Opaque   chan int       `toml:"opaque" doc:"No form."`
	Bucket   bucketer       `toml:"bucket" doc:"No form either."`
	ByNumber map[int]string `toml:"by_number" doc:"Keys are no strings."`
	TLS      faultyTLS      `toml:"tls"`
}

func TestCheckRegistryNamesFaults(t *testing.T) {
	err := config.CheckRegistry(config.Registry{Connectors: []connectors.Spec{{
		Name:      "faulty",
		NewSource: func() connectors.SourceConfig { return &faultySource{} },
	}}})
	require.EqualError(t, err, `source faulty: on_error: the key is taken
source faulty: camelKey: not snake_case
source faulty: count: the key is taken
source faulty: opaque: type chan int needs a form tag, or cannot be decoded
source faulty: bucket: type config_test.bucketer needs a form tag, or cannot be decoded
source faulty: by_number: type map[int]string needs a form tag, or cannot be decoded
source faulty: tls: ca: no doc tag
faulty: no Doc`)
}
