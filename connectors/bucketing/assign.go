package bucketing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/bucketing/datepattern"
)

// bucket is a folder that a writer knows in the current epoch.
type bucket struct {
	name  string
	part  *part // the open one, or nil
	until int64 // when its time is over, Unix milliseconds; 0 is unknown
}

// assigner names buckets, for one writer.
type assigner interface {
	// assign fills to, which has an entry for every record of b. A record without a bucket keeps
	// nil and has been reported.
	assign(ctx context.Context, b *connectors.Batch, now time.Time, to []*bucket) error
	// forget drops every bucket that assign may have kept: a new epoch begins.
	forget()
}

// baseAssigner puts everything into the base path.
type baseAssigner struct{ writer *writer }

func (a *baseAssigner) assign(
	_ context.Context, _ *connectors.Batch, _ time.Time, to []*bucket,
) error {
	base, err := a.writer.bucketNamed("")
	if err != nil {
		return err
	}
	fill(to, base)
	return nil
}

func (a *baseAssigner) forget() {}

func fill(to []*bucket, b *bucket) {
	for i := range to {
		to[i] = b
	}
}

// spansKept is how many hours (or whatever the pattern's unit is) are remembered at once: records
// of several partitions that are some hours apart then cost one comparison each.
const spansKept = 8

// timeAssigner names buckets by time.
type timeAssigner struct {
	writer  *writer
	pattern *datepattern.Pattern
	zone    *time.Location
	mode    string
	spans   [spansKept]span
	newest  int // index of the span used last
	oldest  int // index of the span to be replaced next
	text    []byte
}

// span is a range of milliseconds that falls into one bucket.
type span struct {
	from, until int64
	bucket      *bucket
}

func (a *timeAssigner) assign(
	_ context.Context, b *connectors.Batch, now time.Time, to []*bucket,
) error {
	clock := now.UnixMilli()
	if a.mode == timeProcessing {
		current, err := a.at(clock)
		if err != nil {
			return err
		}
		fill(to, current)
		return nil
	}
	for i := range b.Records {
		r := &b.Records[i]
		ms := r.Timestamp
		if ms == connectors.NoTimestamp {
			if a.mode == timeEvent {
				if err := a.writer.fault(b, i, errNoTime); err != nil {
					return err
				}
				continue
			}
			ms = clock
		}
		if s := &a.spans[a.newest]; s.from <= ms && ms < s.until {
			to[i] = s.bucket
			continue
		}
		var err error
		if to[i], err = a.at(ms); err != nil {
			if err := a.writer.fault(b, i, err); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	errNoTime  = errors.New("the record has no timestamp, and the bucketer goes by event time")
	errFarTime = errors.New("the timestamp is outside the years 0 to 9999")
)

// Timestamps beyond these make folders that no reader sorts right; they are nearly always
// seconds or microseconds taken for milliseconds.
const (
	timeMin = -62_167_219_200_000 // 0000-01-01T00:00:00Z
	timeMax = 253_402_300_799_999 // 9999-12-31T23:59:59.999Z
)

// at returns the bucket of an instant.
func (a *timeAssigner) at(ms int64) (*bucket, error) {
	for i := range a.spans {
		if s := &a.spans[i]; s.from <= ms && ms < s.until {
			a.newest = i
			return s.bucket, nil
		}
	}
	if ms < timeMin || ms > timeMax {
		return nil, errFarTime
	}
	t := time.UnixMilli(ms).In(a.zone)
	a.text = a.pattern.Append(a.text[:0], t)
	b, err := a.writer.bucketNamed(string(a.text))
	if err != nil {
		return nil, err
	}
	from, until := a.pattern.Span(t)
	b.until = max(b.until, until) // an hour that the zone has twice is one bucket
	a.spans[a.oldest] = span{from: from, until: until, bucket: b}
	a.newest = a.oldest
	a.oldest = (a.oldest + 1) % spansKept
	return b, nil
}

func (a *timeAssigner) forget() { a.spans = [spansKept]span{} }

// guestAssigner asks a guest. Nothing it says is trusted (B4).
type guestAssigner struct {
	writer  *writer
	guest   connectors.BucketAssigner
	answer  connectors.Buckets
	faults  connectors.Faults
	buckets []*bucket // by index of answer.Names; nil where errs tells why
	errs    []error
}

func (a *guestAssigner) assign(
	ctx context.Context, b *connectors.Batch, _ time.Time, to []*bucket,
) error {
	a.faults.Reset()
	a.answer.Index, a.answer.Names = a.answer.Index[:0], a.answer.Names[:0]
	if err := a.guest.Assign(ctx, b, &a.answer, &a.faults); err != nil {
		return fmt.Errorf("naming buckets: %w", err)
	}
	if len(a.answer.Index) != b.Len() {
		return fmt.Errorf("naming buckets: %d answers for %d records",
			len(a.answer.Index), b.Len())
	}
	for _, f := range a.faults.List {
		if f.Index < 0 || f.Index >= b.Len() {
			return fmt.Errorf("naming buckets: a fault of record %d of %d", f.Index, b.Len())
		}
		if err := a.writer.report(b, f); err != nil {
			return err
		}
		a.answer.Index[f.Index] = connectors.NoBucket // never both reported and written
	}
	a.resolve()
	for i, index := range a.answer.Index {
		switch {
		case index == connectors.NoBucket:
		case int(index) >= len(a.buckets):
			return fmt.Errorf("naming buckets: name %d of %d", index, len(a.buckets))
		case a.errs[index] != nil:
			if err := a.writer.fault(b, i, a.errs[index]); err != nil {
				return err
			}
		default:
			to[i] = a.buckets[index]
		}
	}
	return nil
}

// resolve looks every distinct name up once, however many records it has.
func (a *guestAssigner) resolve() {
	n := len(a.answer.Names)
	a.buckets = slices.Grow(a.buckets[:0], n)[:n]
	a.errs = slices.Grow(a.errs[:0], n)[:n]
	for i, name := range a.answer.Names {
		a.buckets[i], a.errs[i] = a.writer.bucketNamed(name)
	}
}

func (a *guestAssigner) forget() {}
