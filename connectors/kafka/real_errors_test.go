package kafka

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// tourUntil takes a tour until it ends as expected: brokers make what they are the first to use,
// and learn of rights, one after the other.
func tourUntil(t *testing.T, addrs []string, user string, expected func(error) bool) error {
	t.Helper()
	var err error
	require.Eventually(t, func() bool {
		err = tour(t, addrs, user)
		return expected(err)
	}, patience, 50*time.Millisecond, "it does not end as expected")
	return err
}

// tour reads a record from t and writes one to out, exactly once, as a user whose rights are few.
func tour(t *testing.T, addrs []string, user string) error {
	t.Helper()
	login := &SASL{
		Mechanism: saslPlain, Username: user, Password: connectors.NewSecret(servers.Password),
	}
	source := newSourceConfig()
	source.Brokers, source.SASL, source.Topics = addrs, login, []string{"t"}
	source.Group, source.Start = "g", Place{Mode: modeGroupOffsets}
	source.NoGroupOffset = modeEarliest
	valid(t, source)
	opened, err := source.Open(t.Context(), testEnv("in", 1))
	if err != nil {
		return err
	}
	defer opened.Close()
	if _, err := opened.Enumerate(t.Context(), checkpoint.Position{}); err != nil {
		return err
	}
	sink := newSinkConfig()
	sink.Brokers, sink.SASL, sink.Topic = addrs, login, "out"
	sink.Semantic = semanticExactlyOnce
	valid(t, sink)
	s, err := sink.OpenSession(t.Context(), testEnv("out", 1), SessionOptions{})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Fence(t.Context()); err != nil {
		return err
	}
	if err := s.ReadBack(t.Context(), func([]byte) bool { return true }); err != nil {
		return err
	}
	tx, err := s.Begin(t.Context(), 1)
	if err != nil {
		return err
	}
	target, err := sink.Open(t.Context(), testEnv("out", 1))
	if err != nil {
		return err
	}
	defer target.Close()
	w, err := target.OpenWriter(t.Context(), connectors.WriterContext{Tx: tx})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Write(t.Context(), batchOf("v")); err != nil {
		return err
	}
	if err := s.Append(t.Context(), []byte("epoch 1")); err != nil {
		return err
	}
	return s.Commit(t.Context())
}

// TestRealRights gives a user one right after the other. What is missing is named each time, and is
// final; the last right makes the tour complete. The topic that the user may not create is created
// by somebody who may: a controller learns of the right to create long after its broker of the
// rest.
func TestRealRights(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	c.fill("t", 0, 0, 1)
	c.topic("out", 1)
	broker, err := real.Kafka(t.Context())
	require.NoError(t, err)
	addrs, err := broker.SASL()
	require.NoError(t, err)
	user := servers.UserNobody
	allow := func() *kadm.ACLBuilder {
		return kadm.NewACLs().Allow("User:" + user).AllowHosts("*").
			ResourcePatternType(kadm.ACLPatternLiteral)
	}
	const commits, id = "wasmflow.test.commits", "wasmflow.test.0"
	for _, step := range []struct {
		missing string
		want    []string
		right   *kadm.ACLBuilder
		create  string
	}{
		{missing: "reading", want: []string{"let the user of this job use the topic"},
			right: allow().Topics("t").Operations(kmsg.ACLOperationRead)},
		{missing: "the group", want: []string{"group g", "let the user of this job use the group"},
			right: allow().Groups("g").Operations(kmsg.ACLOperationRead)},
		{missing: "the commits topic", want: []string{commits, "let the user of this job use the topic"},
			right: allow().Topics(commits).Operations(kmsg.ACLOperationRead, kmsg.ACLOperationWrite)},
		{missing: "creating the commits topic", create: commits, want: []string{
			"creating the commits topic " + commits, "let the user of this job use the topic"}},
		{missing: "the transactional id", want: []string{id, "transactional id"},
			right: allow().TransactionalIDs(id).Operations(kmsg.ACLOperationWrite)},
		{missing: "writing", want: []string{"topic out", "let the user of this job use the topic"},
			right: allow().Topics("out").Operations(kmsg.ACLOperationWrite)},
	} {
		t.Run(step.missing, func(t *testing.T) {
			err := tourUntil(t, addrs, user, func(err error) bool {
				for _, want := range step.want {
					if err == nil || !strings.Contains(err.Error(), want) {
						return false
					}
				}
				return true
			})
			require.Equal(t, connectors.Fatal, connectors.Classify(err), "%v", err)
		})
		if step.create != "" {
			c.topic(step.create, 1)
			continue
		}
		created, err := c.admin.CreateACLs(t.Context(), step.right)
		require.NoError(t, err)
		for _, one := range created {
			require.NoError(t, one.Err)
		}
	}
	t.Cleanup(func() {
		_, err := c.admin.DeleteACLs(context.Background(),
			kadm.NewACLs().Allow("User:"+user).AllowHosts().AnyResource().Operations().
				ResourcePatternType(kadm.ACLPatternAny))
		require.NoError(t, err)
	})
	require.NoError(t, tourUntil(t, addrs, user, func(err error) bool { return err == nil }))
	require.Contains(t, c.values("out"), "v")
}

// TestRealWrongAddress: an address that does not exist, or where nobody listens, is named, and
// tried again.
func TestRealWrongAddress(t *testing.T) {
	for name, addr := range map[string]string{
		"nobody listens": silentAddress(t), "no such host": "broker.invalid:9092",
	} {
		t.Run(name, func(t *testing.T) {
			config := newSourceConfig()
			config.Brokers, config.Topics = []string{addr}, []string{"t"}
			config.Start = Place{Mode: modeEarliest}
			err := lookUntil(t, config, testEnv("s", 1), time.Second, retryable)
			require.ErrorContains(t, err, addr)
			require.Equal(t, connectors.Retry, connectors.Classify(err), "%v", err)
		})
	}
}

// TestRealOversizedRecord: a record that the sink lets through and the topic does not.
func TestRealOversizedRecord(t *testing.T) {
	c := newCluster(t)
	limit := "1000"
	c.topicWith("small", 1, map[string]*string{"max.message.bytes": &limit})
	w := openWriter(t, c.sink("small"), connectors.WriterContext{})
	require.NoError(t, w.Write(t.Context(), batchOf(string(make([]byte, 5000)))))
	err := w.Flush(t.Context())
	require.ErrorContains(t, err, "topic small, partition 0")
	require.ErrorContains(t, err, "raise the topic's max.message.bytes, or lower batch_bytes_max")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

// TestRealOldBroker reads and writes exactly once on a broker without transactions of the second
// version, which is warned of.
func TestRealOldBroker(t *testing.T) {
	broker, err := servers.StartKafka(t.Context(), servers.KafkaOptions{Version: servers.Kafka39})
	require.NoError(t, err)
	defer func() { require.NoError(t, broker.Close()) }()
	c := &cluster{t: t, addrs: broker.Bootstrap(), admin: broker.Admin()}
	c.topic("t", 2)
	c.fill("t", 0, 0, 3)
	c.fill("t", 1, 0, 3)
	config := c.source("t")
	config.Stop = Place{Mode: modeLatest}
	j := start(t, config, 2, checkpoint.Position{})
	j.discover()
	j.drain()
	require.Equal(t, map[string]int{"t-0": 3, "t-1": 3}, j.counts())

	c.topic("out", 1)
	sink := c.exactlyOnce("out")
	warnings, err := sink.CheckLog(t.Context(), testEnv("out", 1), SessionOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, warnings)
	require.Contains(t, warnings[0], "transaction.version=2")
	for n := range 3 { // each one ends what the one before left
		s := openSession(t, sink)
		require.NoError(t, s.Fence(t.Context()))
		w := joinWriter(t, sink, 0, begin(t, s, checkpoint.Epoch(n+1)))
		require.NoError(t, w.Write(t.Context(), batchOf(strconv.Itoa(n))))
		require.NoError(t, decide(t, s, "epoch "+strconv.Itoa(n+1)))
		begin(t, s, checkpoint.Epoch(n+2))
		require.NoError(t, w.Write(t.Context(), batchOf("never")))
		require.NoError(t, w.Flush(t.Context()))
	}
	s := openSession(t, sink)
	require.NoError(t, s.Fence(t.Context()))
	require.Equal(t, []string{"0", "1", "2"}, c.values("out"))
	require.Equal(t, []string{"epoch 3", "epoch 2", "epoch 1"}, readBack(t, s))
	require.Zero(t, c.held("out"))
}
