package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// resolver turns places into offsets. Each question is put to the cluster once for all topics.
type resolver struct {
	*Source
	topics  []string
	answers map[question]kadm.ListedOffsets
	group   kadm.OffsetResponses
}

// question is what was asked for: a mode with its moment.
type question struct {
	mode string
	at   int64
}

// errUnresolved is a partition whose leader did not answer. It is asked again later.
var errUnresolved = errors.New("the leader of the partition did not answer")

// resolve makes splits of candidates and notes them in known. A candidate whose leader is away
// is found again by the next enumeration.
func (s *Source) resolve(
	ctx context.Context, cs []candidate, known *seen,
) ([]checkpoint.Split, error) {
	r := &resolver{Source: s, answers: map[question]kadm.ListedOffsets{}}
	for _, c := range cs {
		if !slices.Contains(r.topics, c.topic) {
			r.topics = append(r.topics, c.topic)
		}
	}
	var out []checkpoint.Split
	for _, c := range cs {
		p, err := r.position(ctx, c)
		if errors.Is(err, errUnresolved) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("looking for the start of topic %s, partition %d: %w",
				c.topic, c.partition, err)
		}
		known.topics[c.topic].partitions[c.partition] = false
		out = append(out, checkpoint.Split{ID: splitID(c.topic, c.partition), Position: p.encode()})
	}
	return out, nil
}

func (r *resolver) position(ctx context.Context, c candidate) (partitionPosition, error) {
	p := partitionPosition{topicID: c.topicID, stop: endless, epoch: noEpoch}
	var err error
	if p.next, err = r.start(ctx, c, c.start); err != nil {
		return p, err
	}
	p.stop, err = r.stop(ctx, c)
	return p, err
}

// start returns the first offset to read.
func (r *resolver) start(ctx context.Context, c candidate, at Place) (int64, error) {
	switch at.Mode {
	case modeOffsets:
		if offset, ok := at.Offsets[splitID(c.topic, c.partition)]; ok {
			return offset, nil
		}
		return r.groupOffset(ctx, c)
	case modeGroupOffsets:
		return r.groupOffset(ctx, c)
	default:
		return r.listed(ctx, c, at)
	}
}

// stop returns the first offset not to read.
func (r *resolver) stop(ctx context.Context, c candidate) (int64, error) {
	at := r.config.Stop
	if at.Mode == modeNever {
		return endless, nil
	}
	if at.Mode == modeOffsets {
		if offset, ok := at.Offsets[splitID(c.topic, c.partition)]; ok {
			return offset, nil
		}
		at = Place{Mode: modeLatest}
	}
	return r.listed(ctx, c, at)
}

// groupOffset returns what the group committed, or where no_group_offset says.
func (r *resolver) groupOffset(ctx context.Context, c candidate) (int64, error) {
	if r.config.Group != "" && r.group == nil {
		committed, err := r.admin.FetchOffsets(ctx, r.config.Group)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return 0, classify(fmt.Errorf("reading the offsets of group %s: %w", r.config.Group, err))
		}
		r.group = committed
		if r.group == nil {
			r.group = kadm.OffsetResponses{}
		}
	}
	if o, ok := r.group.Lookup(c.topic, c.partition); ok && o.Err == nil && o.At >= 0 {
		return o.At, nil
	}
	if r.config.NoGroupOffset == modeFail {
		return 0, connectors.Permanent(fmt.Errorf("group %q: %w", r.config.Group, ErrNoGroupOffset))
	}
	return r.listed(ctx, c, Place{Mode: r.config.NoGroupOffset})
}

// listed returns what the leader of the partition says about a place.
func (r *resolver) listed(ctx context.Context, c candidate, at Place) (int64, error) {
	key := question{at.Mode, at.Timestamp}
	answer, ok := r.answers[key]
	if !ok {
		var err error
		if answer, err = r.list(ctx, at, r.topics...); err != nil {
			return 0, err
		}
		r.answers[key] = answer
	}
	o, ok := answer.Lookup(c.topic, c.partition)
	switch {
	case !ok || o.Err != nil && kerr.IsRetriable(o.Err):
		return 0, errUnresolved
	case o.Err != nil:
		return 0, classify(o.Err)
	case o.Offset < 0:
		return 0, errUnresolved
	}
	return o.Offset, nil
}

// list asks the leaders. For a reader of committed records, the end is the last stable offset.
func (s *Source) list(ctx context.Context, at Place, topics ...string) (kadm.ListedOffsets, error) {
	var answer kadm.ListedOffsets
	var err error
	switch {
	case at.Mode == modeEarliest:
		answer, err = s.admin.ListStartOffsets(ctx, topics...)
	case at.Mode == modeTimestamp:
		answer, err = s.admin.ListOffsetsAfterMilli(ctx, at.Timestamp, topics...)
	case s.config.Isolation == readCommitted:
		answer, err = s.admin.ListCommittedOffsets(ctx, topics...)
	default:
		answer, err = s.admin.ListEndOffsets(ctx, topics...)
	}
	var some *kadm.ShardErrors
	if errors.As(err, &some) && !some.AllFailed {
		err = nil // the partitions of the others have no answer
	}
	if err != nil {
		return nil, classify(fmt.Errorf("listing offsets (%s): %w", at.Mode, err))
	}
	return answer, nil
}
