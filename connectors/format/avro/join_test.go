package avro

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/format"
)

// FuzzJoin holds that joining loses nothing: whatever is taken for a file reads the same when it is
// joined, and what cannot be read to its end cannot be read then either.
func FuzzJoin(f *testing.F) {
	for _, compression := range []string{"none", "snappy"} {
		files := openFiles(f, lineSchema, compression)
		f.Add(writeFile(f, files, lineValues(5)))
		f.Add(append(writeFile(f, files, nil), 2, 0))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, compression := range []string{"none", "snappy"} {
			joiner := openFiles(t, lineSchema, compression)
			joiner.random = endless("fedcba9876543210")
			var out bytes.Buffer
			j, err := joiner.Join(&out)
			require.NoError(t, err)
			if j.Add(format.InMemory(file)) != nil {
				continue
			}
			require.NoError(t, j.Close())
			want, problem := readFile(bytes.NewReader(file))
			got, err := readFile(&out)
			require.Equal(t, want, got)
			require.Equal(t, problem == nil, err == nil, "%v, %v", problem, err)
		}
	})
}
