package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// TestRealKafka works with a real broker, which looks for transactions that are too old often
// enough for a test.
func TestRealKafka(t *testing.T) {
	broker, err := servers.StartKafka(t.Context(), servers.KafkaOptions{Properties: map[string]string{
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, broker.Close()) }()
	for _, story := range []struct {
		name string
		run  func(*testing.T, *shop)
	}{
		{"txn abort after kill -9", testAbort},
		{"offsets reset", func(t *testing.T, s *shop) { testOffsets(t, s, "kafka:out") }},
		{"an outage longer than every timeout", testOutage},
	} {
		t.Run(story.name, func(t *testing.T) {
			topics := []string{"orders", "enriched", "dead"}
			for _, topic := range topics {
				_, err := broker.Admin().CreateTopic(t.Context(), 3, 1, nil, topic)
				require.NoError(t, err)
			}
			story.run(t, newShopAt(t, broker.Bootstrap()[0]))
			deleted, err := broker.Admin().DeleteTopics(t.Context(),
				append(topics, "wasmflow.orders.commits")...)
			require.NoError(t, err)
			require.NoError(t, deleted.Error())
		})
	}
}

// testOutage kills a job in the middle of an epoch and starts it again when the broker has given
// its transaction up.
func testOutage(t *testing.T, s *shop) {
	text := fmt.Sprintf(ordersJob, 2, "", s.address)
	text = strings.Replace(text, `interval = "30ms"`, `interval = "1s"`, 1)
	for _, topic := range []string{"enriched", "dead"} {
		text = strings.Replace(text, fmt.Sprintf("topic = %q", topic),
			fmt.Sprintf("topic = %q\ntransaction_timeout = \"3s\"", topic), 1)
	}
	file := s.write(text)
	open := func() bool { return s.stable("enriched") < s.written("enriched") }
	for died := false; !died; died = open() { // or else it was between two epochs
		s.sell(2000)
		cmd := child(t, s.dir, newWatcher(), newWatcher(), "run", file)
		require.NoError(t, cmd.Start())
		for before := s.stable("enriched"); s.written("enriched") < before+300; {
		}
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
	}
	require.Eventually(t, func() bool { return !open() }, time.Minute, 100*time.Millisecond,
		"the broker does not give the transaction up")
	began, before := time.Now(), s.stable("enriched")
	job := start(t, "run", file)
	for s.stable("enriched") == before {
	}
	t.Logf("%v from the start to the first committed records", time.Since(began).Round(time.Millisecond))
	s.stop(job)
}
