package storelog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// small lists the small records with a value that has every field set.
func small() []struct {
	kind    string
	version int
	value   any
	empty   func() any
} {
	return []struct {
		kind    string
		version int
		value   any
		empty   func() any
	}{
		{hintKind, hintVersion,
			&checkpoint.Hint{JobID: "k3x9", JobName: "orders", Log: "store", LastEpoch: 42, Claim: 7},
			func() any { return &checkpoint.Hint{} }},
		{appliedKind, appliedVersion, &applied{Epoch: 42, Claim: 7}, func() any { return &applied{} }},
		{acceptedKind, acceptedVersion,
			&accepted{Path: "/out/part-1", By: "ann", CreatedMillis: 1_700_000_000_123},
			func() any { return &accepted{} }},
	}
}

// TestGoldenSmallRecords holds the formats: a changed line is a changed version.
func TestGoldenSmallRecords(t *testing.T) {
	for _, s := range small() {
		t.Run(s.kind, func(t *testing.T) {
			golden := filepath.Join("testdata", s.kind+"-v1")
			data, err := encodeSmall(s.kind, s.version, s.value)
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile(golden, data, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(data))
			got := s.empty()
			require.NoError(t, decodeSmall(s.kind, s.version, want, got))
			require.Equal(t, s.value, got)
		})
	}
}

func TestDecodeSmallRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		data []byte
		is   error
	}{
		"nothing":     {nil, checkpoint.ErrCorrupt},
		"other kind":  {checkpoint.EncodeRecord(appliedKind, 1, []byte("{}")), checkpoint.ErrCorrupt},
		"newer":       {checkpoint.EncodeRecord(hintKind, 2, []byte("{}")), checkpoint.ErrNewerFormat},
		"no JSON":     {checkpoint.EncodeRecord(hintKind, 1, []byte("x")), checkpoint.ErrCorrupt},
		"unknown key": {checkpoint.EncodeRecord(hintKind, 1, []byte(`{"a":1}`)), checkpoint.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, decodeSmall(hintKind, hintVersion, tt.data, &checkpoint.Hint{}), tt.is)
		})
	}
}

func FuzzDecodeSmall(f *testing.F) {
	for _, s := range small() {
		data, err := encodeSmall(s.kind, s.version, s.value)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range small() {
			for _, framed := range [][]byte{data, checkpoint.EncodeRecord(s.kind, s.version, data)} {
				err := decodeSmall(s.kind, s.version, framed, s.empty())
				if err != nil && !errors.Is(err, checkpoint.ErrCorrupt) &&
					!errors.Is(err, checkpoint.ErrNewerFormat) {
					t.Errorf("decodeSmall() = %v, want a format error", err)
				}
			}
		}
	})
}
