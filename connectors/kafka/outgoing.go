package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

// recordOverheadBytes is more than the frame of a batch with one record takes.
const recordOverheadBytes = 128

// outgoing makes records for the client from batches, for one task. Every writer has one.
type outgoing struct {
	sink    *Sink
	way     int32
	faults  func(*connectors.Record, connectors.Fault) error
	counts  *clientCounts
	slabs   slabs
	targets []target // of the batch; a zero one was not looked at yet
}

// target is what is known of a topic while a batch is written.
type target struct {
	topic      string
	partitions int32
}

func newOutgoing(s *Sink, wc connectors.WriterContext, counts *clientCounts) outgoing {
	return outgoing{
		sink: s, way: wayOf(s.config.PartitionBy, wc.Task), faults: wc.Faults, counts: counts,
	}
}

// fill returns a slab with the records of b, less those that the policy of the sink took. The
// caller sends it or lets it go.
func (o *outgoing) fill(ctx context.Context, b *connectors.Batch) (*slab, error) {
	o.targets = o.targets[:0]
	for range len(b.Targets) + 1 {
		o.targets = append(o.targets, target{})
	}
	s := o.slabs.take(b)
	for i := range b.Records {
		r := &b.Records[i]
		t, err := o.targetOf(ctx, b, r)
		if err != nil {
			s.release()
			return nil, err
		}
		if refused := o.refusal(t, r); refused != "" {
			if err := o.refuse(r, connectors.Fault{Index: i, Text: refused}); err != nil {
				s.release()
				return nil, err
			}
			continue
		}
		s.fill(b, i, t.topic, o.way)
	}
	return s, nil
}

// targetOf returns the topic of r, or a zero one when it has none.
func (o *outgoing) targetOf(
	ctx context.Context, b *connectors.Batch, r *connectors.Record,
) (target, error) {
	known := &o.targets[r.Target]
	if known.topic != "" || r.Target == 0 && o.sink.config.Topic == "" {
		return *known, nil
	}
	topic := o.sink.config.Topic
	if r.Target != 0 {
		topic = b.TargetOf(r)
	}
	partitions, err := o.partitions(ctx, topic)
	if err != nil {
		return target{}, err
	}
	*known = target{topic, partitions}
	return *known, nil
}

// partitions returns how many partitions topic has: as far as the client knows, once it has placed
// a record there, and as far as the sink does until then.
func (o *outgoing) partitions(ctx context.Context, topic string) (int32, error) {
	if n := o.counts.of(topic).Load(); n > 0 {
		return n, nil
	}
	return o.sink.partitions(ctx, topic)
}

// Partitions returns how many partitions a function may choose from for records of topic, or of the
// sink's own topic.
func (o *outgoing) Partitions(ctx context.Context, topic string) (int32, error) {
	if topic == "" {
		topic = o.sink.config.Topic
	}
	if topic == "" {
		return 1, nil // the record is refused whatever is chosen, and a function divides by this
	}
	return o.partitions(ctx, topic)
}

// refusal says why r cannot be written, or "".
func (o *outgoing) refusal(t target, r *connectors.Record) string {
	if t.topic == "" {
		return "the record names no topic, and the sink has none; set topic, or a target"
	}
	if r.Partition != connectors.NoPartition && (r.Partition < 0 || r.Partition >= t.partitions) {
		return fmt.Sprintf("partition %d was chosen for it, and topic %s has %d; the partitioner has "+
			"to choose below the count it is given", r.Partition, t.topic, t.partitions)
	}
	size := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + recordOverheadBytes/4
	}
	if limit := int(o.sink.config.BatchBytes) - recordOverheadBytes; size > limit {
		return fmt.Sprintf("%d bytes for topic %s do not fit into batch_bytes_max = %v; raise it, "+
			"and the topic's max.message.bytes", size, t.topic, o.sink.config.BatchBytes)
	}
	return ""
}

func (o *outgoing) refuse(r *connectors.Record, f connectors.Fault) error {
	if o.faults == nil {
		return fmt.Errorf("writing a record to Kafka: %s", f.Text)
	}
	return o.faults(r, f)
}

// explainSend names the record whose send failed and, where a setting mends it, the setting.
func explainSend(r *kgo.Record, err error) error {
	text := ""
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) {
		text = "; the topic or the chosen partition does not exist"
	}
	return classify(fmt.Errorf("writing to topic %s, partition %d: %w%s",
		r.Topic, max(r.Partition, -1), err, text))
}
