package wasmflow_test

import (
	"bytes"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

// A record's value is a script for the function "script": each byte is one step. The model says
// what must come out; the fuzzer looks for scripts where the SDK disagrees, after buffers, copies,
// headers and failures in any order.

// scriptValueMax is the length of the values a script emits, at most.
const scriptValueMax = 40

// scriptBytes is the content of the i-th thing a script emits.
func scriptBytes(step byte, i int) []byte {
	return bytes.Repeat([]byte{'a' + byte(i%26)}, int(step)%scriptValueMax)
}

func script(ctx context, r record, out emitter) error {
	steps := r.Value()
	var last *wasmflow.Entry
	keep := func(e wasmflow.Entry) { last = &e }
	for i := int(ctx.Cursor()); i < len(steps); i++ {
		step := steps[i]
		want := scriptBytes(step, i)
		switch step % 16 {
		case 0:
			keep(out.Forward())
		case 1, 2:
			keep(out.Value(append(out.Buffer(len(want)), want...)))
		case 3:
			keep(out.Value(append(out.Buffer(len(want)/2), want...)))
		case 4:
			keep(out.KeyValue(want, bytes.Clone(want)))
		case 5:
			keep(out.Value(steps[:i]))
		case 6:
			a, b := out.Buffer(len(want)), out.Buffer(len(want))
			keep(out.KeyValue(append(b, want...), append(a, want...)))
		case 7:
			out.Buffer(64) // asked for and not used
		case 8:
			if last != nil {
				last.Header("s", want)
			}
		case 9:
			if last != nil {
				last.Target("t" + strconv.Itoa(i%3))
			}
		case 10:
			if last != nil {
				last.Timestamp(int64(i)).Output([]string{"a", "b"}[i%2])
			}
		case 11:
			if last != nil {
				last.NoHeaders()
			}
		case 12:
			out.Drop()
			last = nil
		case 13:
			if step >= 128 {
				return errors.New("failed at " + strconv.Itoa(i))
			}
		case 14:
			if step >= 128 {
				panic("step " + strconv.Itoa(i))
			}
		case 15:
			out.Continue(uint64(i + 1))
			return nil
		}
	}
	return nil
}

// scriptModel says what the script makes of a record. A part of the script between two Continues is
// a turn: a failure takes back what its turn emitted.
func scriptModel(parent int, in sdktest.Record) []sdktest.Output {
	steps := in.Value
	var done, turn []sdktest.Output
	for i, step := range steps {
		want := scriptBytes(step, i)
		o := sdktest.Output{
			Parent: parent, Key: in.Key, Value: in.Value, Headers: in.Headers, Partition: -1,
		}
		last := len(turn) - 1
		switch step % 16 {
		case 0:
			turn = append(turn, o)
		case 1, 2, 3:
			o.Value = want
			turn = append(turn, o)
		case 4, 6:
			o.Key, o.Value = want, want
			turn = append(turn, o)
		case 5:
			o.Value = steps[:i]
			turn = append(turn, o)
		case 8:
			if last >= 0 {
				turn[last].Headers = append(turn[last].Headers[:len(turn[last].Headers):len(
					turn[last].Headers)], sdktest.Header{Key: "s", Value: want})
			}
		case 9:
			if last >= 0 {
				turn[last].Target = "t" + strconv.Itoa(i%3)
			}
		case 10:
			if last >= 0 {
				turn[last].Timestamp = millis(i)
				turn[last].Name = []string{"a", "b"}[i%2]
			}
		case 11:
			if last >= 0 {
				turn[last].Headers = nil
			}
		case 12:
			turn = nil
		case 13, 14:
			if step >= 128 {
				text := "failed at " + strconv.Itoa(i)
				if step%16 == 14 {
					text = "panic: step " + strconv.Itoa(i)
				}
				return append(done, sdktest.Output{
					Parent: parent, Partition: -1, Error: &wasmflow.Error{Text: text},
				})
			}
		case 15:
			done, turn = append(done, turn...), nil
		}
	}
	return append(done, turn...)
}

func FuzzScript(f *testing.F) {
	f.Add([]byte{1, 17, 33}, []byte{4, 8, 8, 141}, []byte{6, 9, 10, 31, 5}, uint32(2))
	f.Add([]byte{1, 8, 1, 8, 157, 3}, []byte{1, 8, 9, 142}, []byte{1, 9, 12, 1, 25}, uint32(0))
	f.Add([]byte{7, 7, 1, 15, 1, 15, 141}, []byte{3, 3, 19, 35}, []byte{0, 11, 8, 8}, uint32(1))
	f.Fuzz(func(t *testing.T, a, b, c []byte, soft uint32) {
		g := sdktest.Open(t, "")
		g.SoftRecords = soft
		var in []sdktest.Record
		var want []sdktest.Output
		for i, steps := range [][]byte{a, b, c} {
			r := sdktest.Record{
				Key: []byte("k"), Value: steps[:min(len(steps), 64)],
				Headers: []sdktest.Header{{Key: "h", Value: []byte("1")}},
			}
			if len(r.Value) == 0 {
				r.Value = []byte{}
			}
			in = append(in, r)
			want = append(want, scriptModel(i, r)...)
		}
		got := g.Run("script", in...)
		for i, o := range got {
			if o.Error != nil { // the place of a panic is not the model's
				text, _, _ := bytes.Cut([]byte(o.Error.Text), []byte(" ("))
				got[i].Error.Text = string(text)
			}
		}
		require.Equal(t, want, got)
	})
}

func millis(i int) time.Time { return time.UnixMilli(int64(i)) }
