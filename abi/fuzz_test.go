package abi

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzDecodeFrame(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "frames", "*.frame"))
	require.NoError(f, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := DecodeFrame(data)
		if err != nil {
			var lied *FrameError
			require.True(t, errors.As(err, &lied), "%T: %v", err, err)
			return
		}
		// I1: nothing an accessor returns reaches beyond the frame.
		total := 0
		for i := range min(frame.Len(), 1000) {
			r := frame.Record(i)
			total += len(r.Key) + len(r.Value)
			for _, h := range frame.Headers(nil, i)[:min(100, len(frame.Headers(nil, i)))] {
				total += len(h.Key) + len(h.Value)
			}
			s, _ := frame.Source(i)
			total += len(s.Split)
		}
		require.LessOrEqual(t, total, 1000*202*len(data))
	})
}

func FuzzDecodeOutput(f *testing.F) {
	for _, g := range goldenOutputs() {
		f.Add(g.mem, g.ptr, string(g.call.Role), g.call.First, g.call.Count, uint8(g.call.Outputs))
	}
	limits := Limits{Records: 1 << 12, Strings: 1 << 8, Headers: 1 << 10, Bytes: 1 << 20}
	f.Fuzz(func(t *testing.T, mem []byte, ptr uint32, role string, first, count uint32, n uint8) {
		if first > count {
			return // the host never asks so
		}
		call := Call{Role: Role(role), First: first, Count: count, Outputs: int(n)}
		var o Output
		if err := o.Decode(mem, ptr, call, limits); err != nil {
			var lied *FrameError
			var refused *CallError
			require.True(t, errors.As(err, &lied) || errors.As(err, &refused), "%T: %v", err, err)
			return
		}
		checkDecoded(t, &o, call, limits)
	})
}

// checkDecoded reads everything an accepted output offers and holds it to what Decode promises.
func checkDecoded(t *testing.T, o *Output, call Call, limits Limits) {
	last := call.First
	total := int64(0)
	for i := range o.Len() {
		var e Entry
		o.Read(i, &e)
		require.GreaterOrEqual(t, e.Parent, last)
		require.Less(t, e.Parent, call.Count)
		last = e.Parent
		_, message := o.Error(i)
		total += int64(len(e.Key) + len(e.Value) + len(message))
		for _, h := range o.Headers(nil, i) {
			total += int64(len(h.Key) + len(h.Value))
		}
		o.Target(i)
		o.Bucket(i)
		o.Timestamp(i)
		require.GreaterOrEqual(t, o.Partition(i), NoPartition)
	}
	for i := range o.Strings() {
		total += int64(len(o.String(uint32(i))))
	}
	require.Equal(t, total, o.Bytes())
	require.LessOrEqual(t, total, limits.Bytes)
	_, more := o.More()
	require.True(t, o.Consumed() > call.First || more || call.First == call.Count)
}

func FuzzParseDescription(f *testing.F) {
	f.Add([]byte(`{"name":"p","functions":[{"name":"f","role":"transform","outputs":["x"]}]}`))
	f.Add([]byte(`{"name":"p","functions":[],"capabilities":["state"],"config_schema":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDescription(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(d)
		require.NoError(t, err)
		_, err = ParseDescription(again)
		require.NoError(t, err, "%s", again)
	})
}

func FuzzParseConfigError(f *testing.F) {
	f.Add([]byte(`{"field":"rate","message":"must be positive"}`))
	f.Add([]byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e := ParseConfigError(data)
		require.NotEmpty(t, e.Message)
		require.False(t, strings.ContainsFunc(e.Error(), isControl), "%q", e.Error())
	})
}
