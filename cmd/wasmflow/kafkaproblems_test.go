package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
)

// TestKafkaProblems has brokers that are not there, and a log that was deleted.
func TestKafkaProblems(t *testing.T) {
	s := newShop(t)
	s.sell(100)
	nobody := s.write(fmt.Sprintf(ordersJob, 1, "", "127.0.0.1:1"))
	for _, args := range [][]string{{"run"}, {"validate", "--connect"}} {
		got := do(t, append(args, nobody)...)
		require.Equal(t, exitOutside, got.code)
		require.Regexp(t, `job\.toml:\d+: sinks\.out\.brokers: .*asking the Kafka cluster at `+
			`127\.0\.0\.1:1: .*; correct the address, or see that the brokers run`, got.stderr)
	}

	file := s.job(1, "")
	s.finish(file)
	s.delete("wasmflow.orders.commits")
	got := do(t, "run", file)
	require.Equal(t, exitRefused, got.code)
	require.Contains(t, got.stderr, "log kafka:out is empty, but it had record")
	require.Contains(t, got.stderr, "; bring topic wasmflow.orders.commits back, or say that the job "+
		"begins anew with --fresh")
	got = do(t, "status", file)
	require.Equal(t, exitOutside, got.code)
	require.Contains(t, got.stderr, `job "orders" has no epoch left in its log, kafka:out; wasmflow `+
		"fsck says what is missing")
	got = do(t, "fsck", file)
	require.Contains(t, got.stdout, "problem: log kafka:out: record")
}

// delete deletes a topic.
func (s *shop) delete(topic string) {
	s.t.Helper()
	deleted, err := kadm.NewClient(s.client).DeleteTopics(s.t.Context(), topic)
	require.NoError(s.t, err)
	require.NoError(s.t, deleted.Error())
}
