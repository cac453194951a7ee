package bucketing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// partsEpochMax bounds the parts of a task in one epoch: each is a file and a line of the manifest,
// and a bucketer that names a bucket per record must not fill both.
const partsEpochMax = 100_000

// writer writes the parts of one task.
type writer struct {
	sink     *Sink
	context  connectors.WriterContext
	assigner assigner
	prefix   string // of names of parts
	number   *uint64
	sealer   *sealer

	buckets map[string]*bucket // of this epoch
	open    []*part
	parts   int    // opened in this epoch
	turn    uint64 // rises with every run of records
	checked time.Time

	route  []*bucket // of the records of a batch
	err    error     // a failed writer stays failed
	closed bool
}

// Write implements connectors.SinkWriter.
func (w *writer) Write(ctx context.Context, b *connectors.Batch) error {
	if w.err == nil {
		w.err = w.write(ctx, b, w.sink.env.Now())
	}
	return w.err
}

func (w *writer) write(ctx context.Context, b *connectors.Batch, now time.Time) error {
	if err := w.sealer.err(); err != nil {
		return err
	}
	n := b.Len()
	w.route = slices.Grow(w.route[:0], n)[:n]
	clear(w.route)
	if err := w.assigner.assign(ctx, b, now, w.route); err != nil {
		return err
	}
	for from := 0; from < n; {
		bucket, until := w.route[from], from+1
		for until < n && w.route[until] == bucket {
			until++
		}
		if bucket != nil {
			if err := w.writeRun(ctx, b, from, until, bucket, now); err != nil {
				return err
			}
		}
		from = until
	}
	return nil
}

// writeRun writes records of one bucket. The length is looked at before each record, as Flink
// does, so a part exceeds batch_size by at most one record.
func (w *writer) writeRun(
	ctx context.Context, b *connectors.Batch, from, until int, bucket *bucket, now time.Time,
) error {
	w.turn++
	sizeMax := int64(w.sink.config.BatchSize)
	for from < until {
		p, err := w.partOf(ctx, bucket, now)
		if err != nil {
			return err
		}
		for from < until && !p.isFull(sizeMax) {
			if err := w.encode(b, from, p); err != nil {
				return err
			}
			from++
		}
		p.written, p.turn = now, w.turn
	}
	return failpoint.Hit("bucketing/after-run")
}

func (w *writer) encode(b *connectors.Batch, i int, p *part) error {
	err := p.rows.Append(&b.Records[i])
	if err == nil {
		p.records++
		return nil
	}
	var refusal *format.Refusal
	if errors.As(err, &refusal) {
		return w.report(b, connectors.Fault{Index: i, Text: refusal.Error(), Function: Name})
	}
	return err
}

// partOf returns the open part of a bucket, after closing one that is full or old.
func (w *writer) partOf(ctx context.Context, b *bucket, now time.Time) (*part, error) {
	if p := b.part; p != nil {
		switch {
		case p.isFull(int64(w.sink.config.BatchSize)):
			w.seal(ctx, p, bySize)
		case w.isOld(p, now):
			w.seal(ctx, p, byAge)
		default:
			return p, nil
		}
	}
	if len(w.open) >= w.sink.config.OpenPartsMax {
		w.seal(ctx, slices.MinFunc(w.open, func(a, b *part) int {
			return cmp.Compare(a.turn, b.turn)
		}), byLimit)
	}
	if w.parts >= partsEpochMax {
		return nil, connectors.Permanent(fmt.Errorf("opening a part of bucket %q: %w: more than %d; "+
			"the bucketer names too many buckets", b.name, errPartsMax, partsEpochMax))
	}
	return w.openPart(ctx, b, now)
}

func (w *writer) isOld(p *part, now time.Time) bool {
	limit := w.sink.config.RolloverInterval
	return limit > 0 && overdue(p.created, now, limit)
}

func (w *writer) openPart(ctx context.Context, b *bucket, now time.Time) (*part, error) {
	number := *w.number
	*w.number++
	file, err := w.sink.fs.CreatePending(ctx, w.pendingName(b.name, number))
	if err != nil {
		return nil, err
	}
	rows, err := w.sink.format.Open(file)
	if err != nil {
		return nil, errors.Join(err, file.Abort(ctx))
	}
	b.part = &part{
		bucket: b, number: number, file: file, rows: rows, created: now, written: now, turn: w.turn,
	}
	w.open = append(w.open, b.part)
	w.parts++
	w.sink.metrics.open.Inc()
	return b.part, failpoint.Hit("bucketing/after-create")
}

// pendingName names a part (B2).
func (w *writer) pendingName(bucket string, number uint64) filesystem.PendingName {
	part := w.prefix + strconv.FormatUint(number, 10) + w.sink.suffix
	return filesystem.PendingName{
		Root: w.sink.root, Job: w.sink.env.JobID, Part: part,
		Target: path.Join(w.sink.root, bucket, part), Claim: w.context.Owner.Number,
		Readable: w.sink.config.Compact.On,
	}
}

// seal closes an open part.
func (w *writer) seal(ctx context.Context, p *part, why reason) {
	p.bucket.part = nil
	i := slices.Index(w.open, p)
	last := len(w.open) - 1
	w.open[i], w.open[last] = w.open[last], nil
	w.open = w.open[:last]
	w.sink.metrics.open.Dec()
	w.sealer.seal(ctx, p, why)
}

// bucketNamed returns the bucket of a name, which it checks when it is new (B4).
func (w *writer) bucketNamed(name string) (*bucket, error) {
	if b, ok := w.buckets[name]; ok {
		return b, nil
	}
	if err := checkBucket(name); err != nil {
		return nil, err
	}
	if len(w.buckets) >= partsEpochMax {
		// Without an open part a bucket is a name only: a guest may name some for no record.
		maps.DeleteFunc(w.buckets, func(_ string, b *bucket) bool { return b.part == nil })
	}
	b := &bucket{name: strings.Clone(name)} // a guest's answer is valid for one call
	w.buckets[b.name] = b
	return b, nil
}

// forgetBuckets begins an epoch: names that do not come again must not be kept for ever.
func (w *writer) forgetBuckets() {
	w.buckets = map[string]*bucket{}
	w.parts = 0
	if w.assigner != nil {
		w.assigner.forget()
	}
}

// fault reports a record for which no bucket can be named.
func (w *writer) fault(b *connectors.Batch, i int, err error) error {
	function := w.sink.config.Bucketer.Function.String()
	if function == "" {
		function = Name
	}
	return w.report(b, connectors.Fault{Index: i, Text: err.Error(), Function: function})
}

func (w *writer) report(b *connectors.Batch, f connectors.Fault) error {
	r := &b.Records[f.Index]
	if w.context.Faults == nil {
		return fmt.Errorf("record %d.%d of a batch: %s", f.Index, r.Ordinal, f.Text)
	}
	return w.context.Faults(r, f)
}

// Flush implements connectors.SinkWriter. Records are pushed to their parts by Write; durable
// they become with Prepare.
func (w *writer) Flush(context.Context) error { return w.err }

// OnTime implements connectors.TimeListener: it closes parts that are old or were not written for
// long, in buckets that no record may ever come to again.
func (w *writer) OnTime(ctx context.Context, now time.Time) error {
	if w.err != nil || now.Sub(w.checked) < w.sink.config.InactiveCheck.D() {
		return w.err
	}
	w.checked = now
	for _, p := range slices.Clone(w.open) {
		switch {
		case overdue(p.written, now, w.sink.config.InactiveThreshold):
			w.seal(ctx, p, byIdle)
		case w.isOld(p, now):
			w.seal(ctx, p, byAge)
		}
	}
	w.err = w.sealer.err()
	return w.err
}

// Prepare implements checkpoint.Preparer (B1).
func (w *writer) Prepare(
	ctx context.Context, e checkpoint.Epoch,
) ([]checkpoint.Committable, error) {
	if w.err != nil {
		return nil, w.err
	}
	for len(w.open) > 0 {
		w.seal(ctx, w.open[0], byEpoch)
	}
	done, err := w.sealer.take()
	if err == nil {
		err = failpoint.Hit("bucketing/after-prepare")
	}
	if err != nil {
		w.err = fmt.Errorf("preparing epoch %d: %w", e, err)
		return nil, w.err
	}
	w.forgetBuckets()
	committables := make([]checkpoint.Committable, len(done))
	for i, s := range done {
		said := committable{
			base: w.sink.config.Path, root: w.sink.root, records: s.records, token: s.token,
		}
		if w.sink.config.settles() {
			said.hold = &hold{form: w.sink.form, until: s.until}
		}
		committables[i] = checkpoint.Committable{
			Sink: w.sink.env.Name, Task: w.context.Task, Epoch: e, Claim: w.context.Owner.Number,
			Version: said.version(), Data: said.encode(),
		}
	}
	return committables, nil
}

// Close implements connectors.SinkWriter. What was not prepared goes.
func (w *writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	if w.err == nil {
		w.err = errors.New("writer is closed")
	}
	// The task's context is over by now, more often than not.
	ctx := context.Background()
	var errs []error
	for _, p := range w.open {
		errs = append(errs, p.file.Abort(ctx))
		w.sink.metrics.open.Dec()
	}
	w.open = nil
	left, _ := w.sealer.take() // its error came out of Write or Prepare, or does not matter now
	for _, s := range left {
		errs = append(errs, w.sink.fs.Discard(ctx, s.token))
	}
	return errors.Join(errs...)
}

var (
	_ connectors.SinkWriter   = (*writer)(nil)
	_ connectors.TimeListener = (*writer)(nil)
	_ checkpoint.Preparer     = (*writer)(nil)
)
