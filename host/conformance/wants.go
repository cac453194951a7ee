package conformance

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/wasmflow/wasmflow/connectors"
)

// The right answers of the kit's functions.

// odd reports whether a value ends in an odd digit.
func odd(v []byte) bool { return len(v) > 0 && v[len(v)-1]%2 == 1 }

func wantSame(r *connectors.Record) answer { return makes(same(r)) }

// wantUpper is bytes.ToUpper for ASCII alone.
func wantUpper(r *connectors.Record) answer {
	v := bytes.Clone(r.Value)
	for i, c := range v {
		if 'a' <= c && c <= 'z' {
			v[i] = c - 'a' + 'A'
		}
	}
	return makes(with(r, v))
}

func wantDropOdd(r *connectors.Record) answer {
	if odd(r.Value) {
		return answer{}
	}
	return makes(same(r))
}

func wantFailOdd(r *connectors.Record) answer {
	if odd(r.Value) {
		return fails(codeFailed, "odd")
	}
	return makes(same(r))
}

func wantCrashOdd(r *connectors.Record) answer {
	if odd(r.Value) {
		return fails(0, textOfPanic)
	}
	return makes(same(r))
}

func wantRepeat(r *connectors.Record) answer {
	n, _ := strconv.Atoi(string(r.Value)) // the values are the kit's own
	records := make([]connectors.Record, n)
	for i := range records {
		records[i] = with(r, strconv.AppendInt(nil, int64(i), 10))
	}
	return makes(records...)
}

func wantSwap(r *connectors.Record) answer {
	x := same(r)
	x.Key, x.Value = r.Value, r.Key
	return makes(x)
}

func wantNulls(r *connectors.Record) answer {
	x := same(r)
	x.Key, x.Value = otherNothing(r.Key), otherNothing(r.Value)
	return makes(x)
}

// otherNothing makes of null empty and of empty null.
func otherNothing(b []byte) []byte {
	switch {
	case b == nil:
		return []byte{}
	case len(b) == 0:
		return nil
	}
	return b
}

func wantEditHeaders(r *connectors.Record) answer {
	x := same(r)
	x.Headers = nil
	for _, h := range r.Headers {
		switch h.Key {
		case "a":
			continue
		case "empty":
			h.Value = r.Value
		}
		x.Headers = append(x.Headers, h)
	}
	return makes(x)
}

func wantHeaders(r *connectors.Record) answer {
	x := same(r)
	x.Headers = append(append([]connectors.Header{}, r.Headers...), connectors.Header{
		Key: "count", Value: strconv.AppendInt(nil, int64(len(r.Headers)), 10),
	})
	return makes(x)
}

func wantOrigin(r *connectors.Record) answer {
	return makes(with(r, fmt.Appendf(nil, "split/%d/%d/%d", r.Position.Hi, r.Position.Lo, r.Ordinal)))
}

func wantRestamp(r *connectors.Record) answer {
	x := same(r)
	x.Timestamp++
	if r.Timestamp == connectors.NoTimestamp {
		x.Timestamp = 0
	}
	return makes(x)
}

func wantRoute(r *connectors.Record) answer {
	x := same(r)
	n, _ := strconv.Atoi(string(r.Value)) // the values are the kit's own
	x.Partition = int32(n)
	if odd(r.Value) {
		x.Output = 1
	}
	a := makes(x)
	a.targets[0] = "t-" + string(r.Value)
	return a
}

func wantClock(r *connectors.Record) answer {
	return makes(with(r, strconv.AppendInt(nil, batchTime().UnixMilli(), 10)))
}

func wantSleep(r *connectors.Record) answer {
	if string(r.Value) == "0" {
		return makes(same(r))
	}
	return makes(with(r, append(bytes.Clone(r.Value), "000"...)))
}

func wantPair(r *connectors.Record) answer {
	x := with(r, bytes.Join([][]byte{r.Key, r.Value}, []byte("=")))
	x.Key = nil
	return makes(x)
}

func wantLength(r *connectors.Record) answer {
	switch {
	case r.Value == nil:
		return fails(codeFailed, "null")
	case len(r.Value) == 0:
		return answer{partition: connectors.NoPartition}
	}
	return answer{partition: int32(len(r.Value) % partitionCount)}
}

func wantInitial(r *connectors.Record) answer {
	if len(r.Value) == 0 {
		return fails(codeFailed, "empty")
	}
	return answer{hasBucket: true, bucket: "initial=" + string(r.Value[:1])}
}
