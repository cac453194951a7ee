package config_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
)

// The connectors of these tests have the keys of the real ones and every type of field that a
// configuration may have. They open nothing.

type tlsKeys struct {
	CA         string            `toml:"ca" path:"file" doc:"Certificates to trust."`
	ServerName string            `toml:"server_name" doc:"Name the server must have."`
	Password   connectors.Secret `toml:"password" doc:"Password of the key."`
}

type common struct {
	Path    string `toml:"path" path:"file" doc:"File, folder or URL. Required."`
	Charset string `toml:"charset" doc:"Character set of the text."`
}

type fileSource struct {
	common
	Mode             string              `toml:"mode" doc:"once, continuous or tail."`
	DiscoverInterval connectors.Duration `toml:"discover_interval" doc:"Pause between two looks."`
	Include          []string            `toml:"include" doc:"Globs."`
	Nested           bool                `toml:"nested" doc:"Read sub-folders too." flink:"setNestedFileEnumeration"`
	RecordBytesMax   connectors.Size     `toml:"record_bytes_max" doc:"Longest record."`
	internal         int
}

func (c *fileSource) Validate(p *connectors.Problems) {
	p.Require("path", c.Path, "name a file, folder or URL")
	p.OneOf("mode", c.Mode, "once", "continuous", "tail")
	if c.internal != 0 || c.RecordBytesMax <= 0 {
		p.Addf("record_bytes_max", "want a size above 0")
	}
}
func (c *fileSource) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }
func (c *fileSource) Open(context.Context, connectors.Env) (connectors.Source, error) {
	return nil, errors.ErrUnsupported
}

type record struct {
	Key       *string           `toml:"key" doc:"Key."`
	Value     string            `toml:"value" doc:"Value."`
	Headers   map[string]string `toml:"headers" doc:"Headers."`
	Timestamp any               `toml:"timestamp" doc:"Time."`
}

type generatorSource struct {
	Count    int64    `toml:"count" doc:"Records; 0 is unbounded."`
	Rate     float64  `toml:"rate" doc:"Records a second; 0 is unlimited."`
	Template string   `toml:"template" doc:"Text with placeholders."`
	Seed     uint32   `toml:"seed" doc:"Start of the random numbers."`
	Records  []record `toml:"records" doc:"Fixed records."`
	Paths    []string `toml:"paths" path:"file" doc:"Files."`
	Small    int8     `toml:"small" doc:"A small number."`
}

func (c *generatorSource) Validate(*connectors.Problems)   {}
func (c *generatorSource) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }
func (c *generatorSource) Open(context.Context, connectors.Env) (connectors.Source, error) {
	return nil, errors.ErrUnsupported
}

type socketKeys struct {
	Address string            `toml:"address" doc:"host:port. Required."`
	Backoff []int             `toml:"backoff" doc:"Pauses."`
	TLS     *tlsKeys          `toml:"tls" doc:"Encryption; {} trusts | what the system trusts."`
	Token   connectors.Secret `toml:"token" doc:"Password."`
}

func (c *socketKeys) Validate(p *connectors.Problems) {
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		p.Addf("address", "%q is no address; write host:port", c.Address)
	}
	if c.TLS != nil && c.TLS.ServerName == "" {
		p.Addf("tls.server_name", "required; name the server")
	}
}
func (c *socketKeys) Guarantee() connectors.Guarantee { return connectors.AtMostOnce }

type socketSource struct{ socketKeys }

func (c *socketSource) Open(context.Context, connectors.Env) (connectors.Source, error) {
	return nil, errors.ErrUnsupported
}

type printSink struct {
	Prefix string `toml:"prefix" doc:"Before every line."`
}

func (c *printSink) Validate(*connectors.Problems)   {}
func (c *printSink) Guarantee() connectors.Guarantee { return connectors.AtLeastOnce }
func (c *printSink) Open(context.Context, connectors.Env) (connectors.Sink, error) {
	return nil, errors.ErrUnsupported
}

type bucketer struct {
	guest    connectors.FunctionRef
	Datetime string
}

func (b *bucketer) UnmarshalTOML(v any) error {
	if m, ok := v.(map[string]any); ok && m["datetime"] != nil {
		b.Datetime, _ = m["datetime"].(string)
		return nil
	}
	return b.guest.UnmarshalTOML(v)
}

type bucketingSink struct {
	Path      string          `toml:"path" path:"file" doc:"Base path. Required."`
	Bucketer  bucketer        `toml:"bucketer" form:"name or table" doc:"Names the bucket."`
	Writer    string          `toml:"writer" doc:"Format." flink:"BucketingSink.setWriter"`
	BatchSize connectors.Size `toml:"batch_size" doc:"Size at which a part is closed." flink:"BucketingSink.setBatchSize"`
}

func (c *bucketingSink) Validate(p *connectors.Problems) {
	p.Require("path", c.Path, "name the base folder")
}
func (c *bucketingSink) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }
func (c *bucketingSink) BucketerRef() (connectors.FunctionRef, bool) {
	return c.Bucketer.guest, c.Bucketer.guest.Plugin != ""
}
func (c *bucketingSink) Open(context.Context, connectors.Env) (connectors.Sink, error) {
	return nil, errors.ErrUnsupported
}

type topicSink struct {
	Topic string `toml:"topic" doc:"Topic. Required."`
}

func (c *topicSink) Validate(p *connectors.Problems) {
	p.Require("topic", c.Topic, "name the topic to write to")
}
func (c *topicSink) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }
func (c *topicSink) HasPartitions() bool             { return true }
func (c *topicSink) Open(context.Context, connectors.Env) (connectors.Sink, error) {
	return nil, errors.ErrUnsupported
}

// csvOptions are the options of a built-in function.
type csvOptions struct {
	Delimiter string   `toml:"delimiter" doc:"Stands between fields." flink:"setFieldDelimiter"`
	Columns   []string `toml:"columns" doc:"Names of the fields."`
}

func (o *csvOptions) Validate(p *connectors.Problems) {
	p.Require("delimiter", o.Delimiter, "write what stands between fields")
}

func registry() config.Registry {
	return config.Registry{
		Connectors: []connectors.Spec{
			{
				Name: "file", Doc: "Reads files.",
				NewSource: func() connectors.SourceConfig {
					return &fileSource{
						common: common{Charset: "utf-8"}, Mode: "once",
						DiscoverInterval: connectors.Duration(time.Second), RecordBytesMax: 1 << 20,
					}
				},
			},
			{
				Name: "generator", Doc: "Makes records up.",
				NewSource: func() connectors.SourceConfig { return &generatorSource{Count: 10} },
			},
			{
				Name: "socket", Doc: "Reads lines from a TCP connection.",
				NewSource: func() connectors.SourceConfig { return &socketSource{} },
			},
			{
				Name: "print", Doc: "Writes records to the standard output.",
				NewSink: func() connectors.SinkConfig { return &printSink{} },
			},
			{
				Name: "bucketing", Doc: "Writes files into folders.",
				NewSink: func() connectors.SinkConfig {
					return &bucketingSink{Writer: "string", BatchSize: 384 << 20}
				},
			},
			{
				Name: "topic", Doc: "Writes to partitions.",
				NewSink: func() connectors.SinkConfig { return &topicSink{} },
			},
		},
		Schemes: []string{"file"},
		Deserializers: []config.Builtin{{Name: "json", Doc: "One JSON text a record."}, {
			Name: "csv", NewOptions: func() connectors.FunctionOptions { return &csvOptions{Delimiter: ","} },
		}},
		Serializers:  []config.Builtin{{Name: "json", Doc: "One JSON text a record."}},
		Partitioners: []config.Builtin{{Name: "round-robin", Doc: "Each in turn."}},
		Timestamps:   []config.Builtin{{Name: "processing", Doc: "The time of reading."}},
	}
}

// outside is the environment and the disk of these tests.
func outside() config.Options {
	env := map[string]string{
		"HOST": "db.example", "PORT": "not-a-port", "TASKS": "3", "EMPTY": "", "BAD": "a\xff",
		"TOKEN": "hunter2", "RATIO": "0.5", "YES": "true", "PASSWORD": "s3cr\"et",
	}
	files := map[string]string{"/jobs/pass": "open sesame\n", "/jobs/blank": "\n"}
	return config.Options{
		Dir: "/jobs",
		LookupEnv: func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		},
		ReadFile: func(path string, _ int64) ([]byte, error) {
			if data, ok := files[path]; ok {
				return []byte(data), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	}
}
