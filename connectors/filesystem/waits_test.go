package filesystem_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// TestWaitsAreToldRarely: once a minute at most, and nothing of a server that is well.
func TestWaitsAreToldRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		w := filesystem.NewWaits(slog.New(slog.NewTextHandler(&said, nil)), "a server", "nn:8020")
		waiting := func() int { return strings.Count(said.String(), `msg="waiting for a server"`) }
		again := func() int { return strings.Count(said.String(), `msg="a server answers again"`) }
		w.Begin("quick")()
		w.Answered()
		time.Sleep(time.Hour) // of the test's clock
		require.Empty(t, said.String())
		for range 3 {
			w.Failed("stat /x", io.EOF)
		}
		require.Equal(t, 1, waiting())
		require.Contains(t, said.String(), `at=nn:8020 call="stat /x" since=0s error=EOF`)
		time.Sleep(61 * time.Second)
		w.Failed("stat /x", io.EOF)
		require.Equal(t, 2, waiting())
		require.Contains(t, said.String(), "since=1m1s")
		w.Answered()
		w.Answered()
		require.Equal(t, 1, again())
		w.Failed("stat /x", io.EOF)
		w.Answered()
		require.Equal(t, 2, waiting(), "the last line is too young")
		require.Equal(t, 1, again(), "of what was not told")
	})
}

// TestASilentServerIsTold: a call without an answer is told of while it waits.
func TestASilentServerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		w := filesystem.NewWaits(slog.New(slog.NewTextHandler(&said, nil)), "a server", "nn:8020")
		done := w.Begin("stat /x")
		other := w.Begin("stat /y")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(said.String(), "waiting for a server"))
		require.Contains(t, said.String(), `since=15s error="no answer for 15s"`)
		done()
		other()
		w.Answered()
		require.Contains(t, said.String(), `msg="a server answers again" at=nn:8020 after=20s`)
	})
}
