package main

import (
	"bufio"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// embeddedJob copies a topic into files.
const embeddedJob = `
name = "embedded"
[dev]
embedded_broker = true
[checkpoint]
interval = "20ms"
[sources.orders]
connector = "kafka"
topics = ["orders"]
start = "earliest"
stop = "latest"
[sinks.out]
connector = "kafka"
from = ["orders"]
topic = "copied"
semantic = "at-least-once"
create_topic = { partitions = 2 }
`

// holdBroker runs the embedded broker of the job in dir until the test ends or release is called.
func holdBroker(t *testing.T, file string) (address string, release func()) {
	t.Helper()
	p, _, stderr := testProcess(t)
	job, err := loadJob(p, file, false)
	require.NoError(t, err)
	closeBroker, err := embedBroker(t.Context(), p, job)
	require.NoError(t, err)
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	_, rest, ok := strings.Cut(line, `brokers = ["`)
	require.True(t, ok, line)
	address, _, _ = strings.Cut(rest, `"`)
	return address, closeBroker
}

func produceOrders(t *testing.T, address string, values ...string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation(),
		kgo.DefaultProduceTopic("orders"))
	require.NoError(t, err)
	defer client.Close()
	for _, v := range values {
		require.NoError(t, client.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr())
	}
}

// consume reads n committed records of a topic.
func consume(t *testing.T, address, topic string, n int) []string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	require.NoError(t, err)
	defer client.Close()
	var got []string
	for len(got) < n {
		fetches := client.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return got
}

// TestEmbeddedBrokerKeepsItsTopics runs the job twice: first beside a process that has the broker
// already, then with a broker of its own in the same folder.
func TestEmbeddedBrokerKeepsItsTopics(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": embeddedJob})
	file := dir + "/job.toml"
	first, release := holdBroker(t, file)
	produceOrders(t, first, "a", "b")
	r := do(t, "run", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.NotContains(t, r.stderr, "embedded broker:", "it belongs to the other process")
	require.ElementsMatch(t, []string{"a", "b"}, consume(t, first, "copied", 2))
	release()

	r = do(t, "run", "--fresh", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.Contains(t, r.stderr, `embedded broker: brokers = ["`+first+`"], topics in `+dir)
	second, release := holdBroker(t, file)
	defer release()
	require.Equal(t, first, second, "clients find it where it was")
	require.ElementsMatch(t, []string{"a", "a", "b", "b"}, consume(t, second, "copied", 4))

	require.Equal(t, 0, do(t, "validate", "--connect", file).code)
	r = do(t, "dry-run", file)
	require.Contains(t, r.stdout, "2 records read, 2 would be written", r.stderr)
}

func TestJobsWithoutAnEmbeddedBrokerMustNameOne(t *testing.T) {
	text := strings.Replace(embeddedJob, "embedded_broker = true", "embedded_broker = false", 1)
	r := do(t, "validate", folder(t, map[string]string{"job.toml": text})+"/job.toml")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "sources.orders.brokers: required")
}
