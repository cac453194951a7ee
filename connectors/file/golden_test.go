package file

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

var update = flag.Bool("update", false, "write golden files and the generated tables")

// goldenState is one durable form, as version 1 of this package wrote it.
type goldenState struct {
	name   string
	value  any
	encode func() checkpoint.Position
	decode func(checkpoint.Position) (any, error)
}

func goldenStates() []goldenState {
	half := rangePosition{
		path: "/logs/a.log", start: 16 << 20, end: 32 << 20, next: 17<<20 + 3, size: 40 << 20,
		modTime: 1_800_000_000_123_456_789, identity: "803:1f2",
	}
	packed := rangePosition{path: "/logs/b.gz", end: endUnknown, size: 1}
	old := rangePosition{path: "/\u00e9\n", start: 0, end: 1, size: 1, modTime: -1}
	tail := tailPosition{
		path: "/logs/app.log", generation: 7, offset: 4711, identity: "803:1f2",
		modTime: 1_800_000_000_123_456_789, proofBytes: proofBytesMax, proofSum: math.MaxUint64,
	}
	ended := tailPosition{path: "/logs/app.log", ended: true}
	tied := tail
	tied.earlier = []readFile{{modTime: tail.modTime, offset: 99, proofBytes: 64, proofSum: 3},
		{modTime: tail.modTime + 1, offset: 1, proofBytes: 1, proofSum: math.MaxUint64}}
	full := &seen{floor: 12, files: map[string]seenFile{
		"/logs/2026/a.log": {size: 1, modTime: 13},
		"/logs/2026/b.log": {size: math.MaxInt64, modTime: math.MaxInt64, goneSince: 1_800_000_000_000},
		"/logs/\u00e9":     {modTime: -5},
	}}
	paths := &followed{paths: map[string]followedPath{
		"/logs/app.log": {identity: "803:1f2", headBytes: headBytesMax, headSum: 42},
		"/logs/app-monday.log": {identity: "803:1f1", headBytes: 3, headSum: 1, moved: true,
			goneSince: 9},
	}}
	once := func(p checkpoint.Position) (any, error) {
		d, err := newDecoder(p, kindOnce)
		if err != nil {
			return nil, err
		}
		return nil, d.finish()
	}
	ranges := func(p checkpoint.Position) (any, error) { return decodeRange(p) }
	tails := func(p checkpoint.Position) (any, error) { return decodeTail(p) }
	seens := func(p checkpoint.Position) (any, error) { return decodeSeen(p) }
	follows := func(p checkpoint.Position) (any, error) { return decodeFollowed(p) }
	return []goldenState{
		{"range", half, half.encode, ranges},
		{"range of a compressed file", packed, packed.encode, ranges},
		{"range of an odd file", old, old.encode, ranges},
		{"tail", tail, tail.encode, tails},
		{"tail that ended", ended, ended.encode, tails},
		{"listed once", nil, listedOnce, once},
		{"seen-set, empty", newSeen(), newSeen().encode, seens},
		{"seen-set", full, full.encode, seens},
		{"followed paths", paths, paths.encode, follows},
		{"tail after files of the same time", tied, tied.encode, tails},
	}
}

const goldenPath = "testdata/positions-v1.txt"

// TestGoldenPositions keeps what was written by version 1 readable: change the version, never the
// golden file.
func TestGoldenPositions(t *testing.T) {
	if *update {
		var b bytes.Buffer
		for _, g := range goldenStates() {
			fmt.Fprintf(&b, "%s: %x\n", g.name, g.encode().Data)
		}
		require.NoError(t, os.MkdirAll("testdata", 0o777))
		require.NoError(t, os.WriteFile(goldenPath, b.Bytes(), 0o666))
	}
	raw, err := os.ReadFile(goldenPath)
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSpace(string(raw)), "\n")
	require.Len(t, rows, len(goldenStates()))
	for i, g := range goldenStates() {
		t.Run(g.name, func(t *testing.T) {
			name, text, ok := strings.Cut(rows[i], ": ")
			require.True(t, ok)
			require.Equal(t, g.name, name)
			data, err := hex.DecodeString(text)
			require.NoError(t, err)
			require.Equal(t, checkpoint.Position{Version: 1, Data: data}, g.encode())
			got, err := g.decode(checkpoint.Position{Version: 1, Data: data})
			require.NoError(t, err)
			require.Equal(t, g.value, got)

			for n := range data {
				if n == 0 {
					continue // the zero position is an empty seen-set
				}
				_, err := g.decode(checkpoint.Position{Version: 1, Data: data[:n]})
				require.ErrorIs(t, err, checkpoint.ErrCorrupt, "cut to %d bytes", n)
			}
			_, err = g.decode(checkpoint.Position{Version: 1, Data: append(bytes.Clone(data), 0)})
			require.ErrorIs(t, err, checkpoint.ErrCorrupt, "left over")
			_, err = g.decode(checkpoint.Position{Version: 2, Data: data})
			require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
			_, err = g.decode(checkpoint.Position{Data: data})
			require.ErrorIs(t, err, checkpoint.ErrCorrupt, "version 0")
		})
	}
}

func TestSplitIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range []string{
		splitID("/a", 0, ""), splitID("/a", 5, ""), splitID("/a#5", 0, ""), splitID("/a", 0, "5"),
		splitID("/a#0@5", 0, ""), splitID("/a%235", 0, ""), splitID("/a%", 0, ""),
		splitID("/a%25", 0, ""),
	} {
		require.False(t, seen[id], id)
		seen[id] = true
	}
	require.Equal(t, "/a#5", splitID("/a", 5, ""))
	require.Equal(t, "/a#0@5", splitID("/a", 0, "5"))
	require.Equal(t, "/a%235", splitID("/a#5", 0, ""))
}

// FuzzPositions feeds anything to the decoders: no panic, and the written form is never longer.
func FuzzPositions(f *testing.F) {
	for _, g := range goldenStates() {
		f.Add(g.encode().Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := checkpoint.Position{Version: 1, Data: data}
		for _, decode := range []func() (checkpoint.Position, error){
			func() (checkpoint.Position, error) { v, err := decodeRange(p); return v.encode(), err },
			func() (checkpoint.Position, error) { v, err := decodeTail(p); return v.encode(), err },
			func() (checkpoint.Position, error) {
				v, err := decodeSeen(p)
				if err != nil {
					return p, err
				}
				return v.encode(), nil
			},
			func() (checkpoint.Position, error) {
				v, err := decodeFollowed(p)
				if err != nil {
					return p, err
				}
				return v.encode(), nil
			},
		} {
			again, err := decode()
			if err != nil || len(data) == 0 {
				continue
			}
			require.LessOrEqual(t, len(again.Data), len(data))
		}
	})
}

// FuzzGlob compiles any pattern: no panic, and what compiles can be matched.
func FuzzGlob(f *testing.F) {
	for _, s := range []string{"*", "**/a?", "[a-z]", "[!x]", "{a,b}", `\*`, "[+-9]", "[]"} {
		f.Add(s, "a/b")
	}
	f.Fuzz(func(t *testing.T, glob, name string) {
		p, err := compileGlob(glob)
		if err == nil {
			p.match(name)
		}
		splitGlob(glob)
	})
}

// FuzzRanges cuts any content into ranges and compares with a plain split.
func FuzzRanges(f *testing.F) {
	f.Add("a\nbb\n\nc", "\n", uint8(3), uint8(2))
	f.Add("a\r\n\r\nb\r", "\r\n", uint8(1), uint8(1))
	f.Add("abab-ab", "ab-", uint8(4), uint8(3))
	f.Fuzz(func(t *testing.T, content, delimiter string, size, records uint8) {
		if delimiter == "" || size == 0 || records == 0 || len(content) > 1<<12 ||
			strings.HasPrefix(content, "\xef\xbb\xbf") {
			return
		}
		s := fuzzSource(t, content, delimiter)
		info, err := s.fs.Stat(t.Context(), s.root)
		require.NoError(t, err)
		if !s.charset.splittable(delimiter) {
			return
		}
		want := strings.Split(content, delimiter)
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if delimiter == "\n" {
			for i, l := range want {
				want[i] = strings.TrimSuffix(l, "\r")
			}
		}
		got := []string{}
		for _, split := range s.cut(info, "", int64(size)) {
			part, err := drain(t, reading(t, s, limitsOf(int(records)), split))
			require.NoError(t, err)
			got = append(got, values(part)...)
		}
		require.Equal(t, want, got)
	})
}
