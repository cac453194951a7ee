package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

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
			now = now.Add(absenceMax - time.Second)
			require.NoError(t, look(), "a broker may know too little for a while")
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
	for range 3 { // each time b is back before it is given up
		require.NoError(t, s.watch([]kadm.TopicDetail{a}, known))
		now = now.Add(absenceMax - time.Millisecond)
		require.NoError(t, s.watch([]kadm.TopicDetail{a}, known))
		require.NoError(t, s.watch([]kadm.TopicDetail{a, b}, known))
	}
	b.ID = id(9)
	err := s.watch([]kadm.TopicDetail{a, b}, known)
	require.ErrorIs(t, err, ErrRecreated)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}
