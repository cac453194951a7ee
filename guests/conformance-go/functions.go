package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"time"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
)

type (
	context = *wasmflow.Context
	record  = wasmflow.Record
	emitter = *wasmflow.Emitter
)

// codeFailed is the code of the failures that the kit asks for.
const codeFailed = 7

var (
	errOdd   = wasmflow.Fail(codeFailed, "odd")
	errNull  = wasmflow.Fail(codeFailed, "null")
	errEmpty = wasmflow.Fail(codeFailed, "empty")
)

// odd reports whether a record's value ends in an odd digit.
func odd(r record) bool {
	value := r.Value()
	return len(value) > 0 && value[len(value)-1]%2 == 1
}

func echo(_ context, _ record, out emitter) error {
	out.Forward()
	return nil
}

func upper(_ context, r record, out emitter) error {
	value := r.Value()
	if value == nil {
		out.Forward()
		return nil
	}
	b := out.Buffer(len(value))[:len(value)]
	for i, c := range value {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		b[i] = c
	}
	out.Value(b)
	return nil
}

func dropOdd(_ context, r record, out emitter) error {
	if !odd(r) {
		out.Forward()
	}
	return nil
}

// failOdd emits before it fails: what it emitted must not be seen.
func failOdd(_ context, r record, out emitter) error {
	out.Forward()
	if odd(r) {
		return errOdd
	}
	return nil
}

func crashOdd(_ context, r record, out emitter) error {
	out.Forward()
	if odd(r) {
		panic("an odd record")
	}
	return nil
}

func hoard(_ context, r record, out emitter) error {
	const tooMuch = 3 << 30
	if odd(r) {
		b := make([]byte, tooMuch)
		out.Value(b[:1]) // without a use of it the compiler would not ask for it
		return nil
	}
	out.Forward()
	return nil
}

func repeat(ctx context, r record, out emitter) error {
	n, err := strconv.ParseUint(string(r.Value()), 10, 64)
	if err != nil {
		return err
	}
	for i := ctx.Cursor(); i < n; i++ {
		if out.Full() {
			out.Continue(i)
			return nil
		}
		out.Value(strconv.AppendUint(out.Buffer(20), i, 10))
	}
	return nil
}

func swap(_ context, r record, out emitter) error {
	out.KeyValue(r.Value(), r.Key())
	return nil
}

func nulls(_ context, r record, out emitter) error {
	out.KeyValue(otherNothing(r.Key()), otherNothing(r.Value()))
	return nil
}

// otherNothing makes of null empty and of empty null.
func otherNothing(b []byte) []byte {
	switch {
	case b == nil:
		return []byte{}
	case len(b) == 0:
		return nil
	default:
		return b
	}
}

func headers(_ context, r record, out emitter) error {
	out.Forward().Header("count", strconv.AppendInt(out.Buffer(20), int64(r.HeaderCount()), 10))
	return nil
}

func editHeaders(_ context, r record, out emitter) error {
	e := out.Forward().NoHeaders()
	for i := range r.HeaderCount() {
		switch key, value := r.HeaderAt(i); string(key) {
		case "a":
		case "empty":
			e.Header("empty", r.Value())
		default:
			e.Header(string(key), value)
		}
	}
	return nil
}

func origin(_ context, r record, out emitter) error {
	o := r.Origin()
	b := append(append(out.Buffer(len(o.Split)+64), o.Split...), '/')
	b = append(strconv.AppendUint(b, o.PositionHi, 10), '/')
	b = append(strconv.AppendUint(b, o.PositionLo, 10), '/')
	out.Value(strconv.AppendUint(b, o.Ordinal, 10))
	return nil
}

func restamp(_ context, r record, out emitter) error {
	ms, ok := r.Timestamp()
	if ok {
		ms++
	} else {
		ms = 0
	}
	out.Forward().Timestamp(ms)
	return nil
}

func route(_ context, r record, out emitter) error {
	n, err := strconv.Atoi(string(r.Value()))
	if err != nil {
		return err
	}
	target := append(append(out.Buffer(20), "t-"...), r.Value()...)
	e := out.Forward().TargetBytes(target).Partition(n)
	if odd(r) {
		e.Output("odd")
	}
	return nil
}

// clock asks package time rather than the SDK: the guest's clock is the host's to give.
func clock(_ context, _ record, out emitter) error {
	out.Value(strconv.AppendInt(out.Buffer(20), time.Now().UnixMilli(), 10))
	return nil
}

func sleep(_ context, r record, out emitter) error {
	n, err := strconv.ParseInt(string(r.Value()), 10, 32)
	if err != nil {
		return err
	}
	before := time.Now()
	time.Sleep(time.Duration(n) * time.Second)
	out.Value(strconv.AppendInt(out.Buffer(20), time.Since(before).Milliseconds(), 10))
	return nil
}

func random(_ context, _ record, out emitter) error {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	out.Value(hex.AppendEncode(out.Buffer(32), b[:]))
	return nil
}

func logValue(ctx context, r record, out emitter) error {
	ctx.Log(wasmflow.LevelInfo, string(r.Value()))
	ctx.Count("logged", 1)
	return failOdd(ctx, r, out)
}

func metrics(ctx context, r record, out emitter) error {
	n, err := strconv.ParseFloat(string(r.Value()), 64)
	if err != nil {
		return err
	}
	ctx.Count("sum", n)
	ctx.Gauge("last", n)
	ctx.Observe("seen", n)
	return failOdd(ctx, r, out)
}

func tellSettings(_ context, _ record, out emitter) error {
	b := append(out.Buffer(64), "times="...)
	b = append(strconv.AppendInt(b, config.Times, 10), " loud="...)
	out.Value(strconv.AppendBool(b, config.Loud))
	return nil
}

func greet(_ context, r record, out emitter) error {
	b := append(out.Buffer(len(config.Greeting)+len(r.Value())), config.Greeting...)
	out.Value(append(b, r.Value()...))
	return nil
}

func lines(_ context, r record, out emitter) error {
	if string(r.Value()) == "END" {
		out.EndOfStream()
		return nil
	}
	for line := range bytes.SplitSeq(r.Value(), []byte("\n")) {
		if len(line) > 0 {
			out.Value(line)
		}
	}
	return nil
}

func pair(_ context, r record, out emitter) error {
	b := append(out.Buffer(len(r.Key())+len(r.Value())+1), r.Key()...)
	out.KeyValue(nil, append(append(b, '='), r.Value()...))
	return nil
}

func length(_ context, r record, partitions int) (int, error) {
	switch value := r.Value(); {
	case value == nil:
		return 0, errNull
	case len(value) == 0:
		return -1, nil
	default:
		return len(value) % partitions, nil
	}
}

func initial(_ context, r record, dst []byte) ([]byte, error) {
	if len(r.Value()) == 0 {
		return nil, errEmpty
	}
	return append(append(dst, "initial="...), r.Value()[0]), nil
}
