package jsonschema

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// onDisk lends the functions the local file system.
func onDisk() connectors.FunctionContext {
	disk := local.New(local.Options{})
	return connectors.FunctionContext{Env: connectors.Env{
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			return disk, url, nil
		},
	}}
}

func newBoth(t testing.TB, o FileOptions) map[string]function {
	t.Helper()
	r, w := NewDeserializerOptions(), NewSerializerOptions()
	r.FileOptions, w.FileOptions = o, o
	for _, x := range []interface {
		connectors.FunctionOptions
		connectors.FileChecker
	}{r, w} {
		var p connectors.Problems
		x.Validate(&p)
		x.CheckFiles(t.Context(), onDisk().Env, &p)
		require.Empty(t, p.List)
	}
	d, err := NewDeserializer(t.Context(), onDisk(), r)
	require.NoError(t, err)
	s, err := NewSerializer(t.Context(), onDisk(), w)
	require.NoError(t, err)
	return map[string]function{
		"deserializer": func(in, out *connectors.Batch, faults *connectors.Faults) error {
			return d.Deserialize(t.Context(), in, out, faults)
		},
		"serializer": func(in, out *connectors.Batch, faults *connectors.Faults) error {
			return s.Serialize(t.Context(), in, out, faults)
		},
	}
}

type function func(in, out *connectors.Batch, faults *connectors.Faults) error

func (f function) of(t testing.TB, value string) (got, fault string) {
	t.Helper()
	var in, out connectors.Batch
	var faults connectors.Faults
	in.Append().Value = []byte(value)
	require.NoError(t, f(&in, &out, &faults))
	if len(faults.List) > 0 {
		return "", faults.List[0].Text
	}
	return string(out.Records[0].Value), ""
}

func TestBothSides(t *testing.T) {
	const schema = `{"type":"object","required":["id","at"],"additionalProperties":false,"properties":{
		"id":{"type":"integer","minimum":1},"at":{"type":"string","format":"date-time"},
		"tags":{"type":"array","items":{"enum":["a","b"]}}}}`
	const fits = `{ "id" : 9007199254740993, "at": "2026-11-22T12:00:00Z", "tags": ["a"] }`
	const does = "the value does not fit its JSON Schema: "
	for side, f := range newBoth(t, FileOptions{Schema: schema, Formats: formatsCheck}) {
		for name, c := range map[string]struct{ value, got, fault string }{
			"fits":     {fits, fits, ""}, // as it stands, digits and spaces included
			"missing":  {`{"id":1}`, "", does + "at /: missing property 'at'"},
			"several":  {`{"id":0,"at":"x","tags":["a","c"],"z":1}`, "", ""},
			"no JSON":  {`{"id":`, "", "no JSON at byte 6: want a value"},
			"too deep": {strings.Repeat("[", 1000), "", "no JSON at byte 301: it is nested too deeply"},
			"format":   {`{"id":1,"at":"noon"}`, "", does + "at /at: 'noon' is not valid date-time: "},
		} {
			t.Run(side+", "+name, func(t *testing.T) {
				got, fault := f.of(t, c.value)
				require.Equal(t, c.got, got)
				if name == "several" {
					require.Equal(t, 2, strings.Count(fault, "; at /"), fault)
					require.Contains(t, fault, "; and 1 more")
					return
				}
				require.True(t, strings.HasPrefix(fault, c.fault), fault)
				require.Equal(t, c.fault == "", fault == "")
			})
		}
	}
}

func TestFormatsIgnored(t *testing.T) {
	for _, f := range newBoth(t, FileOptions{Schema: `{"format":"date"}`, Formats: formatsIgnore}) {
		got, fault := f.of(t, `"noon"`)
		require.Empty(t, fault)
		require.Equal(t, `"noon"`, got)
	}
}

// TestReferredFiles finds schemas beside the schema, and none elsewhere (J1).
func TestReferredFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	write("city.json", `{"type":"object","required":["name"]}`)
	file := write("person.json", `{"properties":{"home":{"$ref":"city.json"}}}`)
	for _, f := range newBoth(t, FileOptions{SchemaFile: file, Formats: formatsCheck}) {
		_, fault := f.of(t, `{"home":{}}`)
		require.Contains(t, fault, "at /home: missing property 'name'")
	}
	for name, ref := range map[string]string{
		"elsewhere": "../../etc/passwd", "far": "http://127.0.0.1:1/x.json",
		"a file":  "file:///etc/passwd",
		"missing": "nowhere.json",
	} {
		t.Run(name, func(t *testing.T) {
			o := NewDeserializerOptions()
			o.SchemaFile = write("bad.json", `{"$ref":"`+ref+`"}`)
			var p connectors.Problems
			o.CheckFiles(t.Context(), onDisk().Env, &p)
			require.Len(t, p.List, 1)
			require.Equal(t, "schema_file", p.List[0].Key)
			require.Contains(t, p.List[0].Text, "is neither beside the schema nor among its references")
		})
	}
}

func TestSchemas(t *testing.T) {
	for name, schema := range map[string]string{
		"no JSON": `{`, "no schema": `{"type":"nothing"}`, "no pattern": `{"pattern":"("}`,
	} {
		t.Run(name, func(t *testing.T) {
			o := NewSerializerOptions()
			o.Schema = schema
			var p connectors.Problems
			o.CheckFiles(t.Context(), connectors.Env{}, &p)
			require.Len(t, p.List, 1)
			require.Equal(t, "schema", p.List[0].Key)
			require.NotContains(t, p.List[0].Text, "\n")
			_, err := NewSerializer(t.Context(), connectors.FunctionContext{}, o)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

// TestTombstonePasses has what crashes Flink's SimpleStringSchema: a null value is a value of
// its own.
func TestTombstonePasses(t *testing.T) {
	var in connectors.Batch
	in.Append().Key = []byte("k")
	for side, f := range newBoth(t, FileOptions{Schema: `{"type":"object"}`, Formats: formatsCheck}) {
		t.Run(side, func(t *testing.T) {
			var out connectors.Batch
			var faults connectors.Faults
			require.NoError(t, f(&in, &out, &faults))
			require.Empty(t, faults.List)
			require.Equal(t, in.Records, out.Records)
		})
	}
}

func FuzzCheck(f *testing.F) {
	s, err := compile(`{"type":"object","properties":{"a":{"$ref":"#"},"b":{"pattern":"^x*$"}}}`, true,
		func(string) (string, error) { return "", os.ErrNotExist })
	require.NoError(f, err)
	f.Add([]byte(`{"a":{"a":{"b":"xx"}}}`))
	f.Add([]byte(`{"b":1e999}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		if err := s.check(value); err != nil {
			require.NotContains(t, err.Error(), "\n")
		}
	})
}
