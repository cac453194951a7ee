package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// Progress is the place of a job in a partition, for people.
type Progress struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Next      int64  `json:"next"`           // offset of the next record to read
	Stop      *int64 `json:"stop,omitempty"` // first offset not to read; nil is none
	First     int64  `json:"first"`          // oldest offset of the partition
	End       int64  `json:"end"`            // offset behind the last one that may be read
	Lag       int64  `json:"lag"`            // offsets that are not read yet
	// Problem says why the job cannot go on in this partition; "" when it can.
	Problem string `json:"problem,omitempty"`
}

// Move is what a reset does to a partition.
type Move struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
}

// ShowProgress tells where the splits of a manifest stand, sorted by topic and partition.
func (c *SourceConfig) ShowProgress(
	ctx context.Context, env connectors.Env, splits []checkpoint.Split,
) ([]Progress, error) {
	s, err := c.openSource(ctx, env)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	places, err := decodeSplits(splits)
	if err != nil {
		return nil, err
	}
	topics, err := s.detailsOf(ctx, places)
	if err != nil {
		return nil, asked(c.Brokers, err)
	}
	first, err := s.list(ctx, Place{Mode: modeEarliest}, topics.Names()...)
	if err != nil {
		return nil, asked(c.Brokers, err)
	}
	end, err := s.list(ctx, Place{Mode: modeLatest}, topics.Names()...)
	if err != nil {
		return nil, asked(c.Brokers, err)
	}
	out := make([]Progress, len(places))
	for i, p := range places {
		out[i] = progressOf(p, topics[p.topic], first, end)
	}
	return out, nil
}

func progressOf(p place, topic kadm.TopicDetail, first, end kadm.ListedOffsets) Progress {
	out := Progress{Topic: p.topic, Partition: p.partition, Next: p.next, First: -1, End: -1, Lag: -1}
	if p.stop != endless {
		out.Stop = &p.stop
	}
	if topic.Topic == "" {
		out.Problem = ErrNoTopic.Error()
		return out
	}
	if err := sameTopic(p.topic, p.topicID, topic.ID); err != nil {
		out.Problem = err.Error()
		return out
	}
	f, ok := first.Lookup(p.topic, p.partition)
	e, also := end.Lookup(p.topic, p.partition)
	if err := errors.Join(f.Err, e.Err); err != nil || !ok || !also {
		out.Problem = errUnresolved.Error()
		return out
	}
	out.First, out.End, out.Lag = f.Offset, e.Offset, max(0, e.Offset-p.next)
	if p.next < f.Offset || p.next > e.Offset {
		out.Problem = ErrOutOfRange.Error()
	}
	return out
}

// ResetSplits returns the splits of a source's state with other positions, and what changes. target
// is earliest, latest, a moment (RFC 3339 or Unix milliseconds), or partitions with their next
// offsets, as in "orders-0=17,orders-1=0". Partitions that are not named stay where they are. One
// that was read to its stop cannot be moved: the error wraps ErrEnded.
//
// What has to be read again is for the caller to say: a manifest of these splits loses or doubles
// exactly the records between From and To.
func (c *SourceConfig) ResetSplits(
	ctx context.Context, env connectors.Env, state checkpoint.SourceState, target string,
) ([]checkpoint.Split, []Move, error) {
	to, err := ParsePlace(target)
	if err != nil {
		return nil, nil, err
	}
	places, err := decodeSplits(state.Splits)
	if err != nil {
		return nil, nil, err
	}
	if err := movable(to, state, places); err != nil {
		return nil, nil, err
	}
	s, err := c.openSource(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	offsets, err := s.targets(ctx, places, to)
	if err != nil {
		return nil, nil, asked(c.Brokers, err)
	}
	out, moves := make([]checkpoint.Split, len(places)), []Move(nil)
	for i, p := range places {
		if next, ok := offsets[i]; ok && next != p.next {
			moves = append(moves, Move{p.topic, p.partition, p.next, next})
			p.next, p.epoch = next, noEpoch
		}
		out[i] = checkpoint.Split{ID: splitID(p.topic, p.partition), Position: p.encode()}
	}
	return out, moves, nil
}

// movable checks that every partition that is to move has a position.
func movable(to Place, state checkpoint.SourceState, places []place) error {
	known, err := decodeSeen(state.Enumerator)
	if err != nil {
		return fmt.Errorf("reading the list of partitions: %w", err)
	}
	ended := known.without(places)
	switch {
	case to.Mode == modeOffsets || len(ended) == 0:
	case len(places) == 0: // there is none to name
		return fmt.Errorf("%s: %w; run --fresh reads all of it again", strings.Join(ended, ", "),
			ErrEnded)
	default:
		return fmt.Errorf("%s: %w; name the partitions to move, as in %s=0, or read all of it again "+
			"with run --fresh", strings.Join(ended, ", "), ErrEnded,
			splitID(places[0].topic, places[0].partition))
	}
	for id := range to.Offsets {
		switch {
		case slices.Contains(ended, id):
			return fmt.Errorf("%s: %w; run --fresh reads all of it again", id, ErrEnded)
		case !slices.ContainsFunc(places, func(p place) bool {
			return splitID(p.topic, p.partition) == id
		}):
			return fmt.Errorf("%s: the job reads no such partition", id)
		}
	}
	return nil
}

// without returns the partitions that were given out and are not among places, sorted.
func (s *seen) without(places []place) []string {
	var out []string
	for topic, t := range s.topics {
		for number, waiting := range t.partitions {
			id := splitID(topic, number)
			if !waiting && !slices.ContainsFunc(places, func(p place) bool {
				return p.topic == topic && p.partition == number
			}) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out
}

// targets returns the offsets to go on at, by index of the place. Each lies in its partition.
func (s *Source) targets(ctx context.Context, places []place, to Place) (map[int]int64, error) {
	topics, err := s.detailsOf(ctx, places)
	if err != nil {
		return nil, err
	}
	names := topics.Names()
	first, err := s.list(ctx, Place{Mode: modeEarliest}, names...)
	if err != nil {
		return nil, err
	}
	end, err := s.list(ctx, Place{Mode: modeLatest}, names...)
	if err != nil {
		return nil, err
	}
	asked := kadm.ListedOffsets{}
	if to.Mode != modeOffsets {
		if asked, err = s.list(ctx, to, names...); err != nil {
			return nil, err
		}
	}
	out := map[int]int64{}
	for i, p := range places {
		id := splitID(p.topic, p.partition)
		next, named := to.Offsets[id]
		if to.Mode == modeOffsets && !named {
			continue
		}
		if _, there := topics[p.topic]; !there {
			return nil, fmt.Errorf("%s: %w", id, ErrNoTopic)
		}
		now := progressOf(p, topics[p.topic], first, end)
		if now.End < 0 {
			return nil, fmt.Errorf("%s: %s", id, now.Problem)
		}
		if !named {
			o, ok := asked.Lookup(p.topic, p.partition)
			if !ok || o.Err != nil || o.Offset < 0 {
				return nil, fmt.Errorf("%s: %w", id, errUnresolved)
			}
			next = o.Offset
		}
		if next < now.First || next > now.End {
			return nil, fmt.Errorf("%s: offset %d is not between %d and %d", id, next, now.First, now.End)
		}
		out[i] = next
	}
	return out, nil
}

// ParsePlace reads a place as commands take it: earliest, latest, a moment, or partitions with
// offsets.
func ParsePlace(text string) (Place, error) {
	switch text {
	case modeEarliest, modeLatest:
		return Place{Mode: text}, nil
	case "":
		return Place{}, fmt.Errorf("name a place: earliest, latest, a moment such as " +
			"2026-01-31T12:00:00Z, or offsets such as orders-0=17,orders-1=0")
	}
	if strings.Contains(text, "=") {
		return parseOffsets(text)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Place{Mode: modeTimestamp, Timestamp: n}, nil
	}
	at, err := timestampOf(text)
	if err != nil {
		return Place{}, fmt.Errorf("%q is none of earliest, latest, a moment such as "+
			"2026-01-31T12:00:00Z, and offsets such as orders-0=17,orders-1=0", text)
	}
	return Place{Mode: modeTimestamp, Timestamp: at}, nil
}

func parseOffsets(text string) (Place, error) {
	out := Place{Mode: modeOffsets, Offsets: map[string]int64{}}
	for part := range strings.SplitSeq(text, ",") {
		id, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		if _, _, ok := parseSplitID(id); !ok {
			return Place{}, fmt.Errorf("%q is no partition; write topic-partition=offset, as "+
				"orders-0=17", part)
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 {
			return Place{}, fmt.Errorf("%q: want an offset from 0, not %q", id, number)
		}
		if _, twice := out.Offsets[id]; twice {
			return Place{}, fmt.Errorf("%s is named twice", id)
		}
		out.Offsets[id] = n
	}
	return out, nil
}

// place is a split, decoded.
type place struct {
	topic     string
	partition int32
	partitionPosition
}

// decodeSplits returns the splits sorted by topic and partition.
func decodeSplits(splits []checkpoint.Split) ([]place, error) {
	out := make([]place, 0, len(splits))
	for _, s := range splits {
		topic, partition, ok := parseSplitID(s.ID)
		if !ok {
			return nil, fmt.Errorf("split %q: %w", s.ID, ErrPosition)
		}
		p, err := decodePartition(s.Position)
		if err != nil {
			return nil, fmt.Errorf("split %q: %w", s.ID, err)
		}
		out = append(out, place{topic, partition, p})
	}
	slices.SortFunc(out, func(a, b place) int {
		if c := strings.Compare(a.topic, b.topic); c != 0 {
			return c
		}
		return int(a.partition) - int(b.partition)
	})
	return out, nil
}

// detailsOf returns the topics of places that are there.
func (s *Source) detailsOf(ctx context.Context, places []place) (kadm.TopicDetails, error) {
	var names []string
	for _, p := range places {
		if !slices.Contains(names, p.topic) {
			names = append(names, p.topic)
		}
	}
	if len(names) == 0 {
		return kadm.TopicDetails{}, nil
	}
	topics, err := s.admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("looking at topics: %w", err)
	}
	for name, t := range topics {
		if t.Err != nil {
			delete(topics, name)
		}
	}
	return topics, nil
}
