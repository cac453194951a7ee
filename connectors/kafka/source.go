package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// leaderWait is when a partition without a leader is looked at again: an election takes moments.
const leaderWait = time.Second

// Source is the opened source. Its own client finds partitions; every reader has another.
type Source struct {
	config  *SourceConfig
	pattern *regexp.Regexp // nil when topics are listed
	env     connectors.Env
	client  *kgo.Client
	admin   *kadm.Client
	metrics *sourceMetrics
}

// candidate is a partition that was found and has no position yet.
type candidate struct {
	topic     string
	partition int32
	topicID   kadm.TopicID
	start     Place
}

// Enumerate finds the partitions that state does not know.
func (s *Source) Enumerate(
	ctx context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	known, err := decodeSeen(state)
	if err != nil {
		return connectors.Enumeration{}, connectors.Permanent(
			fmt.Errorf("restoring the list of partitions: %w", err))
	}
	if s.config.UnmatchedTopics == modeDrop {
		s.forgetUnmatched(known)
	}
	found, err := s.topics(ctx, known)
	if err != nil {
		return connectors.Enumeration{}, asked(s.config.Brokers, err)
	}
	first := state.IsZero()
	var ready []candidate
	for _, t := range found {
		c, err := s.newPartitions(t, known, first)
		if err != nil {
			return connectors.Enumeration{}, err
		}
		ready = append(ready, c...)
	}
	splits, err := s.resolve(ctx, ready, known)
	if err != nil {
		return connectors.Enumeration{}, asked(s.config.Brokers, err)
	}
	e := connectors.Enumeration{Found: splits, State: known.encode()}
	switch {
	case known.waiting():
		e.Again = leaderWait
	case s.bounded() || s.config.DiscoverInterval == 0:
		e.Done = true
	default:
		e.Again = s.config.DiscoverInterval.D()
	}
	return e, nil
}

func (s *Source) bounded() bool { return s.config.Stop.Mode != modeNever }

// matches reports whether the job file names topic.
func (s *Source) matches(topic string) bool {
	if s.pattern != nil {
		return s.pattern.MatchString(topic)
	}
	return slices.Contains(s.config.Topics, topic)
}

// forgetUnmatched drops topics that are not named any more, so that they begin anew if ever they
// are named again. Their readers drop their splits.
func (s *Source) forgetUnmatched(known *seen) {
	for topic := range known.topics {
		if !s.matches(topic) {
			delete(known.topics, topic)
		}
	}
}

// topics asks for the topics that the job file names. One that is known and missing is left to
// its readers: a broker's answer may be incomplete (Q3).
func (s *Source) topics(ctx context.Context, known *seen) ([]kadm.TopicDetail, error) {
	listed, err := s.admin.ListTopics(ctx, s.config.Topics...)
	if err != nil {
		return nil, classify(err)
	}
	var found []kadm.TopicDetail
	for _, t := range listed.Sorted() {
		switch {
		case !s.matches(t.Topic):
		case t.Err == nil:
			found = append(found, t)
		case errors.Is(t.Err, kerr.UnknownTopicOrPartition) && known.topics[t.Topic] == nil:
			return nil, fmt.Errorf("topic %s: %w; create it, or correct topics", t.Topic, ErrNoTopic)
		case kerr.IsRetriable(t.Err):
			s.env.Logger.Warn("a topic cannot be looked at", "source", s.env.Name,
				"topic", t.Topic, "error", t.Err)
			if known.topics[t.Topic] == nil {
				return nil, classify(fmt.Errorf("topic %s: %w", t.Topic, t.Err))
			}
		default:
			return nil, classify(fmt.Errorf("topic %s: %w", t.Topic, t.Err))
		}
	}
	if len(found) == 0 && len(known.topics) == 0 {
		return nil, fmt.Errorf("no topic matches %q as a whole: %w; create one, or correct "+
			"topic_pattern", s.config.TopicPattern, ErrNoTopic)
	}
	return found, nil
}

// readable checks that every topic has a partition that can be read.
func (s *Source) readable(found []kadm.TopicDetail) error {
	for _, t := range found {
		if len(t.Partitions) == 0 {
			return fmt.Errorf("topic %s has no partition: %w", t.Topic, ErrNoTopic)
		}
	}
	return nil
}

// newPartitions returns the partitions of t that are to begin now, and notes all of t in known.
func (s *Source) newPartitions(
	t kadm.TopicDetail, known *seen, first bool,
) ([]candidate, error) {
	k := known.topics[t.Topic]
	if k == nil {
		k = &seenTopic{id: t.ID, partitions: map[int32]bool{}}
		known.topics[t.Topic] = k
	}
	if err := sameTopic(t.Topic, k.id, t.ID); err != nil {
		return nil, err
	}
	var out []candidate
	for _, p := range t.Partitions.Sorted() {
		waiting, there := k.partitions[p.Partition]
		initial := first || waiting
		if there && !waiting || !initial && s.bounded() {
			continue
		}
		c := candidate{t.Topic, p.Partition, t.ID, Place{Mode: s.config.NewPartitions}}
		if initial {
			c.start = s.config.Start
			k.partitions[p.Partition] = true // until it is resolved
		}
		if p.Leader < 0 || p.Err != nil {
			s.env.Logger.Warn("a partition has no leader; it is tried again", "source", s.env.Name,
				"topic", t.Topic, "partition", p.Partition)
			continue
		}
		out = append(out, c)
	}
	return out, nil
}

// sameTopic refuses a topic that is not the one positions were written for (Q4). Brokers before
// 2.8 know no ids.
func sameTopic(topic string, then, now kadm.TopicID) error {
	var none kadm.TopicID
	if then != none && now != none && then != now {
		return connectors.Permanent(fmt.Errorf("topic %s: %w", topic, ErrRecreated))
	}
	return nil
}

// AssignTask deals the partitions of each topic out in turn.
func (s *Source) AssignTask(split string, parallelism int) (int, bool) {
	topic, partition, ok := parseSplitID(split)
	if !ok {
		return 0, false
	}
	if s.config.Copartition {
		return int(partition) % parallelism, true
	}
	return assign(topic, partition, parallelism), true
}

// OpenReader opens the reader of one task.
func (s *Source) OpenReader(
	ctx context.Context, rc connectors.ReaderContext,
) (connectors.SourceReader, error) {
	return openReader(ctx, s, rc)
}

// Close closes the client.
func (s *Source) Close() error {
	s.client.Close()
	return nil
}

// joinClose closes c and joins the errors.
func joinClose(err error, c io.Closer) error { return errors.Join(err, c.Close()) }

var (
	_ connectors.Source   = (*Source)(nil)
	_ connectors.Assigner = (*Source)(nil)
)
