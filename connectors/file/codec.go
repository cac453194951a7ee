package file

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
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

// decompress wraps file in what the extension calls for. Closing the result closes file. What is
// wrong with the data is an ErrDamaged, what is wrong with reading it is not.
func decompress(codec string, file io.ReadCloser) (io.ReadCloser, error) {
	out := &stream{codec: codec, file: file}
	out.in = bufio.NewReaderSize(rawFile{out}, compressedReadBytes)
	// An empty file is what a compressor leaves that was stopped: none makes one.
	_, err := out.in.Peek(1)
	if err == nil {
		err = out.start(out.in)
	}
	if err != nil {
		return nil, errors.Join(out.fault(err), file.Close())
	}
	return out, nil
}

// errSurplus is what is wrong with a file that goes on behind its stream.
var errSurplus = errors.New("other bytes follow its end")

// stream is a decompressor and the file below it.
type stream struct {
	codec   string
	in      *bufio.Reader
	from    io.Reader // the decompressor
	release func()    // nil when the decompressor holds nothing
	file    io.ReadCloser
	fileErr error // of reading the file, but io.EOF
}

// start makes the decompressor. It may read a header.
func (s *stream) start(in *bufio.Reader) (err error) {
	switch s.codec {
	case ".gz", ".gzip":
		s.from, err = gzip.NewReader(in)
	case ".bz2":
		s.from = bzip2.NewReader(in)
	case ".xz":
		s.from, err = xz.ReaderConfig{DictCap: xzDictMax}.NewReader(in)
	case ".zst":
		var d *zstd.Decoder
		// One goroutine: a task is one thread of work, and the others decode their own files.
		d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err == nil {
			s.from, s.release = d, d.Close
		}
	case ".deflate":
		s.from, err = inflate(in)
	}
	return err
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err == nil {
		return n, nil
	}
	if isEnd(err) { // a deflate stream ends by itself, whatever comes after it
		if _, after := s.in.Peek(1); after == nil {
			err = errSurplus
		} else if isEnd(after) {
			return n, io.EOF
		}
	}
	return n, s.fault(err)
}

// fault tells an error of the data from one of reading the file, which a restart may mend.
func (s *stream) fault(err error) error {
	if s.fileErr != nil {
		return s.fileErr
	}
	what := err.Error()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		what = "it ends early"
	}
	return fmt.Errorf("%w: no valid %s data: %s; put a whole file in its place, name it without "+
		"%[2]s if it is not compressed, or leave it out with the key exclude", ErrDamaged,
		s.codec, what)
}

// Close closes the file.
func (s *stream) Close() error {
	if s.release != nil {
		s.release()
	}
	return s.file.Close()
}

// rawFile is what the decompressor reads from. It notes errors of the file, because decompressors
// do not all hand them on as they are.
type rawFile struct{ *stream }

func (r rawFile) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	if err != nil && !isEnd(err) {
		r.fileErr = err
	}
	return n, err
}

// isEnd reports whether err is the plain end of a stream; some decompressors wrap io.EOF when the
// end comes too early.
func isEnd(err error) bool { return err == io.EOF }

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
