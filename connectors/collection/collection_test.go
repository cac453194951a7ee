package collection_test

import (
	"errors"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/collection"
)

var limits = connectors.Limits{Records: 4096, Bytes: 1 << 20, LingerMillis: 5}

func parse(t *testing.T, text string) *collection.Config {
	t.Helper()
	c := &collection.Config{}
	require.NoError(t, toml.Unmarshal([]byte(text), c))
	var p connectors.Problems
	c.Validate(&p)
	require.Empty(t, p.List)
	return c
}

func open(
	t *testing.T, c *collection.Config, l connectors.Limits,
) (connectors.Source, connectors.SourceReader) {
	t.Helper()
	s, err := c.Open(t.Context(), connectors.Env{})
	require.NoError(t, err)
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: l})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, r.Close())
		require.NoError(t, s.Close())
	})
	return s, r
}

// add finds the splits and gives them to the reader.
func add(t *testing.T, s connectors.Source, r connectors.SourceReader) {
	t.Helper()
	e, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)
	require.True(t, e.Done)
	require.NoError(t, r.AddSplits(t.Context(), e.Found))
}

// poll returns the values of one batch, or false at the end.
func poll(t *testing.T, r connectors.SourceReader) ([]string, bool) {
	t.Helper()
	var b connectors.Batch
	if err := r.Poll(t.Context(), &b); err != nil {
		require.ErrorIs(t, err, connectors.ErrEndOfInput)
		require.Zero(t, b.Len())
		return nil, false
	}
	var out []string
	for i := range b.Records {
		out = append(out, string(b.Records[i].Value))
	}
	return out, true
}

func TestRecordsAreReadAsWritten(t *testing.T) {
	s, r := open(t, parse(t, `
		records = [
			"plain",
			{ value = "dated", timestamp = 2026-03-01T12:00:00.5+01:00 },
			{ key = "k", value = "", timestamp = 1500 },
			{ key = "gone" },
			{ headers = { b = "2", a = "1" }, value = "h" },
		]`), limits)
	add(t, s, r)
	var b connectors.Batch
	require.NoError(t, r.Poll(t.Context(), &b))
	base := connectors.Record{Timestamp: connectors.NoTimestamp, Partition: connectors.NoPartition}
	want := []connectors.Record{base, base, base, base, base}
	for i := range want {
		want[i].Position.Lo = uint64(i)
	}
	want[0].Value = []byte("plain")
	want[1].Value = []byte("dated")
	want[1].Timestamp = time.Date(2026, 3, 1, 11, 0, 0, 500e6, time.UTC).UnixMilli()
	want[2].Key, want[2].Value, want[2].Timestamp = []byte("k"), []byte{}, 1500
	want[3].Key = []byte("gone") // a null value
	want[4].Value = []byte("h")
	want[4].Headers = []connectors.Header{
		{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")},
	}
	require.Equal(t, want, b.Records)
	require.Equal(t, []string{"records"}, b.Splits)
	_, more := poll(t, r)
	require.False(t, more)
}

func TestReaderWithoutTheSplitIsAtItsEnd(t *testing.T) {
	_, r := open(t, parse(t, `records = ["a"]`), limits)
	_, more := poll(t, r)
	require.False(t, more)
	state, err := r.Snapshot(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, state)
}

func TestLimitsBoundABatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits connectors.Limits
		want   []string
	}{
		{"records", connectors.Limits{Records: 2, Bytes: 100}, []string{"aaaa", "bbbb"}},
		{"bytes", connectors.Limits{Records: 100, Bytes: 7}, []string{"aaaa", "bbbb"}},
		{"one record may exceed it alone", connectors.Limits{Records: 100, Bytes: 1}, []string{"aaaa"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, r := open(t, parse(t, `records = ["aaaa", "bbbb", "cccc"]`), c.limits)
			add(t, s, r)
			got, _ := poll(t, r)
			require.Equal(t, c.want, got)
		})
	}
}

func TestEnumerateFindsTheSplitOnce(t *testing.T) {
	s, _ := open(t, parse(t, `records = ["a"]`), limits)
	e, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)
	require.Len(t, e.Found, 1)
	again, err := s.Enumerate(t.Context(), e.State)
	require.NoError(t, err)
	require.Empty(t, again.Found)
	require.True(t, again.Done)

	_, err = s.Enumerate(t.Context(), checkpoint.Position{Version: 7})
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

func TestRestoreRefuses(t *testing.T) {
	_, r := open(t, parse(t, `records = ["a", "b"]`), limits)
	for _, c := range []struct {
		name, text string
		split      checkpoint.Split
	}{
		{"shorter list", "3 records were read, the job file has 2",
			checkpoint.Split{ID: "records", Position: checkpoint.Position{Version: 1, Data: []byte{3}}}},
		{"no version", "version 0",
			checkpoint.Split{ID: "records", Position: checkpoint.Position{Data: []byte{0}}}},
		{"unknown split", `restoring split "other"`,
			checkpoint.Split{ID: "other", Position: checkpoint.Position{Version: 1, Data: []byte{0}}}},
		{"bytes behind", "0000",
			checkpoint.Split{ID: "records", Position: checkpoint.Position{Version: 1, Data: []byte{0, 0}}}},
		{"no bytes", "not a position",
			checkpoint.Split{ID: "records", Position: checkpoint.Position{Version: 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := r.AddSplits(t.Context(), []checkpoint.Split{c.split})
			require.ErrorIs(t, err, collection.ErrPosition)
			require.ErrorContains(t, err, c.text)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
		})
	}
}

func TestRecordsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"number", `records = [1]`,
			"want a string or a table with key, value, headers, timestamp, not int64"},
		{"mixed list", `records = ["a", true]`, "not bool"},
		{"unknown key", `records = [{ val = "a" }]`,
			"val: unknown key; known are key, value, headers, timestamp"},
		{"value", `records = [{ value = 1 }]`, "value: want a string, not int64"},
		{"key", `records = [{ key = [] }]`, "key: want a string"},
		{"headers", `records = [{ headers = "a" }]`, "headers: want a table of strings"},
		{"header", `records = [{ headers = { a = 1 } }]`, "headers: a: want a string"},
		{"timestamp", `records = [{ timestamp = "now" }]`, "timestamp: want a date-time such as"},
		{"time without zone", `records = [{ timestamp = 2026-03-01T12:00:00 }]`,
			"timestamp: has no zone"},
		{"day without zone", `records = [{ timestamp = 2026-03-01 }]`, "timestamp: has no zone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := toml.Unmarshal([]byte(c.text), &collection.Config{})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestEmptyCollectionNamesTheKey(t *testing.T) {
	var p connectors.Problems
	collection.Spec().NewSource().Validate(&p)
	require.Len(t, p.List, 1)
	require.Equal(t, "records", p.List[0].Key)
	require.Contains(t, p.List[0].Text, "required; write at least one record")
}

func TestSpec(t *testing.T) {
	spec := collection.Spec()
	require.Equal(t, "collection", spec.Name)
	require.Nil(t, spec.NewSink)
	require.Equal(t, connectors.ExactlyOnce, spec.NewSource().Guarantee())
}

func FuzzPosition(f *testing.F) {
	f.Add(uint16(1), []byte{1})
	f.Add(uint16(2), []byte{})
	c := &collection.Config{Records: make([]collection.Record, 3)}
	f.Fuzz(func(t *testing.T, version uint16, data []byte) {
		s, err := c.Open(t.Context(), connectors.Env{})
		require.NoError(t, err)
		r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: limits})
		require.NoError(t, err)
		in := checkpoint.Split{ID: "records", Position: checkpoint.Position{Version: version, Data: data}}
		if err := r.AddSplits(t.Context(), []checkpoint.Split{in}); err != nil {
			require.True(t, errors.Is(err, collection.ErrPosition) ||
				errors.Is(err, checkpoint.ErrNewerFormat), "%v", err)
			return
		}
		out, err := r.Snapshot(t.Context(), 1)
		require.NoError(t, err)
		require.LessOrEqual(t, len(out), 1)
	})
}
