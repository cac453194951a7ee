package protobuf

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

var update = flag.Bool("update", false, "write the golden file")

// onDisk lends the functions the local file system.
func onDisk() connectors.FunctionContext {
	disk := local.New(local.Options{})
	return connectors.FunctionContext{Env: connectors.Env{
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			return disk, url, nil
		},
	}}
}

func newDeserializer(t testing.TB, set func(*DeserializerOptions)) *Deserializer {
	t.Helper()
	o := NewDeserializerOptions()
	set(o)
	var p connectors.Problems
	o.Validate(&p)
	o.CheckFiles(t.Context(), onDisk().Env, &p)
	require.Empty(t, p.List)
	d, err := NewDeserializer(t.Context(), onDisk(), o)
	require.NoError(t, err)
	return d
}

func newSerializer(t testing.TB, set func(*SerializerOptions)) *Serializer {
	t.Helper()
	o := NewSerializerOptions()
	set(o)
	var p connectors.Problems
	o.Validate(&p)
	o.CheckFiles(t.Context(), onDisk().Env, &p)
	require.Empty(t, p.List)
	s, err := NewSerializer(t.Context(), onDisk(), o)
	require.NoError(t, err)
	return s
}

type function func(in, out *connectors.Batch, faults *connectors.Faults) error

func deserialize(t testing.TB, d *Deserializer) function {
	return func(in, out *connectors.Batch, faults *connectors.Faults) error {
		return d.Deserialize(t.Context(), in, out, faults)
	}
}

func serialize(t testing.TB, s *Serializer) function {
	return func(in, out *connectors.Batch, faults *connectors.Faults) error {
		return s.Serialize(t.Context(), in, out, faults)
	}
}

// do returns what one value becomes.
func do(t testing.TB, f function, value string) (got, fault string) {
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

const everything = `{"aDouble":"NaN","aFloat":0.5,"anInt32":-1,"anInt64":"-9223372036854775808",` +
	`"anUint32":1,"anUint64":"18446744073709551615","aSint32":-2,"aSint64":"-3","aFixed32":4,` +
	`"aFixed64":"5","aSfixed32":-6,"aSfixed64":"-7","aBool":true,"aString":"a \"text\" , \\ : \n\` +
	`u00e9",` +
	`"someBytes":"AP8=","suit":"HEARTS","numbers":[1,-2],"byName":{"a":{},"b":{"anInt32":1}},` +
	`"byNumber":{"-1":"x","2":"y"},"inner":{"suit":"HEARTS"},"maybe":0,"at":"2026-11-22T12:00:00.` +
	`001Z",` +
	`"span":"1.500s","wrapped":"8","free":{"k":[1,null,"s"]},` +
	`"any":{"@type":"type.googleapis.com/test.Everything","anInt32":3},"otherName":"r"}`

// TestGolden keeps the JSON form and the bytes of every type (P1).
func TestGolden(t *testing.T) {
	file := filepath.Join("testdata", "everything.proto")
	s := newSerializer(t, func(o *SerializerOptions) { o.SchemaFile = file })
	d := newDeserializer(t, func(o *DeserializerOptions) { o.SchemaFile = file })
	binary, fault := do(t, serialize(t, s), everything)
	require.Empty(t, fault)
	golden := filepath.Join("testdata", "everything.bin")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(binary), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, want, []byte(binary))
	got, fault := do(t, deserialize(t, d), binary)
	require.Empty(t, fault)
	require.JSONEq(t, everything, got)
	var compact strings.Builder
	require.NoError(t, compactInto(&compact, got))
	require.Equal(t, compact.String(), got) // no spaces of the library
	d = newDeserializer(t, func(o *DeserializerOptions) {
		o.SchemaFile, o.FieldNames, o.Defaults = file, namesProto, defaultsEmit
	})
	got, fault = do(t, deserialize(t, d), "\x18\x01")
	require.Empty(t, fault)
	require.Contains(t, got, `"an_int32":1,"an_int64":"0"`)
	require.Contains(t, got, `"numbers":[],"by_name":{}`)
}

func compactInto(b *strings.Builder, text string) error {
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return err
	}
	_, err := b.WriteString(out.String())
	return err
}

// TestDescriptorSet reads what protoc writes.
func TestDescriptorSet(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "everything.proto"))
	require.NoError(t, err)
	compiled, err := compile("everything.proto", string(text),
		func(string) (string, error) { return "", os.ErrNotExist })
	require.NoError(t, err)
	var set descriptorpb.FileDescriptorSet
	compiled.files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
		return true
	})
	data, err := proto.Marshal(&set)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "set.pb")
	require.NoError(t, os.WriteFile(file, data, 0o644))
	d := newDeserializer(t, func(o *DeserializerOptions) {
		o.SchemaFile, o.Message = file, "test.Everything"
	})
	got, fault := do(t, deserialize(t, d), "\x18\x01")
	require.Empty(t, fault)
	require.Equal(t, `{"anInt32":1}`, got)
}

func TestImports(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "shared", "geo"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "shared", "geo", "city.proto"),
		[]byte(`syntax = "proto3"; package geo; message City { string name = 1; }`), 0o644))
	d := newDeserializer(t, func(o *DeserializerOptions) {
		o.Imports = []string{filepath.Join(dir, "nothing"), filepath.Join(dir, "shared")}
		o.Schema = `syntax = "proto3"; import "geo/city.proto"; message P { geo.City home = 1; }`
	})
	got, fault := do(t, deserialize(t, d), "\x0a\x05\x0a\x03Ulm")
	require.Empty(t, fault)
	require.Equal(t, `{"home":{"name":"Ulm"}}`, got)
}

func TestFaults(t *testing.T) {
	const schema = `syntax = "proto3"; message M { int32 a = 1; string s = 2; M m = 3; }`
	d := newDeserializer(t, func(o *DeserializerOptions) { o.Schema = schema })
	for name, c := range map[string]struct{ value, want string }{
		"short":    {"\x12\x05ab", "the value is no message M: proto:"},
		"no text":  {"\x12\x01\xff", "invalid UTF-8"},
		"too deep": {nested(400), "recursion depth"},
	} {
		t.Run("deserializer, "+name, func(t *testing.T) {
			_, fault := do(t, deserialize(t, d), c.value)
			require.Contains(t, fault, c.want)
			require.NotContains(t, fault, "\u00a0")
		})
	}
	s := newSerializer(t, func(o *SerializerOptions) { o.Schema = schema })
	for name, c := range map[string]struct{ value, want string }{
		"no JSON":       {`{`, "no JSON at byte 1"},
		"unknown field": {`{"z":1}`, `unknown field "z"`},
		"other type":    {`{"a":"x"}`, "invalid value for int32"},
		"too large":     {`{"a":2147483648}`, "invalid value for int32"},
		"no object":     {`[]`, "the value does not fit message M: "},
		"too deep": {strings.Repeat(`{"m":`, 400) + "{}" + strings.Repeat("}", 400),
			"nested too deeply"},
	} {
		t.Run("serializer, "+name, func(t *testing.T) {
			_, fault := do(t, serialize(t, s), c.value)
			require.Contains(t, fault, c.want)
			require.NotContains(t, fault, "\u00a0")
		})
	}
	s = newSerializer(t, func(o *SerializerOptions) {
		o.Schema, o.UnknownFields = schema,
			unknownDrop
	})
	got, fault := do(t, serialize(t, s), `{"z":1,"a":2}`)
	require.Empty(t, fault)
	require.Equal(t, "\x08\x02", got)
}

// nested returns a message M within so many others.
func nested(depth int) string {
	var value []byte
	for range depth {
		value = append(appendLength([]byte{0x1a}, len(value)), value...)
	}
	return string(value)
}

func appendLength(dst []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

func TestSchemas(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*DeserializerOptions)
		key  string
		want string
	}{
		"syntax": {func(o *DeserializerOptions) { o.Schema = "message {" }, "schema",
			"schema.proto:1:9"},
		"import": {func(o *DeserializerOptions) { o.Schema = `syntax = "proto3"; import "x.proto";` },
			"schema", "x.proto"},
		"several": {func(o *DeserializerOptions) {
			o.Schema = `syntax = "proto3"; message A {} me` +
				`ssage B {}`
		}, "schema", "there are several messages; name one as message"},
		"no message": {func(o *DeserializerOptions) {
			o.Schema,
				o.Message = `syntax = "proto3"; message A {}`, "B"
		}, "schema", `there is no message "B"`},
		"an enum": {func(o *DeserializerOptions) {
			o.Schema,
				o.Message = `syntax = "proto3"; enum E { X = 0; }`, "E"
		}, "schema", `"E" is no message`},
		"no file": {func(o *DeserializerOptions) { o.SchemaFile = "nowhere.proto" }, "schema_file",
			"name the file of a schema"},
		"no set": {func(o *DeserializerOptions) { o.SchemaFile = "protobuf_test.go" }, "schema_file",
			"reading the set of descriptors"},
	} {
		t.Run(name, func(t *testing.T) {
			o := NewDeserializerOptions()
			c.set(o)
			var p connectors.Problems
			o.CheckFiles(t.Context(), onDisk().Env, &p)
			require.Len(t, p.List, 1)
			require.Equal(t, c.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, c.want)
			_, err := NewDeserializer(t.Context(), onDisk(), o)
			require.Error(t, err)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

// TestTombstonePasses has what crashes Flink's SimpleStringSchema: a null value is a value of
// its own.
func TestTombstonePasses(t *testing.T) {
	const schema = `syntax = "proto3"; message M { int32 a = 1; }`
	d := newDeserializer(t, func(o *DeserializerOptions) { o.Schema = schema })
	s := newSerializer(t, func(o *SerializerOptions) { o.Schema = schema })
	var in connectors.Batch
	in.Append().Key = []byte("k")
	for name, f := range map[string]function{"deserializer": deserialize(t, d),
		"serializer": serialize(t, s)} {
		t.Run(name, func(t *testing.T) {
			var out connectors.Batch
			var faults connectors.Faults
			require.NoError(t, f(&in, &out, &faults))
			require.Empty(t, faults.List)
			require.Equal(t, in.Records, out.Records)
		})
	}
}

// FuzzDeserialize checks that any bytes end in a fault or in JSON that comes back as a message with
// the same JSON.
func FuzzDeserialize(f *testing.F) {
	file := filepath.Join("testdata", "everything.proto")
	d := newDeserializer(f, func(o *DeserializerOptions) { o.SchemaFile = file })
	s := newSerializer(f, func(o *SerializerOptions) { o.SchemaFile = file })
	golden, err := os.ReadFile(filepath.Join("testdata", "everything.bin"))
	require.NoError(f, err)
	f.Add(string(golden))
	f.Add("\x18\x01")
	f.Fuzz(func(t *testing.T, value string) {
		got, fault := do(t, deserialize(t, d), value)
		if fault != "" {
			return
		}
		require.True(t, json.Valid([]byte(got)), got)
		binary, fault := do(t, serialize(t, s), got)
		if fault != "" {
			require.Contains(t, fault, "google.protobuf", got)
			return
		}
		again, fault := do(t, deserialize(t, d), binary)
		require.Empty(t, fault)
		require.Equal(t, got, again)
	})
}

func BenchmarkOrder(b *testing.B) {
	const schema = `syntax = "proto3"; message Item { string sku = 1; int32 count = 2; }
		message Order { int64 id = 1; string customer = 2; int64 at = 3; double total = 4;
			repeated Item items = 5; }`
	d := newDeserializer(b, func(o *DeserializerOptions) { o.Schema, o.Message = schema, "Order" })
	s := newSerializer(b, func(o *SerializerOptions) { o.Schema, o.Message = schema, "Order" })
	const order = `{"id":"4711","customer":"alice","at":"1795348800000","total":12.5,"items":[{"s` +
		`ku":"a-1","count":2},{"sku":"b-2","count":1}]}`
	binary, _ := do(b, serialize(b, s), order)
	m, err := d.parsed(b)
	require.NoError(b, err)
	b.Run("deserialize", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.form.appendJSON(nil, []byte(binary), m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("serialize", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.form.appendBinary(nil, []byte(order), m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// parsed returns the message that values are read as.
func (d *Deserializer) parsed(b *testing.B) (*message, error) {
	of, _, err := d.reader.Get(b.Context(), nil)
	return of.only, err
}
