package format

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// TestFindMeetsEveryMarkerOnce looks for markers from every offset, in a buffer that they do not
// fit side by side.
func TestFindMeetsEveryMarkerOnce(t *testing.T) {
	const marker, bufferBytes = "marker", 16
	file := "some" + marker + strings.Repeat("mark", 20) + marker + marker + "m"
	for start := range len(file) + 1 {
		for end := start; end <= len(file); end++ {
			i := NewInput(strings.NewReader(""), bufferBytes)
			i.Restart(iotest.HalfReader(strings.NewReader(file[start:])), int64(start))
			err := i.Find([]byte(marker), int64(end))
			at := strings.Index(file[start:], marker)
			if at < 0 || start+at >= end {
				require.ErrorIs(t, err, io.EOF)
				continue
			}
			require.NoError(t, err)
			require.EqualValues(t, start+at+len(marker), i.Offset())
		}
	}
}
