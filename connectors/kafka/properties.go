package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

// side says which of the two a client is.
type side int

const (
	sourceSide side = 1 << iota
	sinkSide
	bothSides = sourceSide | sinkSide
)

// property is a setting of Kafka's Java client: what it is called here, or what it does.
type property struct {
	name  string
	sides side
	key   string                        // what to set instead; "" when apply is set
	apply func(string) (kgo.Opt, error) // nil when key is set
}

// propertyTable lists every property that is known. The table in README.md is checked against it.
func propertyTable() []property {
	return []property{
		{"bootstrap.servers", bothSides, "brokers", nil},
		{"security.protocol", bothSides, "tls and sasl", nil},
		{"ssl.truststore.location", bothSides, "tls.ca", nil},
		{"ssl.truststore.certificates", bothSides, "tls.ca", nil},
		{"ssl.keystore.location", bothSides, "tls.cert", nil},
		{"ssl.keystore.certificate.chain", bothSides, "tls.cert", nil},
		{"ssl.keystore.key", bothSides, "tls.key", nil},
		{"sasl.mechanism", bothSides, "sasl.mechanism", nil},
		{"sasl.jaas.config", bothSides, "sasl.username and sasl.password", nil},
		{"client.id", bothSides, "", clientID},
		{"metadata.max.age.ms", bothSides, "", millis(kgo.MetadataMaxAge)},
		{"connections.max.idle.ms", bothSides, "", millis(kgo.ConnIdleTimeout)},
		{"socket.connection.setup.timeout.ms", bothSides, "", millis(kgo.DialTimeout)},
		{"request.timeout.ms", bothSides, "", millis(kgo.RequestTimeoutOverhead)},

		{"group.id", sourceSide, "group", nil},
		{"auto.offset.reset", sourceSide, "no_group_offset and out_of_range", nil},
		{"enable.auto.commit", sourceSide, "commit_offsets", nil},
		{"auto.commit.interval.ms", sourceSide, "[checkpoint] interval", nil},
		{"isolation.level", sourceSide, "isolation", nil},
		{"fetch.max.bytes", sourceSide, "fetch_bytes_max", nil},
		{"max.partition.fetch.bytes", sourceSide, "fetch_partition_bytes_max", nil},
		{"fetch.max.wait.ms", sourceSide, "fetch_wait_max", nil},
		{"max.poll.records", sourceSide, "[job] batch", nil},
		{"key.deserializer", sourceSide, "deserializer", nil},
		{"value.deserializer", sourceSide, "deserializer", nil},
		{"partition.discovery.interval.ms", sourceSide, "discover_interval", nil},
		{"flink.partition-discovery.interval-millis", sourceSide, "discover_interval", nil},
		{"fetch.min.bytes", sourceSide, "", fetchMinBytes},
		{"client.rack", sourceSide, "", rack},

		{"acks", sinkSide, "acks", nil},
		{"compression.type", sinkSide, "compression", nil},
		{"linger.ms", sinkSide, "linger", nil},
		{"batch.size", sinkSide, "batch_bytes_max", nil},
		{"max.request.size", sinkSide, "batch_bytes_max", nil},
		{"buffer.memory", sinkSide, "buffer_bytes_max", nil},
		{"enable.idempotence", sinkSide, "idempotence", nil},
		{"delivery.timeout.ms", sinkSide, "delivery_timeout", nil},
		{"partitioner.class", sinkSide, "partition_by", nil},
		{"key.serializer", sinkSide, "serializer", nil},
		{"value.serializer", sinkSide, "serializer", nil},
		{"transactional.id", sinkSide, "transactional_id_prefix", nil},
		{"transaction.timeout.ms", sinkSide, "transaction_timeout", nil},
		{"retries", sinkSide, "", retries},
	}
}

func clientID(v string) (kgo.Opt, error) { return kgo.ClientID(v), nil }

func rack(v string) (kgo.Opt, error) { return kgo.Rack(v), nil }

func fetchMinBytes(v string) (kgo.Opt, error) {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q is no number of bytes from 1", v)
	}
	return kgo.FetchMinBytes(int32(n)), nil
}

func retries(v string) (kgo.Opt, error) {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("%q is no number from 0", v)
	}
	return kgo.RecordRetries(int(n)), nil
}

func millis(opt func(time.Duration) kgo.Opt) func(string) (kgo.Opt, error) {
	return func(v string) (kgo.Opt, error) {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of milliseconds from 1", v)
		}
		return opt(time.Duration(n) * time.Millisecond), nil
	}
}

func lookupProperty(name string, s side) (property, error) {
	for _, p := range propertyTable() {
		if p.name != name {
			continue
		}
		if p.sides&s == 0 {
			return p, fmt.Errorf("%s has no meaning here; leave it out", name)
		}
		if p.apply == nil {
			return p, fmt.Errorf("%s is not set here; use %s", name, p.key)
		}
		return p, nil
	}
	return property{}, fmt.Errorf("%s is not known; known are %s",
		name, strings.Join(settableProperties(s), ", "))
}

// option returns what value means to the client.
func (p property) option(value string) (kgo.Opt, error) {
	opt, err := p.apply(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return opt, nil
}

// settableProperties returns the properties that may be set on a side.
func settableProperties(s side) []string {
	var names []string
	for _, p := range propertyTable() {
		if p.sides&s != 0 && p.apply != nil {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return names
}

func validateProperties(p *connectors.Problems, properties map[string]string, s side) {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		found, err := lookupProperty(name, s)
		if err == nil {
			_, err = found.option(properties[name])
		}
		if err != nil {
			p.Addf("properties", "%v", err)
		}
	}
}

// propertyOptions returns what the properties mean to the client.
func propertyOptions(properties map[string]string, s side) ([]kgo.Opt, error) {
	var opts []kgo.Opt
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		found, err := lookupProperty(name, s)
		if err != nil {
			return nil, fmt.Errorf("applying properties: %w", err)
		}
		opt, err := found.option(properties[name])
		if err != nil {
			return nil, fmt.Errorf("applying properties: %w", err)
		}
		opts = append(opts, opt)
	}
	return opts, nil
}
