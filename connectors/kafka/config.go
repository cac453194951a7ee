package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/transport"
)

const (
	// connectTimeout bounds the look at a cluster before a job begins: long enough for a broker
	// that elects a leader, short enough for a person who mistyped an address.
	connectTimeout = 10 * time.Second
	// askMetadataAge is how old an answer about topics may be: the client that asks for them does
	// so on purpose, each time.
	askMetadataAge = 10 * time.Millisecond
	// bytesLimit is what a number of bytes may be set to: the protocol counts in 32 bits.
	bytesLimit = connectors.Size(1 << 30)
)

// Connection is what sources and sinks have in common.
type Connection struct {
	Brokers    []string          `toml:"brokers" doc:"host:port of some brokers of the cluster; the others are found. Required." flink:"bootstrap.servers"`
	TLS        *transport.TLS    `toml:"tls" doc:"makes the connections TLS ones; {} trusts the certificate authorities of the system" flink:"security.protocol"`
	SASL       *SASL             `toml:"sasl" doc:"how to log in; without it there is no login" flink:"security.protocol"`
	Properties map[string]string `toml:"properties" doc:"further settings under the names of Kafka's Java client. Those that have a key of their own here, or no meaning, are refused with the key to use"`

	embedded bool // the address comes later
}

// ExpectEmbedded implements connectors.Embeddable.
func (c *Connection) ExpectEmbedded() { c.embedded = true }

// UseEmbedded implements connectors.Embeddable.
func (c *Connection) UseEmbedded(address string) {
	if len(c.Brokers) == 0 {
		c.Brokers = []string{address}
	}
}

// Spec describes the connector.
func Spec() connectors.Spec {
	return connectors.Spec{
		Name: "kafka",
		Doc: "Reads topics of a Kafka cluster, each partition at its own position in the " +
			"checkpoint, and writes to topics. It needs no consumer group.",
		NewSource: func() connectors.SourceConfig { return newSourceConfig() },
		NewSink:   func() connectors.SinkConfig { return newSinkConfig() },
	}
}

func (c *Connection) validate(p *connectors.Problems, side side) {
	if len(c.Brokers) == 0 && !c.embedded {
		p.Addf("brokers", "required; write host:port of some brokers, as [\"127.0.0.1:9092\"]")
	}
	for i, b := range c.Brokers {
		host, port, err := net.SplitHostPort(b)
		n, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || host == "" || n == 0 {
			p.Addf(fmt.Sprintf("brokers[%d]", i), "%q is not host:port; write one such as "+
				"\"127.0.0.1:9092\"", b)
		}
	}
	if c.TLS != nil {
		c.TLS.Validate(p)
	}
	if c.SASL != nil {
		c.SASL.validate(p)
	}
	validateProperties(p, c.Properties, side)
}

// options returns the options of every client. id makes the client's id one of its own.
func (c *Connection) options(
	ctx context.Context, env connectors.Env, side side, id string,
) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("wasmflow-" + env.Job + "-" + env.Name + "-" + id),
		kgo.SoftwareNameAndVersion("wasmflow", "1"),
		// Clients report to the broker otherwise, which nobody asked for.
		kgo.DisableClientMetrics(),
	}
	if env.Logger != nil {
		opts = append(opts, kgo.WithLogger(newClientLogger(env.Logger, env.Now)))
	}
	var config *tls.Config
	if c.TLS != nil {
		var err error
		if config, err = c.TLS.Load(ctx, env); err != nil {
			return nil, fmt.Errorf("reading the TLS files: %w", err)
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	if c.SASL != nil {
		mechanism, err := c.SASL.mechanism(ctx, env, config)
		if err != nil {
			return nil, fmt.Errorf("preparing the login: %w", err)
		}
		opts = append(opts, kgo.SASL(mechanism))
	}
	more, err := propertyOptions(c.Properties, side)
	return append(opts, more...), err
}

// openAsking opens a client that asks the cluster for topics and the like, and neither reads nor
// writes records.
func (c *Connection) openAsking(
	ctx context.Context, env connectors.Env, side side, id string,
) (*kgo.Client, error) {
	opts, err := c.options(ctx, env, side, id)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(opts, kgo.MetadataMinAge(askMetadataAge))...)
	if err != nil {
		return nil, fmt.Errorf("opening a Kafka client: %w", err)
	}
	return client, nil
}

// retryHangUps makes a client try again when a broker hangs up before it has said anything. It does
// so for want of TLS or a login, which the clients that look at the cluster first report at once;
// later it is a broker that went away behind a load balancer.
func retryHangUps() kgo.Opt { return kgo.AlwaysRetryEOF() }

// validateSize reports a size outside 1 .. bytesLimit.
func validateSize(p *connectors.Problems, key string, s connectors.Size) {
	if s < 1 || s > bytesLimit {
		p.Addf(key, "%v is not between 1B and %v", s, bytesLimit)
	}
}
