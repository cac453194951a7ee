package compress

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Form is what compressed bytes look like.
type Form uint8

// Forms.
const (
	Deflate      Form = iota + 1 // RFC 1951, without a header
	Zlib                         // RFC 1950, which Hadoop calls deflate
	Gzip                         // RFC 1952
	Zstd                         // RFC 8878
	Snappy                       // one block of Snappy
	HadoopSnappy                 // blocks of Snappy behind their lengths, as Hadoop writes them
	Bzip2                        // for reading only
)

const (
	// hadoopChunkBytes is compressed at once in Hadoop's form of Snappy. Its readers have a buffer
	// of 256 KiB, in which what a chunk grows to by the worst luck must fit, too.
	hadoopChunkBytes = 128 << 10
	// zstdWindowBytes is the window of a compressor: blocks are not longer than that by much.
	zstdWindowBytes = 1 << 20
	// zstdWindowMax is the largest window that is read, that of "zstd --long".
	zstdWindowMax = 128 << 20
	// expandStepBytes is by how much the result of Expand grows at first: a length that the bytes
	// claim is no reason to allocate (Z2).
	expandStepBytes = 32 << 10
)

// Errors of Expand.
var (
	// ErrTooLarge is returned for bytes that expand to more than allowed.
	ErrTooLarge = errors.New("it expands to more than is allowed")
	// ErrDamaged is returned for bytes that are not in the form.
	ErrDamaged = errors.New("the compressed bytes are damaged")
)

// Pool compresses and expands blocks of one form. It is safe for concurrent use.
type Pool struct {
	form    Form
	writers sync.Pool // of resetWriter
	zstd    sync.Pool // of *zstd.Decoder
}

// NewPool returns a pool of a form.
func NewPool(form Form) *Pool { return &Pool{form: form} }

// resetWriter is a compressor that can be used again.
type resetWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

// Append appends the compressed form of src to dst, which do not overlap.
func (p *Pool) Append(dst, src []byte) ([]byte, error) {
	switch p.form {
	case Snappy:
		return appendSnappy(dst, src), nil
	case HadoopSnappy:
		return appendHadoop(dst, src), nil
	}
	w, err := p.writer()
	if err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	_, err = w.Write(src)
	if err = errors.Join(err, w.Close()); err != nil {
		return dst, fmt.Errorf("compressing %d bytes: %w", len(src), err)
	}
	p.writers.Put(w)
	return out.Bytes(), nil
}

func (p *Pool) writer() (resetWriter, error) {
	if w, ok := p.writers.Get().(resetWriter); ok {
		return w, nil
	}
	switch p.form {
	case Deflate:
		return flate.NewWriter(nil, flate.DefaultCompression)
	case Zlib:
		return zlib.NewWriter(nil), nil
	case Gzip:
		return gzip.NewWriter(nil), nil
	case Zstd:
		// One goroutine: a task is one thread of work.
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(zstdWindowBytes), zstd.WithLowerEncoderMem(true))
	}
	return nil, fmt.Errorf("form %d cannot be written", p.form)
}

func appendSnappy(dst, src []byte) []byte {
	from := len(dst)
	need := snappy.MaxEncodedLen(len(src))
	dst = append(dst, make([]byte, need)...)
	return dst[:from+len(snappy.Encode(dst[from:], src))]
}

// appendHadoop writes each chunk as a block of its own: raw length, compressed length, bytes. No
// bytes at all are one empty block.
func appendHadoop(dst, src []byte) []byte {
	if len(src) == 0 {
		return binary.BigEndian.AppendUint32(dst, 0)
	}
	for len(src) > 0 {
		n := min(len(src), hadoopChunkBytes)
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = appendSnappy(dst, src[:n])
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
		src = src[n:]
	}
	return dst
}

// Expand appends what src was made of to dst, which do not overlap, if that has at most sizeMax
// bytes. Its errors are ErrTooLarge and ErrDamaged.
func (p *Pool) Expand(dst, src []byte, sizeMax int) ([]byte, error) {
	switch p.form {
	case Snappy:
		return expandSnappy(dst, src, sizeMax)
	case HadoopSnappy:
		return expandHadoop(dst, src, sizeMax)
	case Zstd:
		return p.expandZstd(dst, src, sizeMax)
	}
	in := bytes.NewReader(src)
	from, err := p.reader(in)
	if err != nil {
		return dst, damaged(err)
	}
	out, err := readAll(dst, from, sizeMax)
	if err == nil && in.Len() > 0 {
		return dst, damaged(fmt.Errorf("%d bytes follow the end", in.Len()))
	}
	return out, err
}

func (p *Pool) reader(in *bytes.Reader) (io.Reader, error) {
	switch p.form {
	case Deflate:
		return flate.NewReader(in), nil
	case Zlib:
		return zlib.NewReader(in)
	case Gzip:
		return gzip.NewReader(in)
	case Bzip2:
		return bzip2.NewReader(in), nil
	}
	return nil, fmt.Errorf("form %d cannot be read", p.form)
}

func (p *Pool) expandZstd(dst, src []byte, sizeMax int) ([]byte, error) {
	d, ok := p.zstd.Get().(*zstd.Decoder)
	if !ok {
		var err error
		d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(zstdWindowMax), zstd.WithDecoderLowmem(true))
		if err != nil {
			return dst, err
		}
	}
	err := d.Reset(bytes.NewReader(src))
	if err == nil {
		dst, err = readAll(dst, d, sizeMax)
	} else {
		err = damaged(err)
	}
	p.zstd.Put(d)
	return dst, err
}

// readAll appends all of in to dst.
func readAll(dst []byte, in io.Reader, sizeMax int) ([]byte, error) {
	begin := len(dst)
	for {
		if len(dst) == cap(dst) {
			grown := make([]byte, len(dst), 2*len(dst)+expandStepBytes)
			copy(grown, dst)
			dst = grown
		}
		// One byte more than allowed tells that there is more.
		room := min(cap(dst)-len(dst), sizeMax+1-(len(dst)-begin))
		n, err := in.Read(dst[len(dst) : len(dst)+room])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst)-begin > sizeMax:
			return dst[:begin], fmt.Errorf("%w: %d bytes", ErrTooLarge, sizeMax)
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst[:begin], damaged(err)
		}
	}
}

func expandSnappy(dst, src []byte, sizeMax int) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	// Three bytes of Snappy make at most 64, so a length beyond that is a lie (Z2).
	switch {
	case err != nil:
		return dst, damaged(err)
	case n > sizeMax:
		return dst, fmt.Errorf("%w: %d bytes", ErrTooLarge, sizeMax)
	case n/32 > len(src):
		return dst, damaged(fmt.Errorf("%d bytes cannot become %d", len(src), n))
	}
	from := len(dst)
	dst = append(dst, make([]byte, n)...)
	if _, err := snappy.Decode(dst[from:], src); err != nil {
		return dst[:from], damaged(err)
	}
	return dst, nil
}

func expandHadoop(dst, src []byte, sizeMax int) ([]byte, error) {
	begin := len(dst)
	for len(src) > 0 {
		raw, rest, err := length(src)
		if err != nil {
			return dst[:begin], err
		}
		src = rest
		block := len(dst) + raw
		if block-begin > sizeMax {
			return dst[:begin], fmt.Errorf("%w: %d bytes", ErrTooLarge, sizeMax)
		}
		for len(dst) < block {
			n, rest, err := length(src)
			if err == nil && n > len(rest) {
				err = damaged(io.ErrUnexpectedEOF)
			}
			before := len(dst)
			if err == nil {
				dst, err = expandSnappy(dst, rest[:n], block-before)
			}
			if err == nil && len(dst) == before {
				err = damaged(errors.New("a chunk is empty"))
			}
			if err != nil {
				return dst[:begin], err
			}
			src = rest[n:]
		}
	}
	return dst, nil
}

func length(src []byte) (n int, rest []byte, err error) {
	if len(src) < 4 {
		return 0, nil, damaged(io.ErrUnexpectedEOF)
	}
	v := binary.BigEndian.Uint32(src)
	if v > 1<<31-1 {
		return 0, nil, damaged(errors.New("a length is negative"))
	}
	return int(v), src[4:], nil
}

func damaged(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}
