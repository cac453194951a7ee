package s3

import (
	"context"
	"os"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// silent is an answer that sends nothing until it is given up.
type silent struct{ ctx context.Context }

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (silent) Close() error { return nil }

// TestStalledAnswer: an answer that stops is a server that is away. Nobody cancelled anything, and
// who reads must not take it for the end of the job.
func TestStalledAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		r := &reader{body: silent{ctx}, stop: stop, size: 10}
		n, err := r.receive(make([]byte, 5))
		require.Zero(t, n)
		require.NotErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.True(t, isAway(err))
	})
}
