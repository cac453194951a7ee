package compress_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/compress"
	"github.com/wasmflow/wasmflow/connectors/format/lines"
)

var written = []compress.Form{
	compress.Deflate, compress.Zlib, compress.Gzip, compress.Zstd, compress.Snappy,
	compress.HadoopSnappy,
}

func blocks() map[string][]byte {
	noise := make([]byte, 300<<10)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(noise)
	return map[string][]byte{
		"nothing": {}, "a byte": {7}, "text": []byte(strings.Repeat("a line of text\n", 30_000)),
		"noise": noise, "zeros": make([]byte, 1<<20),
	}
}

func TestBlocksComeBack(t *testing.T) {
	for _, form := range written {
		pool := compress.NewPool(form)
		for name, block := range blocks() {
			t.Run(fmt.Sprint(form, " ", name), func(t *testing.T) {
				head := []byte("head")
				for range 2 { // the second time with what the first one left in the pool
					small, err := pool.Append(head, block)
					require.NoError(t, err)
					require.Equal(t, head, small[:len(head)])
					back, err := pool.Expand(head, small[len(head):], len(block))
					require.NoError(t, err)
					require.Equal(t, block, back[len(head):])
					if len(block) == 0 {
						continue
					}
					_, err = pool.Expand(nil, small[len(head):], len(block)-1)
					require.ErrorIs(t, err, compress.ErrTooLarge)
					_, err = pool.Expand(nil, small[len(head):len(small)-1], len(block))
					require.ErrorIs(t, err, compress.ErrDamaged)
				}
			})
		}
	}
}

func TestPoolIsSharedByGoroutines(t *testing.T) {
	for _, form := range written {
		pool := compress.NewPool(form)
		var all sync.WaitGroup
		for name, block := range blocks() {
			all.Go(func() { // ends with its block
				small, err := pool.Append(nil, block)
				if err == nil {
					small, err = pool.Expand(nil, small, len(block))
				}
				if err != nil || !bytes.Equal(block, small) {
					t.Errorf("form %d, %s: %v", form, name, err)
				}
			})
		}
		all.Wait()
	}
}

func TestWriterConformance(t *testing.T) {
	var values [][]byte
	for i := range 150 {
		values = append(values, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i*i)))
	}
	for name, tt := range map[string]struct {
		form   compress.Form
		expand func(io.Reader) (io.Reader, error)
	}{
		"gzip": {compress.Gzip, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"zstd": {compress.Zstd, func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }},
	} {
		pool := compress.NewPool(tt.form)
		t.Run(name, func(t *testing.T) {
			connectortest.RunFormatWriter(t, connectortest.FormatWriterHarness{
				Values: values, Refused: [][]byte{nil}, Blocks: true,
				Open: func(t *testing.T, out io.Writer) format.Writer {
					w, err := compress.NewWriter(out, pool, func(out io.Writer) (format.Writer, error) {
						return lines.NewWriter(out, lines.Defaults())
					})
					require.NoError(t, err)
					return w
				},
				Read: func(t *testing.T, stream []byte) (out [][]byte) {
					r, err := tt.expand(bytes.NewReader(stream))
					require.NoError(t, err)
					text, err := io.ReadAll(r)
					require.NoError(t, err)
					for line := range bytes.Lines(text) {
						out = append(out, bytes.TrimSuffix(line, []byte("\n")))
					}
					return out
				},
			})
		})
	}
}

// FuzzExpand holds Z2: any bytes become at most what is allowed, or one of the errors.
func FuzzExpand(f *testing.F) {
	forms := append(written, compress.Bzip2)
	pools := make([]*compress.Pool, len(forms))
	for i, form := range forms {
		pools[i] = compress.NewPool(form)
		if form != compress.Bzip2 {
			small, err := pools[i].Append(nil, []byte(strings.Repeat("text ", 50)))
			require.NoError(f, err)
			f.Add(uint8(i), small)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, in []byte) {
		const sizeMax = 1 << 16
		out, err := pools[int(which)%len(pools)].Expand(nil, in, sizeMax)
		require.LessOrEqual(t, len(out), sizeMax)
		if err != nil {
			require.Empty(t, out)
		}
	})
}
