package bucketing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNothingIsJoinedWithoutCompact: what only waits for a mark is published as it was written. Two
// Parquet files behind one another are no file with the rows of both.
func TestNothingIsJoinedWithoutCompact(t *testing.T) {
	j := marked(t, timeProcessing, func(c *Config) {
		c.Writer, c.Schema = parquetWriter("none"), keyValueSchema
	}).start(2)
	first, second := pairs()[0], pairs()[1]
	j.write(0, first).write(1, second).checkpoint()
	var got []string
	for _, content := range j.files() {
		got = append(got, parquetPairs(t, content)...)
	}
	require.ElementsMatch(t, []string{first, second}, got)
	require.Len(t, j.files(), 2)
}

// TestNewPartsBesideHeldOnesOfBefore: compact was switched off while parts were held.
func TestNewPartsBesideHeldOnesOfBefore(t *testing.T) {
	j := newJob(t, compact(time.Minute)).start(1)
	j.write(0, "a@1").checkpoint()
	j.config.Compact.On = false
	j.start(2).write(0, "a@2").write(1, "a@3").checkpoint()
	require.Equal(t, []string{"a@1", "a@2", "a@3"}, j.values())
	require.Len(t, j.files(), 3, "they are published as they are")
}
