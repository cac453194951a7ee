package hdfs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFlawF4_LeaseOfADeadWriterIsNotWaitedFor has a writer that holds the lease of its part and
// never ends. Flink recovers the lease, waits, and may go on without it. Here the next owner has
// names of its own, takes the part away, and the writer that wakes is refused.
func TestFlawF4_LeaseOfADeadWriterIsNotWaitedFor(t *testing.T) {
	dead, n := place(t, "admin")
	w := create(t, dead, n, strings.Repeat("x", 3<<20)) // more than a block: the cluster has some

	o := cluster.options(t)
	next := open(t, o)
	defer func() { require.NoError(t, next.Close()) }()
	heir := n
	heir.Claim++
	token, err := create(t, next, heir, "data").Close(t.Context())
	require.NoError(t, err)
	for stray, err := range next.ListStrays(t.Context(), n.Root, n.Job) {
		require.NoError(t, err)
		if stray.Claim == n.Claim {
			require.NoError(t, next.Discard(t.Context(), stray.Token))
		}
	}
	require.NoError(t, next.Publish(t.Context(), token))

	_, err = w.Close(t.Context())
	require.Error(t, err, "a writer whose part was taken away gets no token")
	require.NoError(t, w.Abort(t.Context()))
	data, err := next.ReadFile(t.Context(), n.Target, 100)
	require.NoError(t, err)
	require.Equal(t, "data", string(data))
}

// TestFlawF10_LengthIsKnownWithTheToken: whoever asks the NameNode for the length of a part that
// has a token, and whoever reads it, gets all of it.
func TestFlawF10_LengthIsKnownWithTheToken(t *testing.T) {
	const block = 1 << 20
	fs, n := place(t, "admin")
	other := open(t, cluster.options(t))
	defer func() { require.NoError(t, other.Close()) }()
	for _, size := range []int{0, 1, 64<<10 + 1, block, block + 1, 2*block + 12345} {
		data := strings.Repeat("y", size)
		token, err := create(t, fs, n, data).Close(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(size), token.Size)
		for _, p := range []string{n.PendingPath(), n.Target} {
			info, err := other.Stat(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, int64(size), info.Size)
			got, err := other.ReadFile(t.Context(), p, int64(size))
			require.NoError(t, err)
			require.Equal(t, data, string(got))
			if p == n.PendingPath() {
				require.NoError(t, fs.Publish(t.Context(), token))
			}
		}
		require.NoError(t, fs.Remove(t.Context(), n.Target))
	}
}
