package collection_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/collection"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

var update = flag.Bool("update", false, "write docs/flink-collection.md")

// TestUpstream runs Flink's tests of its source of elements.
func TestUpstream(t *testing.T) {
	connectortest.UpstreamPage{
		Page: "flink-collection.md", Package: "connectors/collection",
		Title: "Flink's source of elements, test by test",
		Intro: "What becomes of the tests of FromElementsFunction in the source `collection`. A test " +
			"that runs is found under its own name below `TestUpstream` in connectors/collection.",
		Files: []connectortest.UpstreamFile{
			{Name: "FromElementsFunctionTest", Tests: []connectortest.Upstream{
				{Name: "testStrings", Run: upstreamStrings},
				{Name: "testNonJavaSerializableType", Run: upstreamTables,
					Note: "an element that is more than a string is a table"},
				{Name: "testSerializationError", Run: upstreamBadElement,
					Note: "an element that cannot be one is an error of the job file"},
				{Name: "testDeSerializationError", Run: upstreamBadState,
					Note: "elements are not deserialized; a state that does not fit them is refused"},
				{Name: "testCheckpointAndRestore", Run: upstreamRestore},
			}},
		},
	}.Run(t, *update)
}

// readAll returns the values of all elements.
func readAll(t *testing.T, c *collection.Config) (got []string) {
	t.Helper()
	s, r := open(t, c, limits)
	add(t, s, r)
	for values, more := poll(t, r); more; values, more = poll(t, r) {
		got = append(got, values...)
	}
	return got
}

func upstreamStrings(t *testing.T) {
	require.Equal(t, []string{"Oh", "boy", "what", "a", "show", "!"},
		readAll(t, parse(t, `records = ["Oh", "boy", "what", "a", "show", "!"]`)))
}

func upstreamTables(t *testing.T) {
	c := parse(t, `records = [
		{ key = "1", value = "2" }, { key = "3", value = "4" }, { key = "5", value = "6" }]`)
	s, r := open(t, c, limits)
	add(t, s, r)
	var b connectors.Batch
	require.NoError(t, r.Poll(t.Context(), &b))
	var got []string
	for _, rec := range b.Records {
		got = append(got, string(rec.Key)+string(rec.Value))
	}
	require.Equal(t, []string{"12", "34", "56"}, got)
}

func upstreamBadElement(t *testing.T) {
	err := toml.Unmarshal([]byte(`records = [{ value = 1 }]`), &collection.Config{})
	require.ErrorContains(t, err, "value: want a string, not int64")
}

func upstreamBadState(t *testing.T) {
	_, r := open(t, parse(t, `records = ["a"]`), limits)
	err := r.AddSplits(t.Context(), []checkpoint.Split{
		{ID: "records", Position: checkpoint.Position{Version: 1, Data: []byte{42}}},
	})
	require.ErrorIs(t, err, collection.ErrPosition)
	require.ErrorContains(t, err, "42 records were read, the job file has 1")
}

// upstreamRestore stops after any number of polls: restored there is no gap and no repeat.
func upstreamRestore(t *testing.T) {
	text := "records = ["
	var want []string
	for i := range 100 {
		text += fmt.Sprintf("%q,", fmt.Sprint(i))
		want = append(want, fmt.Sprint(i))
	}
	c := parse(t, text+"]")
	small := connectors.Limits{Records: 7, Bytes: 1 << 20}
	for polls := range 15 {
		s, r := open(t, c, small)
		add(t, s, r)
		var got []string
		for range polls {
			values, more := poll(t, r)
			require.True(t, more)
			got = append(got, values...)
		}
		state, err := r.Snapshot(t.Context(), 1)
		require.NoError(t, err)
		poll(t, r) // lost with the task

		_, restored := open(t, c, small)
		require.NoError(t, restored.AddSplits(t.Context(), state))
		for values, more := poll(t, restored); more; values, more = poll(t, restored) {
			got = append(got, values...)
		}
		require.Equal(t, want, got)
		state, err = restored.Snapshot(t.Context(), 2)
		require.NoError(t, err)
		require.Empty(t, state, "a finished split is left out")
	}
}
