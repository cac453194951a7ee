package socket

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

const (
	// backoffDefault is how long Flink waits before each retry; here it is the first wait.
	backoffDefault = 500 * time.Millisecond
	// backoffMin keeps a job from hammering a server that is not there.
	backoffMin = time.Millisecond
	// recordBytesDefault fits any sensible line and keeps a missing delimiter from eating the
	// memory of the job.
	recordBytesDefault = 8 << 20
	// recordBytesLimit is what record_bytes_max may be raised to: a record lies in memory whole.
	recordBytesLimit = 1 << 30
)

// name is the connector's name in job files.
const name = "socket"

// SourceConfig is a [sources.x] table with connector = "socket".
type SourceConfig struct {
	Address  string `toml:"address" doc:"host:port of the server" flink:"socketTextStream(hostname), socketTextStream(port)"`
	Attempts int    `toml:"attempts" doc:"how many connections in a row may be refused or end before the source gives up; one that brought bytes begins a new row. With 1 the end of the connection is the end of the input, 0 never gives up" flink:"socketTextStream(maxRetry)"`
	Connection
	Delimiter      string          `toml:"delimiter" doc:"what ends a record, of any length; with \"\\n\" a \"\\r\" before it is dropped" flink:"socketTextStream(delimiter)"`
	Charset        string          `toml:"charset" doc:"IANA name of the charset of the input; records leave as UTF-8. With utf-8 nothing is checked"`
	RecordBytesMax connectors.Size `toml:"record_bytes_max" doc:"longest record; a longer one fails the attempt"`
}

// SinkConfig is a [sinks.x] table with connector = "socket".
type SinkConfig struct {
	Address  string `toml:"address" doc:"host:port of the server" flink:"writeToSocket(hostName), writeToSocket(port)"`
	Attempts int    `toml:"attempts" doc:"how many connections in a row may be refused or break before the sink gives up; one that stood for 200ms begins a new row. 1 never connects again, 0 never gives up" flink:"SocketClientSink(maxNumRetries)"`
	Connection
	Delimiter string `toml:"delimiter" doc:"what is written after every record; empty for nothing"`
}

// Connection is what else source and sink have in common.
type Connection struct {
	Backoff connectors.Duration `toml:"backoff" doc:"wait before the second attempt of a row; it doubles with every further one up to 30s and is shortened by chance by up to a half"`
	TLS     *transport.TLS      `toml:"tls" doc:"makes the connection a TLS one; {} trusts the certificate authorities of the system"`
}

// Spec describes the connector.
func Spec() connectors.Spec {
	c := Connection{Backoff: connectors.Duration(backoffDefault)}
	return connectors.Spec{
		Name: name,
		Doc: "Connects to a TCP server, with or without TLS, and reads delimited records from it " +
			"or writes them to it.",
		NewSource: func() connectors.SourceConfig {
			return &SourceConfig{
				Attempts: 1, Connection: c, Delimiter: "\n", Charset: "utf-8",
				RecordBytesMax: recordBytesDefault,
			}
		},
		NewSink: func() connectors.SinkConfig {
			return &SinkConfig{Attempts: 1, Connection: c, Delimiter: "\n"}
		},
	}
}

func (c *Connection) validate(p *connectors.Problems, address string, attempts int) {
	validateAddress(p, address)
	if attempts < 0 {
		p.Addf("attempts", "%d is negative; 0 never gives up", attempts)
	}
	if c.Backoff.D() < backoffMin {
		p.Addf("backoff", "%v is below %v", c.Backoff, backoffMin)
	}
	if c.TLS != nil {
		c.TLS.Validate(p)
	}
}

func validateAddress(p *connectors.Problems, address string) {
	p.Require("address", address, "write host:port of the server")
	if address == "" {
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		p.Addf("address", "%q is not host:port; write an IPv6 address in brackets", address)
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		p.Addf("address", "%q is no port; write a number from 1 to 65535", port)
	}
}

// dialer returns how to reach the server.
func (c *Connection) dialer(
	ctx context.Context, env connectors.Env, address string,
) (*dialer, error) {
	d := &dialer{address: address}
	if c.TLS != nil {
		config, err := c.TLS.Load(ctx, env)
		if err != nil {
			return nil, fmt.Errorf("reading the TLS files of %s: %w", address, err)
		}
		d.tls = config
	}
	return d, nil
}

func (c *Connection) newRow(attempts int) row {
	return row{max: attempts, base: c.Backoff.D(), random: rand.Float64}
}

// check reads the TLS files and looks the host up. It does not connect: a server that serves one
// client, as nc does, would have had it then, and one that is not up yet may be waited for.
func (c *Connection) check(ctx context.Context, env connectors.Env, address string) error {
	if _, err := c.dialer(ctx, env, address); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("reading the address %s: %w", address, err)
	}
	if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
		return fmt.Errorf("looking up the host of %s: %w", address, err)
	}
	return nil
}

// Validate reports what is wrong with c.
func (c *SourceConfig) Validate(p *connectors.Problems) {
	c.validate(p, c.Address, c.Attempts)
	p.Require("delimiter", c.Delimiter, `write what ends a record, such as "\n"`)
	if c.RecordBytesMax < 1 || c.RecordBytesMax > recordBytesLimit {
		p.Addf("record_bytes_max", "%v is not between 1B and %v", c.RecordBytesMax,
			connectors.Size(recordBytesLimit))
	}
	if _, err := charset.Lookup(c.Charset); err != nil {
		p.Addf("charset", "%v", err)
	}
}

// Guarantee returns at-most-once: what a connection brought does not come again.
func (c *SourceConfig) Guarantee() connectors.Guarantee { return connectors.AtMostOnce }

// Open reads the TLS files. It does not connect: a server may well serve one connection only.
func (c *SourceConfig) Open(ctx context.Context, env connectors.Env) (connectors.Source, error) {
	d, err := c.dialer(ctx, env, c.Address)
	if err != nil {
		return nil, err
	}
	return &Source{config: c, dialer: d, logger: env.Logger, now: env.Now}, nil
}

// CheckConnect looks the host up and reads the TLS files. It does not connect.
func (c *SourceConfig) CheckConnect(ctx context.Context, env connectors.Env) error {
	return c.check(ctx, env, c.Address)
}

// Validate reports what is wrong with c.
func (c *SinkConfig) Validate(p *connectors.Problems) {
	c.validate(p, c.Address, c.Attempts)
}

// Guarantee returns at-least-once: what was sent cannot be withdrawn, and comes again after a
// crash.
func (c *SinkConfig) Guarantee() connectors.Guarantee { return connectors.AtLeastOnce }

// Open tries to connect once. It fails when attempts allows no other.
func (c *SinkConfig) Open(ctx context.Context, env connectors.Env) (connectors.Sink, error) {
	d, err := c.dialer(ctx, env, c.Address)
	if err != nil {
		return nil, err
	}
	return openSink(ctx, c, d, env.Logger)
}

// CheckConnect looks the host up and reads the TLS files. It does not connect.
func (c *SinkConfig) CheckConnect(ctx context.Context, env connectors.Env) error {
	return c.check(ctx, env, c.Address)
}

var (
	_ connectors.SourceConfig = (*SourceConfig)(nil)
	_ connectors.SinkConfig   = (*SinkConfig)(nil)
	_ connectors.Checker      = (*SourceConfig)(nil)
	_ connectors.Checker      = (*SinkConfig)(nil)
)
