package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// full is a manifest with every field set; the golden file of each version holds what that
// version knew of it.
func full() Manifest {
	return Manifest{
		Kind: KindEpoch, Epoch: 42, Previous: 40, JobID: "k3x9", JobName: "orders",
		Owner:       Owner{Number: 7, Nonce: "1f00ba12", Host: "host", PID: 411},
		Parallelism: 4, Generation: 2, Log: "store",
		Sources: []SourceState{
			{Name: "a", Finished: true, Enumerator: Position{Version: 3}},
			{
				Name: "b", Enumerator: Position{Version: 1, Data: []byte("seen <3 files>")},
				Splits: []Split{
					{ID: "/in/\u00fcber.log#0", Position: Position{Version: 1, Data: []byte("4096")}},
					{ID: "/in/\xff\x00", Position: Position{Version: 2, Data: []byte{0, 1, 255}}},
					{ID: "/in/new"},
				},
			},
		},
		Committables: []Committable{
			{Sink: "out", Task: 3, Epoch: 42, Claim: 7, Version: 1, Data: []byte(`{"to":"/out/x"}`)},
		},
		Held: []Committable{
			{Sink: "out", Task: 1, Epoch: 40, Claim: 6, Version: 1},
			{Sink: "out", Task: 1, Epoch: 41, Claim: 6, Version: 2, Optional: true},
		},
		State: []StateHandle{{Task: 1, Version: 9, Data: []byte("x")}},
		Modules: []Module{{
			Plugin: "p", SHA256: strings.Repeat("ab", 32), Config: []byte(`{"r":1}`),
			Offer: strings.Repeat("cd", 32),
		}},
		Counts: map[string]Count{
			"a":   {In: 100, InBytes: 4_000, Out: 100},
			"out": {In: 99, InBytes: 3_900, Out: 90, Skipped: 2, Dead: 7},
		},

		CreatedMillis: 1_700_000_000_123,
	}
}

// knownTo is full without what a version did not know of yet.
func knownTo(version int) Manifest {
	m := full()
	if version < 2 {
		m.Modules[0].Offer = ""
	}
	if version < 3 {
		m.Held = m.Held[:1]
	}
	return m
}

func TestManifestRoundTrip(t *testing.T) {
	minimal := Manifest{
		Kind: KindClaim, Epoch: 1, JobID: "id", JobName: "job",
		Owner: Owner{Number: 1, Nonce: "00000000"},
	}
	for name, m := range map[string]Manifest{"full": full(), "minimal": minimal} {
		t.Run(name, func(t *testing.T) {
			data, err := EncodeManifest(m)
			require.NoError(t, err)
			got, err := DecodeManifest(data)
			require.NoError(t, err)
			require.Equal(t, m, got)
		})
	}
}

// TestGoldenManifests reads the file of every version there ever was and holds the bytes of the
// newest, so that the format cannot change without its version.
func TestGoldenManifests(t *testing.T) {
	for version := 1; version <= ManifestVersion; version++ {
		golden, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("manifest-v%d", version)))
		require.NoError(t, err)
		got, err := DecodeManifest(golden)
		require.NoError(t, err)
		require.Equal(t, knownTo(version), got)
		if version == ManifestVersion {
			data, err := EncodeManifest(full())
			require.NoError(t, err)
			require.Equal(t, string(golden), string(data))
		}
	}
}

// reframe changes the body of a good record and gives it a right checksum again.
func reframe(t *testing.T, old, new string) []byte {
	data, err := EncodeManifest(full())
	require.NoError(t, err)
	_, body, err := DecodeRecord(manifestKind, ManifestVersion, data)
	require.NoError(t, err)
	require.Contains(t, string(body), old)
	return EncodeRecord(manifestKind, ManifestVersion,
		[]byte(strings.Replace(string(body), old, new, 1)))
}

func TestDecodeManifestRefuses(t *testing.T) {
	good, err := EncodeManifest(full())
	require.NoError(t, err)
	header, body, _ := bytes.Cut(good, []byte("\n"))
	tests := []struct {
		name string
		data []byte
		is   error
		want string
	}{
		{"nothing", nil, ErrCorrupt, "no header line"},
		{"zeros", make([]byte, 4096), ErrCorrupt, "no header line"},
		{"cut short", good[:len(good)-1], ErrCorrupt, "checksum"},
		{"only the header", header, ErrCorrupt, "no header line"},
		{"longer", append(bytes.Clone(good), 'x'), ErrCorrupt, "checksum"},
		{"another kind of record", EncodeRecord("job", 1, body), ErrCorrupt, "not that of a manifest"},
		{"newer version", EncodeRecord(manifestKind, ManifestVersion+1, body), ErrNewerFormat,
			"manifest version 4, this version of wasmflow knows up to 3"},
		{"version 0", EncodeRecord(manifestKind, 0, body), ErrCorrupt, "version"},
		{"version with a sign", bytes.Replace(good, []byte(" 3 "), []byte(" +3 "), 1), ErrCorrupt,
			"version"},
		{"no JSON", EncodeRecord(manifestKind, 1, []byte("hello")), ErrCorrupt, "invalid character"},
		{"two values", EncodeRecord(manifestKind, 1, []byte("{} {}")), ErrCorrupt, "follows"},
		{"unknown key", reframe(t, `"kind"`, `"kin"`), ErrCorrupt, `unknown field "kin"`},
		{"unknown key in bytes", reframe(t, `"base64"`, `"base32"`), ErrCorrupt, "unknown field"},
		{"unknown kind", reframe(t, `"epoch",`, `"era",`), ErrCorrupt, `kind "era"`},
		{"epoch 0", reframe(t, `"epoch":42`, `"epoch":0`), ErrCorrupt, "epoch is 0"},
		{"negative epoch", reframe(t, `"epoch":42`, `"epoch":-1`), ErrCorrupt, "cannot unmarshal"},
		{"previous in the future", reframe(t, `"previous":40`, `"previous":42`), ErrCorrupt,
			"stands before"},
		{"no job", reframe(t, `"k3x9"`, `""`), ErrCorrupt, "no id"},
		{"no claim", reframe(t, `"claim":7`, `"claim":0`), ErrCorrupt, "claim number"},
		{"bad nonce", reframe(t, "1f00ba12", "1f00ba1"), ErrCorrupt, "nonce"},
		{"no tasks", reframe(t, `"parallelism":4`, `"parallelism":0`), ErrCorrupt, "parallelism"},
		{"unsorted sources", reframe(t, `"name":"a"`, `"name":"c"`), ErrCorrupt, "not in order"},
		{"split twice", reframe(t, "/in/new", "/in/\u00fcber.log#0"), ErrCorrupt, "twice"},
		{"finished with splits", reframe(t, `"name":"b"`, `"name":"b","finished":true`), ErrCorrupt,
			"finished"},
		{"committable of a later epoch", reframe(t, `"task":3,"epoch":42`, `"task":3,"epoch":43`),
			ErrCorrupt, "epoch 43 in manifest 42"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := DecodeManifest(tt.data)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestEveryFlippedBitIsDetected(t *testing.T) {
	good, err := EncodeManifest(full())
	require.NoError(t, err)
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		_, err := DecodeManifest(bad)
		require.Error(t, err, "bit %d", i)
	}
}

func TestEncodeManifestRefusesWhatCannotBeRead(t *testing.T) {
	m := full()
	m.Owner.Nonce = "short"
	_, err := EncodeManifest(m)
	require.ErrorContains(t, err, "encoding manifest 42")
}

func FuzzDecodeManifest(f *testing.F) {
	good, err := EncodeManifest(full())
	require.NoError(f, err)
	f.Add(good)
	_, body, err := DecodeRecord(manifestKind, ManifestVersion, good)
	require.NoError(f, err)
	f.Add(body)
	f.Add([]byte(`{"kind":"claim","epoch":1,"sources":[{"name":"a","splits":[{"id":""}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := DecodeManifest(data); err != nil {
			require.True(t, isFormatError(err), "%v", err)
		}
		// A right frame lets the fuzzer reach what is inside.
		m, err := DecodeManifest(EncodeRecord(manifestKind, ManifestVersion, data))
		if err != nil {
			return
		}
		again, err := EncodeManifest(m)
		require.NoError(t, err)
		m2, err := DecodeManifest(again)
		require.NoError(t, err)
		require.Equal(t, m, m2)
	})
}

func manyWithSplits(n int) Manifest {
	m := full()
	for i := range n {
		m.Sources[1].Splits = append(m.Sources[1].Splits, Split{
			ID:       fmt.Sprintf("/data/2024/01/02/part-%06d.log#0", i),
			Position: Position{Version: 1, Data: []byte(fmt.Sprintf(`{"offset":%d}`, i))},
		})
	}
	return m
}

func BenchmarkManifest10000Splits(b *testing.B) {
	m := manyWithSplits(10_000)
	data, err := EncodeManifest(m)
	require.NoError(b, err)
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			_, _ = EncodeManifest(m)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			_, _ = DecodeManifest(data)
		}
	})
}

func isFormatError(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewerFormat)
}
