package kafka

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// TestADeletedTopicIsNotWaitedForForEver deletes a topic while it is read, to its end or for ever,
// with discovery or without.
func TestADeletedTopicIsNotWaitedForForEver(t *testing.T) {
	for name, change := range map[string]func(*SourceConfig){
		"endless":           func(*SourceConfig) {},
		"without discovery": func(c *SourceConfig) { c.DiscoverInterval = 0 },
		"bounded":           func(c *SourceConfig) { c.Stop = Place{Mode: modeLatest} },
		"by a pattern":      func(c *SourceConfig) { c.Topics, c.TopicPattern = nil, "t" },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.topic("t", 1)
			c.fill("t", 0, 0, 3)
			config := c.source("t")
			change(config)
			j := start(t, config, 1, checkpoint.Position{})
			s, now := j.source.(*Source), time.Now()
			s.env.Now = func() time.Time { return now }
			j.discover()
			now = now.Add(watchInterval)
			look := func() error {
				e, err := s.Enumerate(t.Context(), j.state)
				if err == nil {
					require.Empty(t, e.Found)
					require.Equal(t, j.state, e.State)
					require.Equal(t, j.done, e.Done)
					require.Positive(t, e.Again, "it is asked again, whether it is done or not")
					require.LessOrEqual(t, e.Again, watchInterval)
				}
				return err
			}
			require.NoError(t, look())
			c.delete("t")
			require.Eventually(t, func() bool { // an answer may be some milliseconds old
				require.NoError(t, look())
				return len(s.absent) > 0
			}, patience, askMetadataAge)
			for range absenceMax/time.Second - 1 {
				now = now.Add(time.Second)
				require.NoError(t, look(), "a broker may know too little for a while")
			}
			now = now.Add(time.Second)
			err := look()
			require.ErrorIs(t, err, ErrNoTopic)
			require.ErrorContains(t, err, "reading topic t: no such topic, for 15s now, and it was there: "+
				"restore it")
			require.Equal(t, connectors.Fail, connectors.Classify(err), "for the restart strategy")
		})
	}
}

// TestTopicsAreLookedAfter: brokers may leave a topic out of an answer, or make another one.
func TestTopicsAreLookedAfter(t *testing.T) {
	config := newSourceConfig()
	config.Topics = []string{"a", "b"}
	now := time.Now()
	s := &Source{config: config, env: testEnv("s", 1)}
	s.env.Now = func() time.Time { return now }
	id := func(n byte) kadm.TopicID { return kadm.TopicID{n} }
	known := newSeen()
	known.topics["a"] = &seenTopic{id: id(1)}
	known.topics["b"] = &seenTopic{id: id(2)}
	known.topics["unmatched"] = &seenTopic{id: id(3)}
	a, b := kadm.TopicDetail{Topic: "a", ID: id(1)}, kadm.TopicDetail{Topic: "b", ID: id(2)}
	only, both := kadm.TopicDetails{"a": a}, kadm.TopicDetails{"a": a, "b": b}
	for range 3 { // each time b is back before it is given up
		require.NoError(t, s.watch(only, known))
		for range absenceMax/time.Second - 1 {
			now = now.Add(time.Second)
			require.NoError(t, s.watch(only, known))
		}
		now = now.Add(time.Second)
		require.NoError(t, s.watch(both, known))
	}
	b.ID = id(9)
	err := s.watch(kadm.TopicDetails{"a": a, "b": b}, known)
	require.ErrorIs(t, err, ErrRecreated)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

// TestAbsenceIsContinuous: what brokers said before they were away does not count.
func TestAbsenceIsContinuous(t *testing.T) {
	unknown := kadm.TopicDetails{"t": {Topic: "t", Err: kerr.UnknownTopicOrPartition}}
	for name, tt := range map[string]struct {
		between func(*testing.T, *Source, *seen)
		gap     time.Duration // until the next answer
		refused bool
	}{
		"nothing else is said": {refused: true, gap: leaderWait,
			between: func(*testing.T, *Source, *seen) {}},
		"it has no leader": {gap: leaderWait, between: func(t *testing.T, s *Source, known *seen) {
			require.NoError(t, s.watch(
				kadm.TopicDetails{"t": {Topic: "t", Err: kerr.LeaderNotAvailable}}, known))
		}},
		"a look fails": {gap: leaderWait, between: func(t *testing.T, s *Source, known *seen) {
			s.client.Close()
			require.NoError(t, s.lookAfter(t.Context(), known), "readers wait for brokers too")
		}},
		"discovery fails": {gap: leaderWait, between: func(t *testing.T, s *Source, known *seen) {
			s.client.Close()
			_, err := s.topics(t.Context(), known)
			require.Error(t, err)
		}},
		"a look takes long": {gap: absenceGapMax + 1, between: func(*testing.T, *Source, *seen) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := newCluster(t).source("t").openSource(t.Context(), testEnv("s", 1))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			now := time.Now()
			s.env.Now = func() time.Time { return now }
			known := newSeen()
			known.topics["t"] = &seenTopic{id: kadm.TopicID{1}}
			require.NoError(t, s.watch(unknown, known))
			for range absenceMax/leaderWait - 1 {
				now = now.Add(leaderWait)
				require.NoError(t, s.watch(unknown, known))
			}
			tt.between(t, s, known)
			now = now.Add(tt.gap)
			err = s.watch(unknown, known)
			if tt.refused {
				require.ErrorIs(t, err, ErrNoTopic)
				return
			}
			require.NoError(t, err)
			require.Equal(t, map[string]time.Time{"t": now}, s.absent, "it begins anew")
		})
	}
}

// TestATopicWithoutLeaderIsThere: discovery tells it from one that was deleted.
func TestATopicWithoutLeaderIsThere(t *testing.T) {
	c := newCluster(t)
	c.topic("t", 1)
	j := start(t, c.source("t"), 1, checkpoint.Position{})
	j.discover()
	var told atomic.Int32
	c.fake.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		told.Add(1)
		resp := r.ResponseKind().(*kmsg.MetadataResponse)
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = kmsg.StringPtr("t"), kerr.LeaderNotAvailable.Code
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	require.Eventually(t, func() bool { // an answer may be some milliseconds old
		require.Empty(t, j.discover())
		return told.Load() > 1
	}, patience, 2*askMetadataAge)
	require.Empty(t, j.source.(*Source).absent)
}
