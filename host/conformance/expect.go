package conformance

import (
	"fmt"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
)

// same is a record that went through a function untouched.
func same(r *connectors.Record) connectors.Record {
	return connectors.Record{
		Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
		Partition: connectors.NoPartition,
	}
}

// with is the record with another value.
func with(r *connectors.Record, value []byte) connectors.Record {
	x := same(r)
	x.Value = value
	return x
}

// makes is the answer of a function that makes these records.
func makes(records ...connectors.Record) answer {
	return answer{records: records, targets: make([]string, len(records))}
}

// textOfPanic is what a panic says. It may become a failure of any code or a trap, since languages
// differ in that, and stand anywhere in what is said of it.
const textOfPanic = "an odd record"

// fails is the answer of a function that refuses a record.
func fails(code uint32, text string) answer {
	return answer{fault: &connectors.Fault{Code: code, Text: text}}
}

// expect is a check that knows the answer for each record.
func expect(
	values func(b *bench) [][]byte, want func(r *connectors.Record) answer,
) func(b *bench) error {
	return func(b *bench) error {
		in := newBatch(values(b)...)
		for _, m := range modes() {
			got, err := b.run(m, in)
			if err != nil {
				return err
			}
			for i := range got {
				r := &in.Records[i]
				if d := diff(want(r), got[i]); d != "" {
					return fmt.Errorf("%s: record %d with value %s: %s", m.name, i, show(r.Value), d)
				}
			}
		}
		return nil
	}
}

// diff says how two answers differ, or "".
func diff(want, got answer) string {
	switch {
	case want.fault == nil && got.fault != nil:
		return failed(got.fault) + "; it must not fail"
	case want.fault != nil && got.fault == nil:
		return "did not fail; it must fail" + withCode(want.fault)
	case want.fault != nil:
		return diffFault(want.fault, got.fault)
	case len(want.records) != len(got.records):
		return fmt.Sprintf("made %d records; it must make %d", len(got.records), len(want.records))
	case want.partition != got.partition:
		return fmt.Sprintf("chose partition %d; it must choose %d", got.partition, want.partition)
	case want.hasBucket != got.hasBucket || want.bucket != got.bucket:
		return fmt.Sprintf("chose bucket %q; it must choose %q", got.bucket, want.bucket)
	}
	for i := range want.records {
		if d := diffRecord(&want.records[i], &got.records[i], want.targets[i], got.targets[i]); d != "" {
			if len(want.records) > 1 {
				d = fmt.Sprintf("record %d of its output: %s", i, d)
			}
			return d
		}
	}
	return ""
}

func failed(f *connectors.Fault) string {
	if f.Trap {
		return fmt.Sprintf("%q", f.Text)
	}
	return fmt.Sprintf("failed with code %d, %q", f.Code, f.Text)
}

func withCode(f *connectors.Fault) string {
	if f.Text == textOfPanic {
		return fmt.Sprintf(", saying %q", textOfPanic)
	}
	return fmt.Sprintf(" with code %d, %q", f.Code, f.Text)
}

func diffFault(want, got *connectors.Fault) string {
	if want.Text == textOfPanic && strings.Contains(got.Text, textOfPanic) {
		return ""
	}
	if want.Code == got.Code && want.Text == got.Text && !got.Trap {
		return ""
	}
	return failed(got) + "; it must fail" + withCode(want)
}

func diffRecord(want, got *connectors.Record, wantTarget, gotTarget string) string {
	switch {
	case !sameBytes(want.Value, got.Value):
		return fmt.Sprintf("value %s; it must be %s", show(got.Value), show(want.Value))
	case !sameBytes(want.Key, got.Key):
		return fmt.Sprintf("key %s; it must be %s", show(got.Key), show(want.Key))
	case want.Timestamp != got.Timestamp:
		return fmt.Sprintf("timestamp %s; it must be %s", stamp(got.Timestamp), stamp(want.Timestamp))
	case want.Output != got.Output:
		return fmt.Sprintf("output %d; it must be %d", got.Output, want.Output)
	case wantTarget != gotTarget:
		return fmt.Sprintf("target %q; it must be %q", gotTarget, wantTarget)
	case want.Partition != got.Partition:
		return fmt.Sprintf("partition %d; it must be %d", got.Partition, want.Partition)
	case len(want.Headers) != len(got.Headers):
		return fmt.Sprintf("%d headers; it must have %d", len(got.Headers), len(want.Headers))
	}
	for i, h := range want.Headers {
		g := got.Headers[i]
		if g.Key != h.Key || !sameBytes(g.Value, h.Value) {
			return fmt.Sprintf("header %d is %q=%s; it must be %q=%s",
				i, g.Key, show(g.Value), h.Key, show(h.Value))
		}
	}
	return ""
}

func stamp(t int64) string {
	if t == connectors.NoTimestamp {
		return "none"
	}
	return fmt.Sprint(t)
}
