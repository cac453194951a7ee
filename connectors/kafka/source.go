package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// leaderWait is when a partition without a leader is looked at again: an election takes moments.
	leaderWait = time.Second
	// watchInterval is how often is looked whether the topics that are read are still there: where no
	// leader says that one was deleted, the client waits for it for ever.
	watchInterval = 5 * time.Second
	// absenceMax is for how long brokers may say that there is no such topic before they are believed
	// (Q3). One that has just started may not know all of them.
	absenceMax = 15 * time.Second
	// absenceGapMax is how far apart two such answers may be and still count as one absence: in a
	// longer time without any, all brokers may have been away, and the first to be back knows least.
	absenceGapMax = 5 * time.Second
)

// Source is the opened source. Its own client finds partitions; every reader has another.
type Source struct {
	config  *SourceConfig
	pattern *regexp.Regexp // nil when topics are listed
	env     connectors.Env
	client  *kgo.Client
	admin   *kadm.Client
	metrics *sourceMetrics

	// Used by Enumerate alone.
	discoverAt time.Time            // when to look for new partitions; zero is at once
	discovered bool                 // they were looked for
	absent     map[string]time.Time // since when brokers do not know a topic that is read
	answeredAt time.Time            // when brokers last told of topics
}

// candidate is a partition that was found and has no position yet.
type candidate struct {
	topic     string
	partition int32
	topicID   kadm.TopicID
	start     Place
}

// Enumerate finds the partitions that state does not know, when it is time to, and looks whether
// the topics of those that it knows are still there.
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
	if s.discovered && !known.waiting() && (s.settled() || s.env.Now().Before(s.discoverAt)) {
		if err := s.lookAfter(ctx, known); err != nil {
			return connectors.Enumeration{}, asked(s.config.Brokers, err)
		}
		return connectors.Enumeration{State: state, Done: s.settled(), Again: s.watchAgain()}, nil
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
	s.discovered, s.discoverAt = true, s.env.Now().Add(s.config.DiscoverInterval.D())
	e := connectors.Enumeration{Found: splits, State: known.encode(), Again: leaderWait}
	if !known.waiting() {
		e.Done, e.Again = s.settled(), s.watchAgain()
	}
	return e, nil
}

func (s *Source) bounded() bool { return s.config.Stop.Mode != modeNever }

// settled reports whether new partitions are looked for only once.
func (s *Source) settled() bool { return s.bounded() || s.config.DiscoverInterval == 0 }

// watchAgain returns when Enumerate is to be called again.
func (s *Source) watchAgain() time.Duration {
	switch {
	case len(s.absent) > 0:
		return leaderWait
	case s.settled():
		return watchInterval
	}
	return min(watchInterval, s.config.DiscoverInterval.D())
}

// lookAfter asks whether the topics that are read are still there. Brokers that are away are asked
// again the next time: readers wait for them too.
func (s *Source) lookAfter(ctx context.Context, known *seen) error {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(known.topics)), func(topic string) bool {
		return !s.matches(topic)
	})
	if len(names) == 0 {
		return nil
	}
	listed, err := s.look(ctx, names)
	if err != nil {
		s.env.Logger.Debug("looking after topics", "source", s.env.Name, "error", err)
		return ctx.Err()
	}
	return s.watch(listed, known)
}

// look asks for topics, all when none is named. Where nobody answers, nobody says that a topic is
// still absent.
func (s *Source) look(ctx context.Context, names []string) (kadm.TopicDetails, error) {
	listed, err := s.admin.ListTopics(ctx, names...)
	if err != nil {
		clear(s.absent)
	}
	return listed, err
}

// watch looks for topics that are read and that brokers do not know any more. Those that are back
// are told from those that were made anew by their ids.
func (s *Source) watch(listed kadm.TopicDetails, known *seen) error {
	now := s.env.Now()
	// A question may outlast an outage: (1) a broker does not know a topic, (2) all go down while they
	// are asked again, (3) the first that is back answers, and does not know it yet.
	if now.Sub(s.answeredAt) > absenceGapMax {
		clear(s.absent)
	}
	s.answeredAt = now
	for _, topic := range slices.Sorted(maps.Keys(known.topics)) {
		if !s.matches(topic) {
			continue
		}
		if t, ok := listed[topic]; ok && !unknown(t.Err) {
			delete(s.absent, topic)
			if err := sameTopic(topic, known.topics[topic].id, t.ID); err != nil {
				return err
			}
			continue
		}
		since, noted := s.absent[topic]
		switch {
		case !noted:
			if s.absent == nil {
				s.absent = map[string]time.Time{}
			}
			s.absent[topic] = now
		case now.Sub(since) >= absenceMax:
			return connectors.AtKey("topics", fmt.Errorf("reading topic %s: %w, for %v now, and it was "+
				"there: restore it, or take it out of topics and set unmatched_topics to \"drop\"",
				topic, ErrNoTopic, now.Sub(since).Round(time.Second)))
		}
	}
	return nil
}

// unknown reports whether err says that there is no such topic. All other errors are of one that is
// there: it may have no leader at the moment.
func unknown(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID)
}

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

// topics asks for the topics that the job file names, and returns those that can be looked at. One
// that is known and missing is left to its readers and to watch: a broker's answer may be
// incomplete (Q3).
func (s *Source) topics(ctx context.Context, known *seen) ([]kadm.TopicDetail, error) {
	listed, err := s.look(ctx, s.config.Topics)
	if err != nil {
		return nil, classify(fmt.Errorf("looking at %s: %w", s.wanted(), err))
	}
	var found []kadm.TopicDetail
	for _, t := range listed.Sorted() {
		switch {
		case !s.matches(t.Topic):
		case t.Err == nil:
			found = append(found, t)
		case unknown(t.Err) && known.topics[t.Topic] == nil:
			return nil, connectors.AtKey("topics", fmt.Errorf(
				"topic %s: %w; create it, or correct topics", t.Topic, ErrNoTopic))
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
		return nil, connectors.AtKey("topic_pattern", fmt.Errorf("no topic matches %q as a whole: %w; "+
			"create one, or correct topic_pattern", s.config.TopicPattern, ErrNoTopic))
	}
	return found, s.watch(listed, known)
}

// wanted names the topics of the job file.
func (s *Source) wanted() string {
	if s.pattern != nil {
		return fmt.Sprintf("the topics that match %q", s.config.TopicPattern)
	}
	return "topic " + strings.Join(s.config.Topics, ", ")
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
