package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/jsonschema"
	"github.com/wasmflow/wasmflow/connectors/format/protobuf"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

func TestSubjects(t *testing.T) {
	for name, c := range map[string]struct {
		fc      connectors.FunctionContext
		set     func(*avro.SerializerOptions)
		target  string
		subject string
		fails   string
	}{
		"value": {fc: orders, subject: "orders-value"},
		"key": {fc: connectors.FunctionContext{Topic: "orders", Key: true},
			subject: "orders-key"},
		"target":   {fc: orders, target: "other", subject: "other-value"},
		"no topic": {fails: "naming a subject by topic: the sink has no topic; set subject"},
		"named": {set: func(o *avro.SerializerOptions) { o.Subject = "mine" }, target: "other",
			subject: "mine"},
		"record": {set: func(o *avro.SerializerOptions) { o.SubjectName = registry.ByRecord },
			subject: "test.User"},
		"topic-record": {fc: orders,
			set:     func(o *avro.SerializerOptions) { o.SubjectName = registry.ByTopicRecord },
			subject: "orders-test.User"},
		"without a name": {fc: orders, set: func(o *avro.SerializerOptions) {
			o.SubjectName,
				o.Schema = registry.ByRecord, `"int"`
		},
			fails: "naming a subject by record: the schema has no name; set subject"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newServer(t)
			o := avroOptions(at(fake.URL()), userV1)
			if c.set != nil {
				c.set(o)
			}
			s, err := avro.NewSerializer(t.Context(), c.fc, o)
			if err == nil {
				_, err = tryWrite(t, s, c.target, `{"name":"a"}`)
			}
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				require.Equal(t, connectors.Fatal, connectors.Classify(err))
				return
			}
			require.NoError(t, err)
			require.True(t, fake.SubjectExists(c.subject))
		})
	}
}

// TestDryRun changes nothing outside (R5).
func TestDryRun(t *testing.T) {
	fake := newServer(t)
	s := avroWriter(t, connectors.FunctionContext{Topic: "orders", Dry: true},
		avroOptions(at(fake.URL()), userV1))
	require.Equal(t, []string{"\x00\x00\x00\x00\x00\x02a"}, write(t, s, `{"name":"a"}`))
	require.False(t, fake.SubjectExists("orders-value"))
}

func TestLatest(t *testing.T) {
	fake := newServer(t)
	fake.SeedSchema("orders-value", 1, 11, sr.Schema{Schema: userV1})
	fake.SeedSchema("orders-value", 2, 12, sr.Schema{Schema: userV2})
	o := avroOptions(at(fake.URL()), "")
	o.Registration = registry.Latest
	s := avroWriter(t, orders, o)
	require.Equal(t, []string{"\x00\x00\x00\x00\x0c\x02a\x0e"}, write(t, s, `{"name":"a"}`))
}

// TestReferences has a schema of one subject name a type of another, in every language.
func TestReferences(t *testing.T) {
	const city = `{"type":"record","name":"City","namespace":"test","fields":[{"name":"name","typ` +
		`e":"string"}]}`
	const cityProto = "syntax = \"proto3\"; package test; message City { string name = 1; }"
	const cityJSON = `{"type":"object","required":["name"]}`
	fake := newServer(t)
	fake.SeedSchema("city", 1, 1, sr.Schema{Schema: city})
	fake.SeedSchema("city-proto", 1, 2, sr.Schema{Schema: cityProto, Type: sr.TypeProtobuf})
	fake.SeedSchema("city-json", 1, 3, sr.Schema{Schema: cityJSON, Type: sr.TypeJSON})
	value := `{"home":{"name":"Ulm"}}`
	t.Run("avro", func(t *testing.T) {
		o := avroOptions(at(fake.URL()),
			`{"type":"record","name":"P","fields":[{"name":"home","type":"test.City"}]}`)
		o.References = []registry.Reference{{Name: "test.City", Subject: "city", Version: 1}}
		binary := write(t, avroWriter(t, orders, o), value)
		require.Equal(t, []string{value}, read(t, avroReader(t, at(fake.URL())), binary...))
		require.Contains(t, fake.requests(), "GET /subjects/city/versions/1")
	})
	t.Run("protobuf", func(t *testing.T) {
		o := protobuf.NewSerializerOptions()
		o.Registry, o.Subject = at(fake.URL()), "p"
		o.Schema = "syntax = \"proto3\"; import \"city.proto\"; import \"google/protobuf/timestamp.p" +
			"roto\"; message P { test.City home = 1; google.protobuf.Timestamp at = 2; }"
		o.References = []registry.Reference{{Name: "city.proto", Subject: "city-proto", Version: 1}}
		s, err := protobuf.NewSerializer(t.Context(), orders, o)
		require.NoError(t, err)
		x := protobuf.NewDeserializerOptions()
		x.Registry = at(fake.URL())
		d, err := protobuf.NewDeserializer(t.Context(), connectors.FunctionContext{}, x)
		require.NoError(t, err)
		timed := `{"home":{"name":"Ulm"},"at":"2026-11-22T12:00:00Z"}`
		require.Equal(t, []string{timed}, read(t, d, write(t, s, timed)...))
	})
	t.Run("json-schema", func(t *testing.T) {
		o := jsonschema.NewSerializerOptions()
		o.Registry, o.Subject = at(fake.URL()), "j"
		o.Schema = `{"type":"object","properties":{"home":{"$ref":"city.json"}}}`
		o.References = []registry.Reference{{Name: "city.json", Subject: "city-json", Version: 1}}
		s, err := jsonschema.NewSerializer(t.Context(), orders, o)
		require.NoError(t, err)
		x := jsonschema.NewDeserializerOptions()
		x.Registry = at(fake.URL())
		d, err := jsonschema.NewDeserializer(t.Context(), connectors.FunctionContext{}, x)
		require.NoError(t, err)
		require.Equal(t, []string{value}, read(t, d, write(t, s, value)...))
		require.Equal(t,
			[]string{"fault: the value does not fit its JSON Schema: at /home: missing property 'name'"},
			write(t, s, `{"home":{}}`))
	})
	t.Run("missing", func(t *testing.T) {
		o := avroOptions(at(fake.URL()), `"test.City"`)
		o.References = []registry.Reference{{Name: "test.City", Subject: "nowhere", Version: 1}}
		_, err := avro.NewSerializer(t.Context(), orders, o)
		require.ErrorIs(t, err, registry.ErrSubject)
		require.ErrorContains(t, err, "following the reference to test.City")
	})
}
