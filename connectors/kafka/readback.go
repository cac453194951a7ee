package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// readBackOffsets is how many offsets are read back first: the newest record, the marker of
	// its transaction, and a few more of each.
	readBackOffsets = 16
	// readBackGrowth is by how much each further window is larger than the one before.
	readBackGrowth = 8
	// readBackOffsetsMax bounds a window: as many records of the largest size fit in memory.
	readBackOffsetsMax = 1024
	// readBackTimeout bounds the wait for offsets that the broker says are there.
	readBackTimeout = 30 * time.Second
	// endingPoll is how soon a transaction that is being ended is looked at again.
	endingPoll = 20 * time.Millisecond
)

// The states of transactions in which a decision is made and not yet seen everywhere.
const (
	stateOngoing       = "Ongoing"
	statePrepareCommit = "PrepareCommit"
	statePrepareAbort  = "PrepareAbort"
)

// ReadBack hands the committed records of the group to each, newest first. It reads with a client
// of its own, in windows that grow towards the beginning.
func (s *Session) ReadBack(ctx context.Context, each func(record []byte) (more bool)) error {
	err := s.readBack(ctx, each)
	if errors.Is(err, kerr.UnknownTopicOrPartition) && connectors.Classify(err) != connectors.Fatal {
		err = s.topicGone(err) // between the look and the reading
	}
	if err != nil {
		return asked(s.config.Brokers, fmt.Errorf("reading the commits topic %s back: %w",
			s.topic.name, err))
	}
	return nil
}

func (s *Session) readBack(ctx context.Context, each func([]byte) bool) error {
	if err := s.findTopic(ctx); err != nil || !s.topic.there {
		return err
	}
	start, end, err := s.readable(ctx)
	if err != nil {
		return err
	}
	for size := int64(readBackOffsets); end > start; size = min(size*readBackGrowth, readBackOffsetsMax) {
		from := max(start, end-size)
		records, err := s.window(ctx, from, end)
		if err != nil {
			return err
		}
		for _, r := range slices.Backward(records) {
			if bytes.Equal(r.Key, s.topic.key) && len(r.Value) > 0 && !each(r.Value) {
				return nil
			}
		}
		end = from
	}
	return nil
}

// readable returns the offsets of the partition that may be read: up to the high watermark as it
// is now, or to the transaction that its owner has not begun to end. A decision that was made is
// waited for, since a broker answers before its marker is everywhere.
func (s *Session) readable(ctx context.Context) (start, end int64, err error) {
	high, err := s.offset(ctx, s.admin.ListEndOffsets)
	if err != nil {
		return 0, 0, err
	}
	for {
		stable, err := s.offset(ctx, s.admin.ListCommittedOffsets)
		if err != nil {
			return 0, 0, err
		}
		if stable < high {
			deciding, err := s.deciding(ctx)
			if err != nil {
				return 0, 0, err
			}
			if deciding {
				continue
			}
			// The state was looked at after the offset, so look at the offset once more: what was
			// decided in between is stable now.
			if stable, err = s.offset(ctx, s.admin.ListCommittedOffsets); err != nil {
				return 0, 0, err
			}
		}
		start, err = s.offset(ctx, s.admin.ListStartOffsets)
		return start, min(stable, high), err
	}
}

// deciding waits a moment and reports true while the group's transaction is being ended.
func (s *Session) deciding(ctx context.Context) (bool, error) {
	described, err := s.admin.DescribeTransactions(ctx, s.id)
	if err != nil {
		return false, err
	}
	t, ok := described[s.id]
	if !ok || t.State != statePrepareCommit && t.State != statePrepareAbort {
		return false, nil
	}
	return true, pause(ctx, endingPoll)
}

// pause waits for d, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// offset returns what list says of the group's partition. It waits for a leader that was just elected:
// (1) the old one dies, (2) a claim asks the new one, (3) which does not know yet how far the others
// are.
func (s *Session) offset(
	ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error),
) (int64, error) {
	wait, cancel := context.WithTimeout(ctx, readBackTimeout)
	defer cancel()
	for {
		listed, err := list(wait, s.topic.name)
		if err != nil {
			return 0, err
		}
		o, ok := listed.Lookup(s.topic.name, s.topic.partition)
		if !ok {
			return 0, kerr.UnknownTopicOrPartition
		}
		if !electing(o.Err) || pause(wait, endingPoll) != nil {
			return o.Offset, o.Err
		}
	}
}

// electing reports whether err says that a partition's leader is not ready yet.
func electing(err error) bool {
	return errors.Is(err, kerr.OffsetNotAvailable) || errors.Is(err, kerr.LeaderNotAvailable) ||
		errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.FencedLeaderEpoch) ||
		errors.Is(err, kerr.UnknownLeaderEpoch)
}

// window returns the committed records from offset from up to offset end, in order. All of them
// are stable. The last offset below end is that of a marker or a record, and is always delivered:
// the cleaner leaves the newest segment alone, and older windows end where a newer one began.
func (s *Session) window(ctx context.Context, from, end int64) ([]*kgo.Record, error) {
	opts, err := s.config.options(ctx, s.env, sinkSide, "read-back")
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(opts,
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
		retryHangUps(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
			s.topic.name: {s.topic.partition: kgo.NewOffset().At(from)},
		}))...)
	if err != nil {
		return nil, fmt.Errorf("opening a Kafka client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, readBackTimeout, errors.New("offsets that the "+
		"broker says are there did not come"))
	defer cancel()
	var records []*kgo.Record
	for reached := from; reached < end; {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("from offset %d to %d: %w", reached, end, context.Cause(ctx))
		}
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			reached = max(reached, r.Offset+1)
			if r.Offset < end && !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records, nil
}
