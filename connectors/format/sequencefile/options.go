package sequencefile

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/compress"
)

// What is compressed at once.
const (
	ByRecord = "record"
	ByBlock  = "block"
)

// None is the compression of a file that has none.
const None = "none"

// codec is a codec of Hadoop. Its name in job files is empty for one that can be read only.
type codec struct {
	name, java string
	form       compress.Form
}

// codecs returns the table of codecs.
func codecs() []codec {
	const java = "org.apache.hadoop.io.compress."
	return []codec{
		{"deflate", java + "DefaultCodec", compress.Zlib},
		{"gzip", java + "GzipCodec", compress.Gzip},
		{"snappy", java + "SnappyCodec", compress.HadoopSnappy},
		{"zstd", java + "ZStandardCodec", compress.Zstd},
		{"", java + "DeflateCodec", compress.Zlib},
		{"", java + "BZip2Codec", compress.Bzip2},
	}
}

func codecOf(is func(codec) bool) (codec, bool) {
	for _, c := range codecs() {
		if is(c) {
			return c, true
		}
	}
	return codec{}, false
}

// Compressions returns what the option Compression may be.
func Compressions() []string {
	names := []string{None}
	for _, c := range codecs() {
		if c.name != "" {
			names = append(names, c.name)
		}
	}
	return names
}

// Options say what a file looks like.
type Options struct {
	KeyClass, ValueClass string // one of Classes
	Compression          string // one of Compressions
	CompressBy           string // ByRecord or ByBlock; without compression it does not matter
}

// Defaults returns uncompressed files of text without keys.
func Defaults() Options {
	return Options{KeyClass: Null, ValueClass: Text, Compression: None, CompressBy: ByBlock}
}

// Validate reports every problem; prefix stands before the keys.
func (o Options) Validate(p *connectors.Problems, prefix string) {
	p.OneOf(prefix+"key_class", o.KeyClass, Classes()...)
	p.OneOf(prefix+"value_class", o.ValueClass, Classes()...)
	p.OneOf(prefix+"compression", o.Compression, Compressions()...)
	p.OneOf(prefix+"compress_by", o.CompressBy, ByRecord, ByBlock)
}

// Format makes writers of files that look alike. It is safe for concurrent use.
type Format struct {
	key, value class
	codec      codec
	pool       *compress.Pool // nil without compression
	block      bool
	random     io.Reader // of sync markers
}

// New returns the format of valid options.
func New(o Options) (*Format, error) {
	f := &Format{random: rand.Reader}
	var keyKnown, valueKnown bool
	f.key, keyKnown = classOf(func(c class) bool { return c.name == o.KeyClass })
	f.value, valueKnown = classOf(func(c class) bool { return c.name == o.ValueClass })
	if !keyKnown || !valueKnown {
		return nil, fmt.Errorf("making a SequenceFile of %s and %s: a class is not known",
			o.KeyClass, o.ValueClass)
	}
	if o.Compression == None {
		return f, nil
	}
	var known bool
	f.codec, known = codecOf(func(c codec) bool { return c.name != "" && c.name == o.Compression })
	if !known {
		return nil, fmt.Errorf("making a SequenceFile: compression %q is not known", o.Compression)
	}
	f.pool, f.block = compress.NewPool(f.codec.form), o.CompressBy == ByBlock
	return f, nil
}

// Open implements format.Opener.
func (f *Format) Open(out io.Writer) (format.Writer, error) {
	w, err := f.begin(out)
	if err != nil {
		return nil, err
	}
	if f.block {
		return &blockWriter{writer: w}, nil
	}
	return w, nil
}

// begin writes the header of a file.
func (f *Format) begin(out io.Writer) (*writer, error) {
	w := &writer{format: f, Stream: format.NewStream(out)}
	if _, err := io.ReadFull(f.random, w.sync[:]); err != nil {
		return nil, fmt.Errorf("making a sync marker: %w", err)
	}
	buf, err := w.Begin()
	if err == nil {
		err = w.End(append(f.appendHead(buf), w.sync[:]...))
	}
	return w, err
}

var _ format.Opener = (*Format)(nil)
