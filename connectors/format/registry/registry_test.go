package registry_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	library "github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/jsonschema"
	"github.com/wasmflow/wasmflow/connectors/format/protobuf"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

// server is a fake registry that notes what it is asked.
type server struct {
	*srfake.Registry
	mu    sync.Mutex
	asked []string
}

func newServer(t *testing.T, opts ...srfake.Option) *server {
	s := &server{Registry: srfake.New(opts...)}
	t.Cleanup(s.Close)
	s.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		return false
	})
	return s
}

// requests returns what was asked since the last call.
func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// at returns options of a registry at the addresses, with little patience.
func at(urls ...string) registry.Options {
	o := registry.NewOptions()
	o.URLs, o.Patience = urls, connectors.Duration(time.Millisecond)
	return o
}

func avroReader(t *testing.T, o registry.Options,
	set ...func(*avro.DeserializerOptions)) *avro.Deserializer {
	t.Helper()
	options := avro.NewDeserializerOptions()
	options.Registry = o
	for _, f := range set {
		f(options)
	}
	d, err := avro.NewDeserializer(t.Context(), connectors.FunctionContext{}, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func avroOptions(o registry.Options, schema string) *avro.SerializerOptions {
	options := avro.NewSerializerOptions()
	options.Registry, options.Schema = o, schema
	return options
}

func avroWriter(t *testing.T, fc connectors.FunctionContext,
	o *avro.SerializerOptions) *avro.Serializer {
	t.Helper()
	s, err := avro.NewSerializer(t.Context(), fc, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// read returns what values become, or the text of the fault.
func read(t *testing.T, d connectors.Deserializer, values ...string) (out []string) {
	t.Helper()
	out, err := tryRead(t, d, values...)
	require.NoError(t, err)
	return out
}

func tryRead(t *testing.T, d connectors.Deserializer, values ...string) (texts []string,
	err error) {
	t.Helper()
	var in, out connectors.Batch
	var faults connectors.Faults
	for _, v := range values {
		in.Append().Value = []byte(v)
	}
	err = d.Deserialize(t.Context(), &in, &out, &faults)
	return resultsOf(&in, &out, &faults), err
}

func write(t *testing.T, s connectors.Serializer, values ...string) (out []string) {
	t.Helper()
	out, err := tryWrite(t, s, "", values...)
	require.NoError(t, err)
	return out
}

func tryWrite(t *testing.T, s connectors.Serializer, target string, values ...string,
) (texts []string, err error) {
	t.Helper()
	var in, out connectors.Batch
	var faults connectors.Faults
	for _, v := range values {
		r := in.Append()
		r.Value = []byte(v)
		if target != "" {
			r.Target = in.TargetIndex(target)
		}
	}
	err = s.Serialize(t.Context(), &in, &out, &faults)
	return resultsOf(&in, &out, &faults), err
}

func resultsOf(in, out *connectors.Batch, faults *connectors.Faults) (texts []string) {
	for _, r := range out.Records {
		texts = append(texts, string(r.Value))
	}
	for _, f := range faults.List {
		texts = append(texts, "fault: "+f.Text)
	}
	return texts
}

const userV1 = `{"type":"record","name":"User","namespace":"test","fields":[{"name":"name","ty` +
	`pe":"string"}]}`

const userV2 = `{"type":"record","name":"User","namespace":"test","fields":[{"name":"name","ty` +
	`pe":"string"},{"name":"age","type":"int","default":7}]}`

// orders is a sink whose topic is orders.
var orders = connectors.FunctionContext{Topic: "orders"}

// TestRoundTrip writes and reads through a registry, and counts the questions (R1).
func TestRoundTrip(t *testing.T) {
	const proto = "syntax = \"proto3\";\npackage test;\nmessage Other { int32 x = 1; }\n" +
		"message User { message Inner { int64 n = 1; } string name = 1; repeated Inner inner = 2; }\n"
	const json = `{"title":"User","type":"object","properties":{"name":{"type":"string"}},"requir` +
		`ed":["name"]}`
	for name, c := range map[string]struct {
		writer func(o registry.Options) (connectors.Serializer, error)
		reader func(o registry.Options) (connectors.Deserializer, error)
		header string
		value  string
	}{
		"avro": {
			func(o registry.Options) (connectors.Serializer, error) {
				return avro.NewSerializer(t.Context(), orders, avroOptions(o, userV1))
			},
			func(o registry.Options) (connectors.Deserializer, error) {
				x := avro.NewDeserializerOptions()
				x.Registry = o
				return avro.NewDeserializer(t.Context(), connectors.FunctionContext{}, x)
			},
			"\x00\x00\x00\x00\x01\x0aalice", `{"name":"alice"}`,
		},
		"protobuf, second message": {
			func(o registry.Options) (connectors.Serializer, error) {
				x := protobuf.NewSerializerOptions()
				x.Registry, x.Schema, x.Message = o, proto, "test.User"
				return protobuf.NewSerializer(t.Context(), orders, x)
			},
			func(o registry.Options) (connectors.Deserializer, error) {
				x := protobuf.NewDeserializerOptions()
				x.Registry = o
				return protobuf.NewDeserializer(t.Context(), connectors.FunctionContext{}, x)
			},
			"\x00\x00\x00\x00\x01\x02\x02\x0a\x05alice", `{"name":"alice","inner":[{"n":"5"}]}`,
		},
		"protobuf, nested message": {
			func(o registry.Options) (connectors.Serializer, error) {
				x := protobuf.NewSerializerOptions()
				x.Registry, x.Schema, x.Message = o, proto, "test.User.Inner"
				return protobuf.NewSerializer(t.Context(), orders, x)
			},
			func(o registry.Options) (connectors.Deserializer, error) {
				x := protobuf.NewDeserializerOptions()
				x.Registry = o
				return protobuf.NewDeserializer(t.Context(), connectors.FunctionContext{}, x)
			},
			"\x00\x00\x00\x00\x01\x04\x02\x00\x08\x05", `{"n":"5"}`,
		},
		"protobuf, first message": {
			func(o registry.Options) (connectors.Serializer, error) {
				x := protobuf.NewSerializerOptions()
				x.Registry, x.Schema, x.Message = o, proto, "test.Other"
				return protobuf.NewSerializer(t.Context(), orders, x)
			},
			func(o registry.Options) (connectors.Deserializer, error) {
				x := protobuf.NewDeserializerOptions()
				x.Registry = o
				return protobuf.NewDeserializer(t.Context(), connectors.FunctionContext{}, x)
			},
			"\x00\x00\x00\x00\x01\x00\x08\x05", `{"x":5}`,
		},
		"json-schema": {
			func(o registry.Options) (connectors.Serializer, error) {
				x := jsonschema.NewSerializerOptions()
				x.Registry, x.Schema = o, json
				return jsonschema.NewSerializer(t.Context(), orders, x)
			},
			func(o registry.Options) (connectors.Deserializer, error) {
				x := jsonschema.NewDeserializerOptions()
				x.Registry = o
				return jsonschema.NewDeserializer(t.Context(), connectors.FunctionContext{}, x)
			},
			"\x00\x00\x00\x00\x01{", `{"name":"alice"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newServer(t)
			s, err := c.writer(at(fake.URL()))
			require.NoError(t, err)
			d, err := c.reader(at(fake.URL()))
			require.NoError(t, err)
			require.Equal(t, []string{"POST /subjects/orders-value/versions"}, fake.requests())
			binary := write(t, s, c.value, c.value, c.value)
			require.Len(t, binary, 3)
			require.True(t, strings.HasPrefix(binary[0], c.header), "%q", binary[0])
			require.Equal(t, []string{c.value, c.value, c.value}, read(t, d, binary...))
			require.Equal(t, []string{"GET /schemas/ids/1"}, fake.requests())
			require.NoError(t, s.Close())
			require.NoError(t, d.Close())
		})
	}
}

// foreign is what another client writes: the header and the encoder are those of other libraries.
func foreign(t *testing.T, id int, schema string, value any) string {
	t.Helper()
	var header sr.ConfluentHeader
	b, err := header.AppendEncode(nil, id, nil)
	require.NoError(t, err)
	b, err = library.MustParse(schema).AppendEncode(b, value)
	require.NoError(t, err)
	return string(b)
}

// TestEvolution reads values of two schemas of one subject as the newer one.
func TestEvolution(t *testing.T) {
	fake := newServer(t)
	fake.SeedSchema("orders-value", 1, 11, sr.Schema{Schema: userV1})
	fake.SeedSchema("orders-value", 2, 12, sr.Schema{Schema: userV2})
	d := avroReader(t, at(fake.URL()), func(o *avro.DeserializerOptions) { o.ReaderSchema = userV2 })
	require.Equal(t, []string{`{"name":"a","age":7}`, `{"name":"b","age":1}`, `{"name":"c","age":7}`},
		read(t, d, foreign(t, 11, userV1, map[string]any{"name": "a"}),
			foreign(t, 12, userV2, map[string]any{"name": "b", "age": 1}),
			foreign(t, 11, userV1, map[string]any{"name": "c"})))
	require.Len(t, fake.requests(), 2)
}

// TestWhatConcernsARecord has messages that a policy can skip (R3).
func TestWhatConcernsARecord(t *testing.T) {
	fake := newServer(t)
	fake.SeedSchema("a", 1, 1, sr.Schema{Schema: `"int"`})
	fake.SeedSchema("b", 1, 2, sr.Schema{Schema: `{"type":"object"}`, Type: sr.TypeJSON})
	for name, c := range map[string]struct{ value, want string }{
		"empty": {"", "the message is empty; want byte 0 and the id of a schema"},
		"other byte": {"\x01\x00\x00\x00\x01\x02",
			"the message begins with byte 0x01, not with byte 0 and the id of a schema; if it has no su" +
				"ch header, leave registry out"},
		"short": {"\x00\x00\x00\x01", "the message ends within the id of its schema"},
		"unknown id": {"\x00\x00\x00\x00\x09\x02",
			"asking for schema 9 from schema registry " + fake.URL() + ": the schema registry has no sc" +
				"hema of this id"},
		"other format": {"\x00\x00\x00\x00\x02\x02", "schema 2 is of JSON, not of AVRO"},
		"broken value": {"\x00\x00\x00\x00\x01",
			"the value is no Avro of its schema: the value ends too early"},
	} {
		t.Run(name, func(t *testing.T) {
			d := avroReader(t, at(fake.URL()))
			fake.requests()
			require.Equal(t, []string{"fault: " + c.want, "fault: " + c.want}, read(t, d, c.value, c.value))
			require.LessOrEqual(t, len(fake.requests()), 1)
		})
	}
}

// TestReaderThatCannot refuses records of a schema that the reader's does not fit, not the job.
func TestReaderThatCannot(t *testing.T) {
	fake := newServer(t)
	fake.SeedSchema("a", 1, 1, sr.Schema{Schema: userV1})
	d := avroReader(t, at(fake.URL()), func(o *avro.DeserializerOptions) {
		o.ReaderSchema = strings.Replace(userV2, `,"default":7`, "", 1)
	})
	require.Equal(t,
		[]string{"fault: using schema 1: resolving the writer's schema to the reader's: " +
			"field age is not in the writer's schema and has no default"},
		read(t, d, foreign(t, 1, userV1, map[string]any{"name": "a"})))
}

// TestRegistryDown waits for a registry within its patience (R2).
func TestRegistryDown(t *testing.T) {
	fake := newServer(t)
	fake.SeedSchema("a", 1, 1, sr.Schema{Schema: `"int"`})
	value := foreign(t, 1, `"int"`, 5)
	down := httptest.NewServer(nil)
	down.Close()
	t.Run("for good", func(t *testing.T) {
		_, err := tryRead(t, avroReader(t, at(down.URL)), value)
		require.ErrorIs(t, err, registry.ErrUnreachable)
		require.ErrorContains(t, err, "asking for schema 1 from schema registry "+down.URL)
		require.ErrorContains(t, err, "check registry.urls")
		require.Equal(t, connectors.Retry, connectors.Classify(err))
	})
	t.Run("the next address", func(t *testing.T) {
		require.Equal(t, []string{"5"}, read(t, avroReader(t, at(down.URL, fake.URL())), value))
	})
	t.Run("the next address answers", func(t *testing.T) {
		ill := newServer(t)
		ill.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		d := avroReader(t, at(ill.URL(), fake.URL()))
		require.Equal(t, []string{"5"}, read(t, d, value))
		require.Len(t, ill.requests(), 1)
		// The one that answered is asked first from now on.
		require.Contains(t, read(t, d, "\x00\x00\x00\x00\x63")[0], "no schema of this id")
		require.Empty(t, ill.requests())
	})
	t.Run("for a moment", func(t *testing.T) {
		var mu sync.Mutex
		left := 3
		fake.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if left--; left < 0 {
				return false
			}
			http.Error(w, `{"error_code":50003,"message":"no leader"}`, http.StatusServiceUnavailable)
			return true
		})
		o := at(fake.URL())
		o.Patience = connectors.Duration(time.Minute)
		require.Equal(t, []string{"5"}, read(t, avroReader(t, o), value))
	})
	t.Run("stopped meanwhile", func(t *testing.T) {
		o := at(down.URL)
		o.Patience = connectors.Duration(time.Hour)
		options := avro.NewSerializerOptions()
		options.Registry, options.Schema, options.Subject = o, `"int"`, "s"
		ctx, cancel := contextEnding(t)
		defer cancel()
		_, err := avro.NewSerializer(ctx, connectors.FunctionContext{}, options)
		require.ErrorIs(t, err, ctx.Err())
		require.ErrorContains(t, err, "from schema registry "+down.URL)
	})
}

// TestRefusals has answers that no patience mends.
func TestRefusals(t *testing.T) {
	answer := func(status int, body string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/compatibility/") {
				fmt.Fprint(w, `{"is_compatible":false,"messages":["age has no\n default","x"]}`)
				return true
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	for name, c := range map[string]struct {
		answer       srfake.Interceptor
		registration string
		is           error
		says         string
	}{
		"incompatible": {answer(409,
			`{"error_code":409,"message":"Schema being registered is incompatible"}`),
			registry.Register, registry.ErrIncompatible,
			`registering a schema under subject "orders-value" from schema registry`},
		"reasons": {answer(409, `{"error_code":409,"message":"no"}`), registry.Register,
			registry.ErrIncompatible, "(age has no default; x)"},
		"invalid": {answer(422, `{"error_code":42201,"message":"bad"}`), registry.Register,
			registry.ErrInvalid, "refuses the schema: bad"},
		"credentials": {answer(401, ``), registry.Register, registry.ErrCredentials,
			"check registry.username and registry.password, or registry.token"},
		"no right": {answer(403, ``), registry.Lookup, registry.ErrCredentials, "(HTTP 403)"},
		"no registry": {answer(404, `<html>not here</html>`), registry.Register,
			registry.ErrNoRegistry, "check registry.urls (HTTP 404: <html>not here</html>)"},
		"no subject": {nil, registry.Lookup, registry.ErrSubject,
			`looking a schema up under subject "orders-value"`},
		"no such one": {answer(404, `{"error_code":40403,"message":"Schema not found"}`),
			registry.Lookup, registry.ErrNotRegistered, `set registration = "register"`},
		"latest nobody": {nil, registry.Latest, registry.ErrSubject,
			`the latest version of subject "orders-value"`},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newServer(t)
			if c.answer != nil {
				fake.Intercept(c.answer)
			}
			o := avroOptions(at(fake.URL()), userV1)
			if o.Registration = c.registration; c.registration == registry.Latest {
				o.Schema = ""
			}
			_, err := avro.NewSerializer(t.Context(), orders, o)
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

// TestCredentials sends what the job file gives, and shows it nowhere (R4).
func TestCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*registry.Options)
		want string
	}{
		"basic": {func(o *registry.Options) {
			o.Username, o.Password = "u",
				connectors.NewSecret("pass-word")
		}, "Basic dTpwYXNzLXdvcmQ="},
		"bearer": {func(o *registry.Options) { o.Token = connectors.NewSecret("pass-word") },
			"Bearer pass-word"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newServer(t, srfake.WithAuth(c.want))
			o := at(fake.URL())
			c.set(&o)
			require.NoError(t, registry.Check(t.Context(), connectors.Env{}, &o))
			o = at(fake.URL())
			o.Token = connectors.NewSecret("pass-word-2")
			err := registry.Check(t.Context(), connectors.Env{}, &o)
			require.ErrorIs(t, err, registry.ErrCredentials)
			require.NotContains(t, err.Error(), "pass-word")
		})
	}
}

// TestTLS asks a server whose certificate an authority of the job file signed.
func TestTLS(t *testing.T) {
	fake := srfake.NewRegistry()
	server := httptest.NewTLSServer(fake.Handler())
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: server.Certificate().Raw,
	}), 0o644))
	disk := local.New(local.Options{})
	env := connectors.Env{
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			return disk, url, nil
		},
	}
	o := at(server.URL)
	err := registry.Check(t.Context(), env, &o)
	require.ErrorIs(t, err, registry.ErrCertificate)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
	o.TLS = &transport.TLS{CA: ca}
	require.NoError(t, registry.Check(t.Context(), env, &o))
	o.TLS = &transport.TLS{CA: filepath.Join(t.TempDir(), "none.pem")}
	require.ErrorContains(t, registry.Check(t.Context(), env, &o), "none.pem")
}

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

// TestLongAnswer does not read what no schema is.
func TestLongAnswer(t *testing.T) {
	fake := newServer(t)
	fake.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		block := bytes.Repeat([]byte("x"), 1<<20)
		for range 20 {
			if _, err := w.Write(block); err != nil {
				return true
			}
		}
		return true
	})
	_, err := tryRead(t, avroReader(t, at(fake.URL())), "\x00\x00\x00\x00\x01\x02")
	require.ErrorContains(t, err, "the answer is too long")
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*registry.Options)
		want []connectors.Problem
	}{
		"nothing": {func(*registry.Options) {}, nil},
		"address": {func(o *registry.Options) { o.URLs = []string{"localhost:8081"} },
			[]connectors.Problem{{Key: "registry.urls",
				Text: `"localhost:8081" is no address of a registry; write one such as "http://127.0.0.1:8` +
					`081"`}}},
		"credentials in it": {func(o *registry.Options) { o.URLs = []string{"http://a:b@h"} },
			[]connectors.Problem{{Key: "registry.urls",
				Text: "an address holds credentials; write them as registry.username and registry.password"}}},
		"no address": {func(o *registry.Options) { o.Username = "u" },
			[]connectors.Problem{{Key: "registry.urls",
				Text: "required with the other keys of registry; name the registry"}}},
		"no password": {func(o *registry.Options) { o.URLs, o.Username = []string{"http://h"}, "u" },
			[]connectors.Problem{{Key: "registry.password",
				Text: "required with username; give the password"}}},
	} {
		t.Run(name, func(t *testing.T) {
			o := registry.NewOptions()
			c.set(&o)
			var p connectors.Problems
			o.Validate(&p)
			require.Equal(t, c.want, p.List)
		})
	}
}

func FuzzWire(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x01\x04\x02\x00x"))
	f.Add([]byte("\x00\x00\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, message []byte) {
		id, rest, err := registry.Split(message)
		if err != nil {
			return
		}
		require.Equal(t, binary.BigEndian.Uint32(message[1:]), id)
		path, data, err := registry.SplitIndexes(nil, rest)
		if err != nil {
			return
		}
		back, again, err := registry.SplitIndexes(nil, append(registry.AppendIndexes(nil, path), data...))
		require.NoError(t, err)
		require.Equal(t, path, back)
		require.Equal(t, data, again)
	})
}
