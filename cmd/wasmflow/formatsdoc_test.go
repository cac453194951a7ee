package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/protobuf"
	"github.com/wasmflow/wasmflow/host/config"
)

var fenced = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// TestFormatsPage checks the examples of docs/formats.md: every job is valid, and every value comes
// back from the form that its schema gives it.
func TestFormatsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats.md")
	require.NoError(t, err)
	files := map[string]string{"token": "t", "ca.pem": ""}
	var jobs, values []string
	schema := ""
	for _, m := range fenced.FindAllStringSubmatch(string(page), -1) {
		switch kind, text := m[1], m[2]; kind {
		case "toml":
			jobs = append(jobs, text)
		case "avsc", "proto":
			schema = "order." + kind
			files[schema] = text
		case "json":
			values = append(values, schema, strings.TrimSpace(text))
		}
	}
	require.Len(t, jobs, 4)
	require.Len(t, values, 4)
	p, _, _ := testProcess(t)
	for i, job := range jobs {
		t.Run(fmt.Sprintf("job %d", i+1), func(t *testing.T) {
			files["job.toml"] = job
			dir := folder(t, files)
			loaded, err := config.Load(filepath.Join(dir, "job.toml"), registry(p), config.Options{
				LookupEnv: func(string) (string, bool) { return "secret", true },
			})
			require.NoError(t, err)
			engine, err := newEngine(t.Context(), p, loaded, running{}, quiet())
			require.NoError(t, err)
			require.NoError(t, engine.Close(t.Context()))
		})
	}
	for i := 0; i < len(values); i += 2 {
		t.Run(values[i], func(t *testing.T) { bothWays(t, files[values[i]], values[i+1]) })
	}
}

// bothWays writes a value in the form of a schema and reads it again.
func bothWays(t *testing.T, schema, value string) {
	var s connectors.Serializer
	var d connectors.Deserializer
	var err, failed error
	if strings.Contains(schema, "proto3") {
		w, r := protobuf.NewSerializerOptions(), protobuf.NewDeserializerOptions()
		w.Schema, r.Schema = schema, schema
		s, err = protobuf.NewSerializer(t.Context(), connectors.FunctionContext{}, w)
		d, failed = protobuf.NewDeserializer(t.Context(), connectors.FunctionContext{}, r)
	} else {
		w, r := avro.NewSerializerOptions(), avro.NewDeserializerOptions()
		w.Schema, r.Schema = schema, schema
		s, err = avro.NewSerializer(t.Context(), connectors.FunctionContext{}, w)
		d, failed = avro.NewDeserializer(t.Context(), connectors.FunctionContext{}, r)
	}
	require.NoError(t, errors.Join(err, failed))
	var in, binary, out connectors.Batch
	var faults connectors.Faults
	in.Append().Value = []byte(value)
	require.NoError(t, s.Serialize(t.Context(), &in, &binary, &faults))
	require.NoError(t, d.Deserialize(t.Context(), &binary, &out, &faults))
	require.Empty(t, faults.List)
	require.NotContains(t, string(binary.Records[0].Value), "4711")
	require.Equal(t, value, string(out.Records[0].Value))
}
