package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// startBroker starts one broker of the size a benchmark needs: compiled as far as it goes, with a
// heap that is not tight.
func (o *options) startBroker(ctx context.Context, text *string) (stop func() error, err error) {
	k, err := servers.StartKafka(ctx, servers.KafkaOptions{Version: servers.Kafka43, Flags: []string{
		"-Xms1g", "-Xmx1g", "-XX:-UseSerialGC", "-XX:+UseG1GC", "-XX:TieredStopAtLevel=4",
	}})
	if err != nil {
		return nil, fmt.Errorf("starting a broker: %w", err)
	}
	o.brokers = strings.Join(k.Bootstrap(), ",")
	*text = "Kafka " + servers.Kafka43 + ", one node, heap 1 GiB, same machine"
	return k.Close, nil
}
