package file

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

func TestFaultsSayWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{ErrRecordTooLong, "raise the key record_bytes_max, or mend the file"},
		{ErrVanished, `put the file back as it was, or give up the rest of it with the key ` +
			`vanished = "skip"`},
		{fmt.Errorf("%w: 1 bytes, not 2", ErrShrunk), `the key vanished = "skip"`},
		{ErrReplaced, `the key vanished = "skip"`},
		{fmt.Errorf("%w: it ends early", format.ErrDamaged), "put a whole file in its place, " +
			"correct the key format, or leave the file out with the key exclude"},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			for _, err := range []error{fault("/f", 7, tt.err), containerFault("/f", 7, tt.err)} {
				require.ErrorIs(t, err, tt.err)
				require.ErrorContains(t, err, tt.err.Error()+"; ")
				require.ErrorContains(t, err, tt.want)
				require.Equal(t, connectors.Fatal, connectors.Classify(err))
			}
		})
	}
}

// TestNothingToReadIsSaid has a pattern that a typing error keeps from matching: the job would end
// with success, for good.
func TestNothingToReadIsSaid(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.txt"), "")
	for _, tt := range []struct {
		pattern string
		warned  bool
	}{{"*.tyt", true}, {"*.txt", false}} {
		t.Run(tt.pattern, func(t *testing.T) {
			var log bytes.Buffer
			s := open(t, config(filepath.Join(dir, tt.pattern)))
			s.env.Logger = slog.New(slog.NewTextHandler(&log, nil))
			e := find(t, s, checkpoint.Position{})
			require.Empty(t, e.Found, "an empty file has no range")
			require.True(t, e.Done)
			require.Equal(t, tt.warned, bytes.Contains(log.Bytes(), []byte("no file is there to read")))
			log.Reset()
			find(t, s, e.State)
			require.Empty(t, log.String(), "it is said once")
		})
	}
}
