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
