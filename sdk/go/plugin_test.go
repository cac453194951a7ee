package wasmflow_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
)

type (
	context = *wasmflow.Context
	record  = wasmflow.Record
	emitter = *wasmflow.Emitter
)

// transforms are the functions of the test program's plugin, by name.
var transforms = map[string]wasmflow.Func{
	"forward": func(_ context, _ record, out emitter) error {
		out.Forward()
		return nil
	},
	"upper": func(_ context, r record, out emitter) error {
		out.Value(bytes.ToUpper(r.Value()))
		return nil
	},
	"swap": func(_ context, r record, out emitter) error {
		out.KeyValue(r.Value(), r.Key())
		return nil
	},
	"rekey": func(_ context, _ record, out emitter) error {
		out.Forward().Key([]byte("new"))
		out.Forward().Key(nil)
		out.Forward().Value(nil)
		return nil
	},
	"split": func(_ context, r record, out emitter) error {
		for part := range bytes.SplitSeq(r.Value(), []byte(",")) {
			out.Value(part)
		}
		return nil
	},
	"time": func(ctx context, r record, out emitter) error {
		ms, _ := r.Timestamp()
		out.Forward().Timestamp(ms + 1)
		out.Forward().NoTimestamp()
		out.Forward().Timestamp(ctx.Now().UnixMilli())
		return nil
	},
	"place": func(_ context, r record, out emitter) error {
		out.Forward()
		out.Forward().Output("late").Target("topic-a").Partition(3)
		out.Forward().Output("bad").TargetBytes(r.Value())
		return nil
	},
	"fails": func(_ context, r record, out emitter) error {
		out.Value([]byte("gone")).Target("gone").Header("gone", nil).Timestamp(1)
		switch string(r.Value()) {
		case "ok":
			return nil
		case "drop":
			out.Drop()
			return nil
		case "code":
			return wasmflow.Fail(42, "with a code")
		case "wrapped":
			return fmt.Errorf("parsing: %w", wasmflow.Fail(7, "inner"))
		case "panic":
			panic("boom")
		case "index":
			return errors.New(string(r.Value()[100:]))
		case "long":
			return errors.New(strings.Repeat("\u20ac", 4096))
		}
		return errors.New("plain")
	},
	"misuse": func(ctx context, r record, out emitter) error {
		switch string(r.Value()) {
		case "origin":
			r.Origin()
		case "output":
			out.Forward().Output("nowhere")
		case "end":
			out.EndOfStream()
		case "partition":
			out.Forward().Partition(-1)
		case "header":
			r.HeaderAt(0)
		}
		return nil
	},
	"undeclared": func(_ context, _ record, out emitter) error {
		out.Forward().Header("a", nil)
		return nil
	},
	"count": func(ctx context, r record, out emitter) error {
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
	},
	"slow": func(ctx context, r record, out emitter) error {
		if ctx.Cursor() < 3 {
			out.Continue(ctx.Cursor() + 1) // no output yet
			return nil
		}
		out.Value(strconv.AppendUint(nil, ctx.Cursor(), 10))
		return nil
	},
	"fails_late": func(ctx context, r record, out emitter) error {
		if ctx.Cursor() == 0 {
			out.Forward()
			out.Continue(1)
			return nil
		}
		return errors.New("late")
	},
	"random": func(ctx context, r record, out emitter) error {
		out.Value(strconv.AppendUint(nil, ctx.Random(), 16))
		out.Value(strconv.AppendUint(nil, ctx.Random(), 16))
		return nil
	},
	"tell": func(ctx context, r record, out emitter) error {
		ctx.Log(wasmflow.LevelWarn, ctx.Function()+" "+string(r.Value()))
		ctx.Count("seen", 1)
		ctx.Gauge("size", float64(len(r.Value())))
		ctx.Observe("seconds", 0.5)
		return nil
	},
	"add_header": func(_ context, _ record, out emitter) error {
		out.Forward().Header("added", []byte("1")).Header("null", nil)
		return nil
	},
	"set_header": func(_ context, _ record, out emitter) error {
		out.Forward().NoHeaders().Header("only", []byte{})
		out.Forward().NoHeaders()
		return nil
	},
	"mix_headers": func(_ context, _ record, out emitter) error {
		a, b := out.Forward().Header("a", nil), out.Forward().NoHeaders()
		b.Header("b1", nil)
		a.Header("a2", nil)
		b.Header("b2", nil)
		return nil
	},
	"first_header": func(_ context, r record, out emitter) error {
		v, ok := r.Header("h")
		out.Value(fmt.Appendf(nil, "%q %v %d", v, ok, r.HeaderCount()))
		return nil
	},
	"origin": func(_ context, r record, out emitter) error {
		o := r.Origin()
		out.Value(fmt.Appendf(nil, "%s %d %d %d %d %d", o.Split, o.PositionHi, o.PositionLo,
			o.Ordinal, r.KeyGroup(), r.SchemaID()))
		return nil
	},
	"buffers": buffers,
	"dump":    dump,
	"script":  script,
	"emit_upper": func(_ context, r record, out emitter) error {
		v := r.Value()
		b := out.Buffer(len(v))[:len(v)]
		for i, c := range v {
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			b[i] = c
		}
		out.Value(b)
		return nil
	},
	"first_ok": func(_ context, r record, out emitter) error {
		if v, ok := r.Header("h"); ok {
			out.KeyValue(v, v)
		}
		return nil
	},
	"drop_all": func(_ context, _ record, out emitter) error {
		out.Forward()
		out.Drop()
		return nil
	},
}

var options = map[string][]wasmflow.Option{
	"place":        {wasmflow.Outputs("late", "bad"), wasmflow.Doc("sends records elsewhere")},
	"fails":        {wasmflow.Reads(wasmflow.Headers)},
	"misuse":       {wasmflow.Reads(wasmflow.Headers)},
	"add_header":   {wasmflow.Reads(wasmflow.Headers)},
	"mix_headers":  {wasmflow.Reads(wasmflow.Headers)},
	"first_header": {wasmflow.Reads(wasmflow.Headers)},
	"first_ok":     {wasmflow.Reads(wasmflow.Headers)},
	"script":       {wasmflow.Reads(wasmflow.Headers), wasmflow.Outputs("a", "b")},
	"origin": {
		wasmflow.Reads(wasmflow.Source, wasmflow.KeyGroup), wasmflow.Reads(wasmflow.SchemaID),
	},
}

// buffers uses Emitter.Buffer in every way a function may.
func buffers(_ context, r record, out emitter) error {
	// Two buffers at once, of which the first is emitted last.
	a := append(out.Buffer(16), "first"...)
	b := append(out.Buffer(16), "second"...)
	out.KeyValue(b, a)
	// Key and value in one buffer.
	c := append(out.Buffer(16), "keyvalue"...)
	out.KeyValue(c[:3], c[3:])
	// More than was asked for.
	d := append(out.Buffer(4), strings.Repeat("d", 100)...)
	out.Value(d)
	// The same bytes twice, and a part of them.
	e := append(out.Buffer(8), "again"...)
	out.KeyValue(e, e)
	out.Value(e[2:])
	// Bytes of the record and of the program's own.
	own := []byte("own")
	out.KeyValue(r.Value()[1:], own)
	copy(own, "xxx")
	// A buffer larger than a chunk.
	out.Value(append(out.Buffer(1<<20), bytes.Repeat([]byte("x"), 1<<20)...))
	out.Value(append(out.Buffer(0), "end"...))
	return nil
}

func init() {
	wasmflow.Plugin("test-plugin", "1.2.3")
	for name, f := range transforms {
		wasmflow.Transform(name, f, options[name]...)
	}
	wasmflow.Deserializer("lines", func(_ context, r record, out emitter) error {
		for line := range bytes.SplitSeq(r.Value(), []byte("\n")) {
			if string(line) == "END" {
				out.EndOfStream()
				return nil
			}
			out.Value(line)
		}
		return nil
	})
	wasmflow.Serializer("serialize", transforms["swap"])
	wasmflow.Partitioner("by_length", func(_ context, r record, n int) (int, error) {
		if r.Value() == nil {
			return 0, wasmflow.Fail(9, "no value")
		}
		return len(r.Value()) - 1, nil
	})
	wasmflow.Partitioner("by_four", func(_ context, r record, n int) (int, error) {
		return len(r.Value()) % n, nil
	})
	wasmflow.Bucketer("by_value", func(_ context, r record, dst []byte) ([]byte, error) {
		if len(r.Value()) == 0 {
			return nil, errors.New("no value")
		}
		return append(append(dst, "v="...), r.Value()...), nil
	})
	wasmflow.Config(&config)
	wasmflow.OnOpen(func() error {
		if config.Name == "panic" {
			panic("on open")
		}
		if config.Name == "field" {
			return wasmflow.BadField("name", "is not to be so")
		}
		return nil
	})
}
