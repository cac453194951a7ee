package file

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

const (
	// compressedReadBytes is read from the file at once below a decompressor.
	compressedReadBytes = 128 << 10
	// zstdWindowMax is the largest window of a .zst file, that of "zstd --long".
	zstdWindowMax = 128 << 20
	// xzDictMax is the largest dictionary of an .xz file, that of "xz -9".
	xzDictMax = 64 << 20
)

// codecOf returns the extension that says how the file is compressed, or "".
func codecOf(p string) string {
	switch ext := strings.ToLower(path.Ext(p)); ext {
	case ".gz", ".gzip", ".bz2", ".xz", ".zst", ".deflate":
		return ext
	default:
		return ""
	}
}

// decompress wraps file in what the extension calls for. Closing the result closes file.
func decompress(codec string, file io.ReadCloser) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(file, compressedReadBytes)
	out := &stream{file: file}
	var err error
	switch codec {
	case ".gz", ".gzip":
		out.Reader, err = gzip.NewReader(in)
	case ".bz2":
		out.Reader = bzip2.NewReader(in)
	case ".xz":
		out.Reader, err = xz.ReaderConfig{DictCap: xzDictMax}.NewReader(in)
	case ".zst":
		var d *zstd.Decoder
		// One goroutine: a task is one thread of work, and the others decode their own files.
		d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err == nil {
			out.Reader, out.release = d, d.Close
		}
	case ".deflate":
		out.Reader, err = inflate(in)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return out, nil
}

// inflate reads zlib streams, which is what Hadoop calls deflate, and bare deflate ones.
func inflate(in *bufio.Reader) (io.Reader, error) {
	head, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	const methodDeflate, headerModulus = 8, 31 // RFC 1950
	if len(head) == 2 && head[0]&0x0f == methodDeflate &&
		(int(head[0])<<8|int(head[1]))%headerModulus == 0 {
		return zlib.NewReader(in)
	}
	return flate.NewReader(in), nil
}

// stream is a decompressor and the file below it.
type stream struct {
	io.Reader
	release func() // nil when the decompressor holds nothing
	file    io.Closer
}

func (s *stream) Close() error {
	if s.release != nil {
		s.release()
	}
	return s.file.Close()
}
