package kafka

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
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/wasmflow/wasmflow/checkpoint"
)

var update = flag.Bool("update", false, "write golden files and the generated tables")

// goldenPositions are the durable forms, as version 1 of this package wrote them.
func goldenPositions() []struct {
	name string
	at   partitionPosition
} {
	id := kadm.TopicID{0xde, 0xad, 0xbe, 0xef, 4: 1, 15: 0xff}
	return []struct {
		name string
		at   partitionPosition
	}{
		{"start of an endless partition", partitionPosition{topicID: id, stop: endless, epoch: noEpoch}},
		{"middle of a bounded one", partitionPosition{topicID: id, next: 300, stop: 70_000, epoch: 7}},
		{"a broker without topic ids", partitionPosition{next: 1, stop: endless, epoch: 0}},
		{"largest numbers", partitionPosition{
			next: math.MaxInt64, stop: math.MaxInt64 - 1, epoch: math.MaxInt32 - 1,
		}},
	}
}

func goldenSeen() *seen {
	return &seen{topics: map[string]*seenTopic{
		"orders": {id: kadm.TopicID{1, 15: 2}, partitions: map[int32]bool{0: false, 1: true, 300: false}},
		"a.b":    {partitions: map[int32]bool{}},
	}}
}

func TestGoldenPositions(t *testing.T) {
	const path = "testdata/positions-v1.txt"
	var b strings.Builder
	for _, g := range goldenPositions() {
		p := g.at.encode()
		require.Equal(t, uint16(1), p.Version)
		fmt.Fprintf(&b, "%s: %x\n", g.name, p.Data)
	}
	fmt.Fprintf(&b, "seen, empty: %x\nseen: %x\n", newSeen().encode().Data, goldenSeen().encode().Data)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())

	lines := map[string]checkpoint.Position{}
	for line := range strings.Lines(string(want)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		data, err := hex.DecodeString(text)
		require.NoError(t, err)
		lines[name] = checkpoint.Position{Version: 1, Data: data}
	}
	for _, g := range goldenPositions() {
		got, err := decodePartition(lines[g.name])
		require.NoError(t, err, g.name)
		require.Equal(t, g.at, got, g.name)
	}
	got, err := decodeSeen(lines["seen"])
	require.NoError(t, err)
	require.Equal(t, goldenSeen(), got)
}

func TestPositionsAreRefused(t *testing.T) {
	good := partitionPosition{next: 5, stop: endless, epoch: noEpoch}.encode()
	for _, tt := range []struct {
		name string
		p    checkpoint.Position
		want error
	}{
		{"newer", checkpoint.Position{Version: 2, Data: good.Data}, checkpoint.ErrNewerFormat},
		{"without version", checkpoint.Position{Data: good.Data}, ErrPosition},
		{"empty", checkpoint.Position{Version: 1}, ErrPosition},
		{"another kind", newSeen().encode(), ErrPosition},
		{"cut off", checkpoint.Position{Version: 1, Data: good.Data[:len(good.Data)-1]}, ErrPosition},
		{"too long", checkpoint.Position{Version: 1, Data: append(bytes.Clone(good.Data), 0)}, ErrPosition},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodePartition(tt.p)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func FuzzPosition(f *testing.F) {
	for _, g := range goldenPositions() {
		f.Add(g.at.encode().Data)
	}
	f.Add(goldenSeen().encode().Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p := checkpoint.Position{Version: formatVersion, Data: data}
		if at, err := decodePartition(p); err == nil {
			again, err := decodePartition(at.encode())
			require.NoError(t, err)
			require.Equal(t, at, again)
			require.GreaterOrEqual(t, at.next, int64(0))
			require.GreaterOrEqual(t, at.stop, endless)
			require.GreaterOrEqual(t, at.epoch, noEpoch)
		}
		if s, err := decodeSeen(p); err == nil {
			again, err := decodeSeen(s.encode())
			require.NoError(t, err)
			require.Equal(t, s, again)
		}
	})
}
