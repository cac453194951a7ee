package runlock

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// Two locks of one process conflict like those of two: flock belongs to the open file.

var started = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

func TestSecondProcessIsRefusedAndToldWho(t *testing.T) {
	p := filepath.Join(t.TempDir(), "store", "job", "run")
	first := New(p, Card{PID: 411, Host: "alpha", Started: started})
	require.NoError(t, first.Lock(t.Context(), false))
	require.NoError(t, first.Lock(t.Context(), false), "locking again does nothing")

	err := New(p, Card{PID: 412}).Lock(t.Context(), false)
	require.ErrorIs(t, err, checkpoint.ErrBusy)
	require.ErrorContains(t, err, "pid 411 on alpha, running since 2024-05-06T07:08:09Z")
	require.ErrorContains(t, err, "--takeover")

	require.NoError(t, first.Unlock())
	require.NoError(t, first.Unlock())
	second := New(p, Card{PID: 412})
	require.NoError(t, second.Lock(t.Context(), false))
	require.NoError(t, second.Unlock())
}

func TestTakeoverLeavesTheOldHolderALockNobodyAsks(t *testing.T) {
	p := filepath.Join(t.TempDir(), "run")
	old := New(p, Card{PID: 1, Host: "a"})
	require.NoError(t, old.Lock(t.Context(), false))
	next := New(p, Card{PID: 2, Host: "b"})
	require.NoError(t, next.Lock(t.Context(), true))

	// The old process ends; the job is still held.
	require.NoError(t, old.Unlock())
	err := New(p, Card{PID: 3}).Lock(t.Context(), false)
	require.ErrorIs(t, err, checkpoint.ErrBusy)
	require.ErrorContains(t, err, "pid 2 on b")
	require.NoError(t, next.Unlock())

	leftovers, err := filepath.Glob(p + ".*")
	require.NoError(t, err)
	require.Empty(t, leftovers)
}

func TestTakeoverOfAFreeLockJustLocks(t *testing.T) {
	p := filepath.Join(t.TempDir(), "run")
	l := New(p, Card{PID: 2})
	require.NoError(t, l.Lock(t.Context(), true))
	require.ErrorIs(t, New(p, Card{}).Lock(t.Context(), false), checkpoint.ErrBusy)
	require.NoError(t, l.Unlock())
}

func TestHolder(t *testing.T) {
	p := filepath.Join(t.TempDir(), "run")
	_, held, err := Holder(p)
	require.NoError(t, err)
	require.False(t, held, "no file")

	l := New(p, Card{PID: 7, Host: "h", Started: started})
	require.NoError(t, l.SetAddress("127.0.0.1:8081"))
	require.NoError(t, l.Lock(t.Context(), false))
	card, held, err := Holder(p)
	require.NoError(t, err)
	require.True(t, held)
	require.Equal(t, Card{PID: 7, Host: "h", Started: started, Address: "127.0.0.1:8081"}, card)

	require.NoError(t, l.SetAddress("127.0.0.1:1"))
	card, _, err = Holder(p)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", card.Address, "a shorter card leaves nothing of the longer one")

	require.NoError(t, os.Truncate(p, 3))
	card, held, err = Holder(p)
	require.NoError(t, err)
	require.True(t, held)
	require.Equal(t, "an unknown process", card.String(), "a torn card is no error (R2)")

	require.NoError(t, l.Unlock())
	_, held, err = Holder(p)
	require.NoError(t, err)
	require.False(t, held, "the file stays, the lock does not")
}

func TestCardIsPrivate(t *testing.T) {
	p := filepath.Join(t.TempDir(), "job", "run")
	l := New(p, Card{})
	require.NoError(t, l.Lock(t.Context(), false))
	defer func() { require.NoError(t, l.Unlock()) }()
	for path, want := range map[string]os.FileMode{p: 0o600, filepath.Dir(p): 0o700} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm())
	}
}
