package bucketing

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

func sampleCommittable() committable {
	return committable{
		base: "hdfs://127.0.0.1:8020/orders", root: "/orders", records: 300,
		token: filesystem.Token{
			Version: 1, Target: "/orders/2018-08-03--23/part-5eed-lake-0-7-1f00ba12-0",
			Size: 1 << 40, Data: []byte{0, 1, 2, 0xff},
		},
	}
}

// TestCommittableGolden reads the bytes of every version that was ever written. A version that
// changes here is a new version.
func TestCommittableGolden(t *testing.T) {
	held := sampleCommittable()
	held.hold = &hold{
		kept: true, form: "string-0011223344556677", since: 1533337200000, tier: 2,
		until:  1533340800000,
		inputs: []string{"part-5eed-lake-0-7-1f00ba12-0", "part-5eed-lake-1-7-1f00ba12-0"},
	}
	for version, sample := range map[uint16]committable{
		committableVersion: sampleCommittable(), heldVersion: held,
	} {
		file := fmt.Sprintf("testdata/committable-v%d.hex", version)
		require.Equal(t, version, sample.version())
		encoded := sample.encode()
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			text := hex.EncodeToString(encoded) + "\n"
			require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		golden, err := hex.DecodeString(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		got, err := decode(checkpoint.Committable{Version: version, Data: golden})
		require.NoError(t, err)
		require.Equal(t, sample, got)
		require.Equal(t, golden, encoded)
		for n := range golden {
			_, err := decode(checkpoint.Committable{Version: version, Data: golden[:n]})
			require.ErrorIs(t, err, checkpoint.ErrCorrupt, "version %d cut to %d bytes", version, n)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := sampleCommittable().encode()
	for n := range good {
		_, err := decode(checkpoint.Committable{Version: 1, Data: good[:n]})
		require.ErrorIs(t, err, checkpoint.ErrCorrupt, "cut to %d bytes", n)
	}
	_, err := decode(checkpoint.Committable{Version: 1, Data: append(good, 0)})
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)
	_, err = decode(checkpoint.Committable{Version: 0, Data: good})
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)
	_, err = decode(checkpoint.Committable{Sink: "lake", Task: 3, Epoch: 9, Version: 3, Data: good})
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
	require.ErrorContains(t, err, "committable of sink lake, task 3, epoch 9: version 3")
}

func FuzzDecode(f *testing.F) {
	f.Add(sampleCommittable().encode())
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, version := range []uint16{committableVersion, heldVersion} {
			got, err := decode(checkpoint.Committable{Version: version, Data: data})
			if err != nil {
				require.ErrorIs(t, err, checkpoint.ErrCorrupt)
				continue
			}
			again, err := decode(checkpoint.Committable{Version: version, Data: got.encode()})
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}
