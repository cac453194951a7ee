package registry_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/jsonschema"
	"github.com/wasmflow/wasmflow/connectors/format/protobuf"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// TestRealRegistry does with a registry of another maker what the fake only plays.
func TestRealRegistry(t *testing.T) {
	server, err := servers.StartRegistry(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	client, err := sr.NewClient(sr.URLs(server.URL()))
	require.NoError(t, err)
	for _, set := range client.SetCompatibility(t.Context(),
		sr.SetCompatibility{Level: sr.CompatBackward}) {
		require.NoError(t, set.Err)
	}
	o := at(server.URL())
	t.Run("avro", func(t *testing.T) { realAvro(t, o) })
	t.Run("incompatible", func(t *testing.T) { realIncompatible(t, o) })
	t.Run("protobuf", func(t *testing.T) { realProtobuf(t, o) })
	t.Run("json schema", func(t *testing.T) { realJSON(t, o) })
	t.Run("lookup and latest", func(t *testing.T) { realLookup(t, o) })
	t.Run("references", func(t *testing.T) { realReferences(t, o) })
	t.Run("unknown id", func(t *testing.T) {
		got := read(t, avroReader(t, o), "\x00\x00\x0f\x42\x40x")
		require.Len(t, got, 1)
		require.Contains(t, got[0], "the schema registry has no schema of this id")
	})
	t.Run("invalid schema", func(t *testing.T) {
		c, err := registry.Open(t.Context(), connectors.Env{}, &o)
		require.NoError(t, err)
		_, err = c.Register(t.Context(), "bad", registry.Schema{Text: `{"type":"nothing"}`})
		require.ErrorIs(t, err, registry.ErrInvalid)
		require.Equal(t, connectors.Fatal, connectors.Classify(err))
	})
	t.Run("credentials", func(t *testing.T) { realCredentials(t, server.URL()) })
}

func realAvro(t *testing.T, o registry.Options) {
	s := avroWriter(t, orders, avroOptions(o, userV1))
	newer := avroWriter(t, orders, avroOptions(o, userV2)) // compatible: a default
	d := avroReader(t, o, func(x *avro.DeserializerOptions) { x.ReaderSchema = userV2 })
	values := append(write(t, s, `{"name":"a"}`), write(t, newer, `{"name":"b","age":1}`)...)
	require.NotEqual(t, values[0][:5], values[1][:5])
	require.Equal(t, []string{`{"name":"a","age":7}`, `{"name":"b","age":1}`}, read(t, d, values...))
}

func realIncompatible(t *testing.T, o registry.Options) {
	x := avroOptions(o, userV1)
	x.Subject = "strict"
	avroWriter(t, orders, x)
	x = avroOptions(o, strings.Replace(userV2, `,"default":7`, "", 1))
	x.Subject = "strict"
	_, err := avro.NewSerializer(t.Context(), orders, x)
	require.ErrorIs(t, err, registry.ErrIncompatible)
	require.ErrorContains(t, err, `subject "strict"`)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

func realProtobuf(t *testing.T, o registry.Options) {
	x := protobuf.NewSerializerOptions()
	x.Registry, x.Subject, x.Message = o, "proto", "test.User"
	x.Schema = "syntax = \"proto3\";\npackage test;\nmessage Other { int32 x = 1; }\n" +
		"message User { string name = 1; }\n"
	s, err := protobuf.NewSerializer(t.Context(), connectors.FunctionContext{}, x)
	require.NoError(t, err)
	y := protobuf.NewDeserializerOptions()
	y.Registry = o
	d, err := protobuf.NewDeserializer(t.Context(), connectors.FunctionContext{}, y)
	require.NoError(t, err)
	require.Equal(t, []string{`{"name":"a"}`}, read(t, d, write(t, s, `{"name":"a"}`)...))
}

func realJSON(t *testing.T, o registry.Options) {
	x := jsonschema.NewSerializerOptions()
	x.Registry, x.Subject, x.Schema = o, "json", `{"$schema":"http://json-schema.org/draft-07/sch`+
		`ema#","type":"object","required":["name"]}`
	s, err := jsonschema.NewSerializer(t.Context(), connectors.FunctionContext{}, x)
	require.NoError(t, err)
	y := jsonschema.NewDeserializerOptions()
	y.Registry = o
	d, err := jsonschema.NewDeserializer(t.Context(), connectors.FunctionContext{}, y)
	require.NoError(t, err)
	values := write(t, s, `{"name":"a"}`, `{}`)
	require.Contains(t, values[1], "missing property 'name'")
	require.Equal(t, []string{`{"name":"a"}`}, read(t, d, values[0]))
}

func realLookup(t *testing.T, o registry.Options) {
	x := avroOptions(o, `"long"`)
	x.Subject, x.Registration = "numbers", registry.Lookup
	_, err := avro.NewSerializer(t.Context(), orders, x)
	require.ErrorIs(t, err, registry.ErrSubject)
	x.Registration = registry.Register
	avroWriter(t, orders, x)
	x.Registration = registry.Lookup
	avroWriter(t, orders, x)
	y := avroOptions(o, "")
	y.Subject, y.Registration = "numbers", registry.Latest
	require.Equal(t, "\x0a", write(t, avroWriter(t, orders, y), "5")[0][5:])
	x.Schema = `"string"`
	_, err = avro.NewSerializer(t.Context(), orders, x)
	require.ErrorIs(t, err, registry.ErrNotRegistered)
}

func realReferences(t *testing.T, o registry.Options) {
	city := avroOptions(o,
		`{"type":"record","name":"City","namespace":"test","fields":[{"name":"name","type":"string"}]}`)
	city.Subject = "city"
	avroWriter(t, orders, city)
	x := avroOptions(o, `{"type":"record","name":"P","fields":[{"name":"home","type":"test.City"}]}`)
	x.Subject = "person"
	x.References = []registry.Reference{{Name: "test.City", Subject: "city", Version: 1}}
	value := `{"home":{"name":"Ulm"}}`
	require.Equal(t, []string{value}, read(t, avroReader(t, o), write(t, avroWriter(t, orders, x),
		value)...))
}

// realCredentials puts a proxy that asks for a password or a token before the registry.
func realCredentials(t *testing.T, address string) {
	target, err := url.Parse(address)
	require.NoError(t, err)
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host})
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if (user != "u" || password != "right") && r.Header.Get("Authorization") != "Bearer right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	for _, present := range []func(*registry.Options, string){
		func(o *registry.Options, secret string) {
			o.Username, o.Password = "u", connectors.NewSecret(secret)
		},
		func(o *registry.Options, secret string) { o.Token = connectors.NewSecret(secret) },
	} {
		o := at(proxy.URL + target.Path)
		present(&o, "right")
		require.NoError(t, registry.Check(t.Context(), connectors.Env{}, &o))
		present(&o, "wrong")
		require.ErrorIs(t, registry.Check(t.Context(), connectors.Env{}, &o), registry.ErrCredentials)
		_, err = avro.NewSerializer(t.Context(), orders, avroOptions(o, userV1))
		require.ErrorIs(t, err, registry.ErrCredentials)
		require.Equal(t, connectors.Fatal, connectors.Classify(err))
		require.NotContains(t, err.Error(), "wrong")
	}
}
