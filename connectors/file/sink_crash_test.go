package file

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

// run takes the input from *at on in epochs of five records. Position and lengths are decided
// together or not at all. It ends with the first error, as if the process had died there.
func (r *sinkRun) run(tasks int, input []string, at *int) error {
	if err := r.Start(tasks); err != nil {
		return err
	}
	for *at < len(input) {
		until := min(*at+5, len(input))
		for i := *at; i < until; i++ {
			var b connectors.Batch
			b.Append().Value = []byte(input[i])
			w := r.Writers[i%tasks]
			if err := w.Write(r.Ctx, &b); err != nil {
				return err
			}
			if err := w.Flush(r.Ctx); err != nil {
				return err
			}
		}
		e := r.Epoch + 1
		var all []checkpoint.Committable
		for _, w := range r.Writers {
			cs, err := w.Prepare(r.Ctx, e)
			if err != nil {
				return err
			}
			all = append(all, cs...)
		}
		r.Epoch, r.Decided[e], *at = e, all, until
		delete(r.Decided, e-2) // two epochs are retained
		if err := r.Committer.Commit(r.Ctx, all); err != nil {
			return err
		}
		r.Applied = e
	}
	for _, w := range r.Writers {
		if err := w.Close(); err != nil {
			return err
		}
	}
	return r.Sink.Close()
}

func (r *sinkRun) rows() []string {
	rows := []string{}
	for _, content := range r.files() {
		rows = append(rows, strings.Fields(content)...)
	}
	slices.Sort(rows)
	return rows
}

func sinkInput() []string {
	var input []string
	for i := range 18 {
		input = append(input, fmt.Sprintf("r%02d", i))
	}
	return input
}

// TestSinkCrashAtEveryCall: the process dies at every call of its disk and the power fails. After
// a restart with another number of tasks the files hold every record once.
func TestSinkCrashAtEveryCall(t *testing.T) {
	input := sinkInput()
	calls := 0
	for finished := false; !finished; calls++ {
		for seed, keep := range []int{0, 50, 100} {
			r := newSinkRun(t)
			r.Hooks = []fstest.Hook{fstest.CrashAt(calls + 1)}
			at := 0
			err := r.run(2, input, &at)
			finished = err == nil
			if err != nil {
				require.ErrorIs(t, err, fstest.ErrCrashed)
			}
			r.Disk = r.Disk.CrashClone(uint64(seed), keep)
			r.Hooks = nil
			require.NoError(t, r.run(3, input, &at), "crash at call %d, %d %% kept", calls+1, keep)
			require.Equal(t, input, r.rows(), "crash at call %d, %d %% kept", calls+1, keep)
		}
	}
	require.Greater(t, calls, 60)
}

// TestSinkCrashAgainAndAgain: processes die at random calls, recoveries included.
func TestSinkCrashAgainAndAgain(t *testing.T) {
	input := sinkInput()
	crashes := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 11))
		r := newSinkRun(t)
		at := 0
		for life := uint64(0); ; life++ {
			r.Hooks = []fstest.Hook{fstest.CrashAt(1 + rng.IntN(150))}
			err := r.run(2+rng.IntN(2), input, &at)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, fstest.ErrCrashed, "seed %d", seed)
			crashes++
			r.Disk = r.Disk.CrashClone(seed<<32|life, 50)
		}
		require.Equal(t, input, r.rows(), "seed %d", seed)
	}
	require.Greater(t, crashes, 60)
}

// TestSinkTranscript holds the order of system calls of a start, an epoch and a restart.
func TestSinkTranscript(t *testing.T) {
	recorder := &fstest.Recorder{}
	r := newSinkRun(t)
	r.Hooks = []fstest.Hook{recorder.Hook}
	recorder.Note("claim 1")
	r.start(1)
	recorder.Note("write")
	r.write(0, "a")
	recorder.Note("epoch 1")
	r.decide().commit()
	recorder.Note("epoch 2, in which nothing is written")
	r.decide().commit()
	recorder.Note("write, then die")
	r.write(0, "b").flush()
	recorder.Note("claim 2")
	r.start(1)
	recorder.Note("close")
	r.decide().commit().close()
	const file = "testdata/sink-transcript.txt"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(recorder.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), recorder.String())
}

func sampleLength() fileLength {
	return fileLength{
		base: "file:///data/out", root: "/data/out", target: "/data/out/1",
		live: "/data/.wasmflow/5eed/out-0-7-1f00ba12-0.live", length: 1 << 40,
	}
}

// TestSinkCommittableGolden reads the bytes of every version that was ever written.
func TestSinkCommittableGolden(t *testing.T) {
	const file = "testdata/sink-committable-v1.hex"
	encoded := sampleLength().encode()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(hex.EncodeToString(encoded)+"\n"), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	golden, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	got, err := decodeFileLength(checkpoint.Committable{Version: 1, Data: golden})
	require.NoError(t, err)
	require.Equal(t, sampleLength(), got)
	require.Equal(t, golden, encoded)
}

func TestSinkCommittableRefuses(t *testing.T) {
	good := sampleLength().encode()
	for n := range good {
		_, err := decodeFileLength(checkpoint.Committable{Version: 1, Data: good[:n]})
		require.ErrorIs(t, err, checkpoint.ErrCorrupt, "cut to %d bytes", n)
	}
	_, err := decodeFileLength(checkpoint.Committable{Version: 1, Data: append(good, 0)})
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)
	_, err = decodeFileLength(checkpoint.Committable{Data: good})
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)
	newer := checkpoint.Committable{Sink: sinkName, Version: 2, Data: good}
	_, err = decodeFileLength(newer)
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)

	r := newSinkRun(t).start(1)
	for _, cs := range [][]checkpoint.Committable{{newer}} {
		require.ErrorIs(t, r.Committer.Commit(t.Context(), cs), checkpoint.ErrNewerFormat)
		require.ErrorIs(t, r.Committer.Abort(t.Context(), cs), checkpoint.ErrNewerFormat)
		keep := checkpoint.Retained{Named: cs}
		require.ErrorIs(t, r.Committer.Recover(t.Context(), cs, keep), checkpoint.ErrNewerFormat)
		require.ErrorIs(t, r.Committer.Recover(t.Context(), nil, keep), checkpoint.ErrNewerFormat)
	}
	foreign := []checkpoint.Committable{{Sink: "other", Version: 99}}
	require.NoError(t, r.Committer.Commit(t.Context(), foreign))
}

func FuzzFileLength(f *testing.F) {
	f.Add(sampleLength().encode())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decodeFileLength(checkpoint.Committable{Version: 1, Data: data})
		if err != nil {
			require.ErrorIs(t, err, checkpoint.ErrCorrupt)
			return
		}
		again, err := decodeFileLength(checkpoint.Committable{Version: 1, Data: l.encode()})
		require.NoError(t, err)
		require.Equal(t, l, again)
	})
}

func FuzzLiveName(f *testing.F) {
	f.Add("out-0-7-1f00ba12-0.live")
	f.Add("my-sink-2-3-nonce-4.live")
	f.Fuzz(func(t *testing.T, name string) {
		if n, ok := parseLiveName(name); ok {
			require.Equal(t, name, n.String())
		}
	})
}

func TestLiveName(t *testing.T) {
	n := liveName{sink: "a-1-2", task: 3, claim: 4, nonce: "1f00ba12", number: 5}
	got, ok := parseLiveName(n.String())
	require.True(t, ok)
	require.Equal(t, n, got)
	for _, name := range []string{
		"", ".live", "a-0-1-x.live", "a-x-1-n-0.live", "a-0-01-n-0.live", "a-0-1-n-0",
		"a-0-1-n-0.pending",
	} {
		_, ok := parseLiveName(name)
		require.False(t, ok, name)
	}
}
