package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/sdk/go"
)

type (
	context = *wasmflow.Context
	record  = wasmflow.Record
	emitter = *wasmflow.Emitter
)

type config struct {
	Prefix string
}

var (
	settings = config{Prefix: ">"}
	seen     int      // records since the instance began
	held     [][]byte // what hungry eats
)

func init() {
	wasmflow.Plugin("operator-test", "1")
	wasmflow.Config(&settings)
	wasmflow.StateVersion(3)
	wasmflow.Migrate(2, migrate)
	wasmflow.OnOpen(func() error {
		if settings.Prefix == "" {
			return wasmflow.BadField("prefix", "must not be empty")
		}
		return nil
	})
	wasmflow.Transform("upper", upper)
	wasmflow.Transform("prefix", func(_ context, r record, out emitter) error {
		out.Value(append([]byte(settings.Prefix), r.Value()...))
		return nil
	})
	wasmflow.Transform("forward", func(_ context, _ record, out emitter) error {
		out.Forward()
		return nil
	}, wasmflow.Reads(wasmflow.Headers, wasmflow.Source))
	wasmflow.Transform("script", script, wasmflow.Reads(wasmflow.Headers, wasmflow.Source),
		wasmflow.Outputs("even", "odd"))
	wasmflow.Transform("count", count)
	wasmflow.Deserializer("lines", lines)
	wasmflow.Serializer("quote", func(_ context, r record, out emitter) error {
		if r.Value() == nil {
			return fmt.Errorf("nothing to quote")
		}
		out.KeyValue(nil, strconv.AppendQuote(nil, string(r.Value())))
		return nil
	})
	wasmflow.Partitioner("length", func(_ context, r record, n int) (int, error) {
		switch v := string(r.Value()); {
		case v == "any":
			return -1, nil
		case v == "bad":
			return 0, wasmflow.Fail(7, "no partition for bad")
		case v == "n":
			return n, nil
		case strings.HasPrefix(v, "trap"):
			os.Exit(3)
		}
		return len(r.Value()) % n, nil
	})
	wasmflow.Bucketer("first", func(_ context, r record, dst []byte) ([]byte, error) {
		switch v := string(r.Value()); {
		case v == "bad":
			return nil, wasmflow.Fail(7, "no bucket for bad")
		case v == "long":
			return append(dst, strings.Repeat("x", 2_000)...), nil
		case v == "":
			return nil, fmt.Errorf("empty")
		default:
			return append(append(dst, "letter="...), v[0]), nil
		}
	})
}

func main() {}

func upper(_ context, r record, out emitter) error {
	v := r.Value()
	b := out.Buffer(len(v))[:len(v)]
	for i, c := range v {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		b[i] = c
	}
	out.Value(b)
	return nil
}

// migrate puts the key behind the value, and does worse with some.
func migrate(e *wasmflow.StateEntry) error {
	switch string(e.Value) {
	case "fail":
		return fmt.Errorf("told to fail")
	case "panic":
		panic("told to panic")
	case "exit":
		os.Exit(3)
	case "grow":
		e.Value = make([]byte, 2<<20)
		return nil
	}
	e.Namespace++
	e.Value = append(append([]byte{}, e.Value...), e.Key...)
	return nil
}

// script does what the record's value says.
func script(ctx context, r record, out emitter) error {
	seen++
	verb, rest, _ := strings.Cut(string(r.Value()), " ")
	switch verb {
	case "echo":
		out.Forward()
	case "drop":
	case "fail":
		out.Forward()
		return wasmflow.Fail(42, rest)
	case "panic":
		panic(rest)
	case "exit": // a trap that names its record
		os.Exit(9)
	case "exit-third": // a trap that comes of what the instance has seen
		if seen == 3 {
			os.Exit(9)
		}
		out.Forward()
	case "eat":
		for {
			held = append(held, make([]byte, 1<<20))
		}
	case "seen":
		out.Value([]byte(strconv.Itoa(seen)))
	case "describe":
		o := r.Origin()
		ts, ok := r.Timestamp()
		s := fmt.Sprintf("%s %d/%d/%d ts=%d,%t", o.Split, o.PositionHi, o.PositionLo, o.Ordinal, ts, ok)
		for i := range r.HeaderCount() {
			k, v := r.HeaderAt(i)
			s += fmt.Sprintf(" %s=%q,%t", k, v, v == nil)
		}
		out.Value([]byte(s))
	case "header":
		out.Forward().Header("added", []byte(rest)).Header("null", nil)
	case "bare":
		out.Forward().NoHeaders().NoTimestamp().Key(nil)
	case "empty":
		out.KeyValue([]byte{}, []byte{})
	case "null":
		out.Value(nil)
	case "route":
		out.Forward().Target("topic-" + rest).Partition(len(rest)).Timestamp(99)
	case "split":
		for i, word := range strings.Fields(rest) {
			out.Value([]byte(word)).Output([]string{"even", "odd"}[i%2])
		}
	case "many", "many-fail", "many-exit", "forever":
		return scriptMore(ctx, verb, rest, out)
	case "random":
		b := make([]byte, 8)
		_, _ = rand.Read(b)
		out.Value([]byte(hex.EncodeToString(b)))
	case "clock":
		out.Value([]byte(ctx.Now().UTC().Format("15:04:05.000")))
	case "log":
		ctx.Log(wasmflow.LevelInfo, rest)
		ctx.Count("logged_total", 1)
		if rest == "fail" {
			return fmt.Errorf("failed")
		}
		out.Forward()
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	return nil
}

// scriptMore is the verbs of script that answer a record in several calls.
func scriptMore(ctx context, verb, rest string, out emitter) error {
	switch verb {
	case "many": // "many N": N records, as many at a time as are welcome
		n, _ := strconv.ParseUint(rest, 10, 64)
		for i := ctx.Cursor(); i < n; i++ {
			if out.Full() {
				out.Continue(i)
				return nil
			}
			out.Value([]byte(strconv.FormatUint(i, 10)))
		}
	case "many-fail", "many-exit": // the same, with a bad end
		if ctx.Cursor() > 0 {
			if verb == "many-exit" {
				os.Exit(9)
			}
			return fmt.Errorf("failed later on")
		}
		out.Value([]byte("lost"))
		out.Value([]byte("lost too"))
		out.Continue(1)
	case "forever":
		b := make([]byte, 64<<10)
		for !out.Full() {
			out.Value(b)
		}
		out.Continue(ctx.Cursor() + 1)
	}
	return nil
}

// count numbers the records of an instance.
func count(_ context, _ record, out emitter) error {
	seen++
	out.Value([]byte(strconv.Itoa(seen)))
	return nil
}

// lines makes a record of each line and ends the split at a line "END".
func lines(_ context, r record, out emitter) error {
	if bytes.Equal(r.Value(), []byte("END")) {
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
