package avro

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/valyala/fastjson"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/compress"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

const (
	containerMagic = "Obj\x01"
	// syncBytes is the length of a sync marker.
	syncBytes = 16
	// blockBytes is from how many bytes on Java's writer ends a block.
	blockBytes = 64_000
	// containerNone is the compression of a file that has none.
	containerNone = "none"
	// snappySumBytes is the length of the checksum behind a block of Snappy.
	snappySumBytes = 4
)

// containerCodec is a codec of object container files.
type containerCodec struct {
	name, avro string // in job files and in files
	form       compress.Form
}

// containerCodecs returns the table of codecs.
func containerCodecs() []containerCodec {
	return []containerCodec{
		{containerNone, "null", 0}, {"deflate", "deflate", compress.Deflate},
		{"snappy", "snappy", compress.Snappy}, {"zstd", "zstandard", compress.Zstd},
	}
}

// Compressions returns the compressions of object container files.
func Compressions() (names []string) {
	for _, c := range containerCodecs() {
		names = append(names, c.name)
	}
	return names
}

// FileOptions say what an object container file looks like.
type FileOptions struct {
	Schema, SchemaFile    string // one of them
	Unions, UnknownFields string // as in SerializerOptions
	Compression           string // one of Compressions
}

// NewFileOptions returns the defaults, which lack a schema.
func NewFileOptions() FileOptions {
	o := NewSerializerOptions()
	return FileOptions{
		Unions: o.Unions, UnknownFields: o.UnknownFields, Compression: containerNone,
	}
}

func (o *FileOptions) source() *registry.Source {
	return &registry.Source{Name: "schema", Text: o.Schema, File: o.SchemaFile}
}

// Validate reports every problem; prefix stands before the keys but those of the schema.
func (o *FileOptions) Validate(p *connectors.Problems, prefix string) {
	p.OneOf(prefix+"unions", o.Unions, unionsPlain, unionsTagged)
	p.OneOf(prefix+"unknown_fields", o.UnknownFields, unknownFail, unknownDrop)
	p.OneOf(prefix+"compression", o.Compression, Compressions()...)
	s := o.source()
	s.Validate(p)
	if !s.Given() {
		p.Addf("schema_file", "required; name the schema to write values with")
	}
}

// Files makes writers of object container files of one schema. It is safe for concurrent use.
type Files struct {
	schema *schema
	head   []byte // of a file, up to the sync marker
	codec  containerCodec
	pool   *compress.Pool // nil without compression
	tagged bool
	drop   bool
	random io.Reader // of sync markers
}

// OpenFiles reads the schema of valid options.
func OpenFiles(ctx context.Context, env connectors.Env, o FileOptions) (*Files, error) {
	parsed, text, err := registry.Load(ctx, env, o.source(), parseAlone)
	if err != nil {
		return nil, err
	}
	f := &Files{
		schema: parsed, tagged: o.Unions == unionsTagged, drop: o.UnknownFields == unknownDrop,
		random: rand.Reader,
	}
	for _, c := range containerCodecs() {
		if c.name == o.Compression {
			f.codec = c
		}
	}
	if f.codec.form != 0 {
		f.pool = compress.NewPool(f.codec.form)
	}
	f.head = append(f.head, containerMagic...)
	f.head = binary.AppendVarint(f.head, 2) // pairs of the map
	for _, s := range []string{"avro.codec", f.codec.avro, "avro.schema", text} {
		f.head = append(binary.AppendVarint(f.head, int64(len(s))), s...)
	}
	f.head = binary.AppendVarint(f.head, 0) // end of the map
	return f, nil
}

// Open implements format.Opener.
func (f *Files) Open(out io.Writer) (format.Writer, error) {
	w := &fileWriter{files: f, e: encoder{tagged: f.tagged, drop: f.drop}}
	var err error
	if w.Stream, w.sync, err = f.begin(out); err != nil {
		return nil, err
	}
	return w, nil
}

// begin writes the header of a file.
func (f *Files) begin(out io.Writer) (s *format.Stream, sync [syncBytes]byte, err error) {
	if _, err := io.ReadFull(f.random, sync[:]); err != nil {
		return nil, sync, fmt.Errorf("making a sync marker: %w", err)
	}
	s = format.NewStream(out)
	buf, err := s.Begin()
	if err == nil {
		err = s.End(append(append(buf, f.head...), sync[:]...))
	}
	return s, sync, err
}

// fileWriter writes an object container file. The records of a block gather in e.out.
type fileWriter struct {
	*format.Stream
	files      *Files
	sync       [syncBytes]byte
	parser     fastjson.Parser
	e          encoder
	records    int
	compressed []byte
}

// errNull is the refusal of a record without a value.
var errNull = errors.New("the value is null; a file of Avro holds values only")

// Append implements format.Writer.
func (w *fileWriter) Append(r *connectors.Record) error {
	if _, err := w.Begin(); err != nil {
		return err
	}
	if r.Value == nil {
		return &format.Refusal{Err: errNull}
	}
	begin := len(w.e.out)
	if err := w.e.json(&w.parser, w.files.schema, r.Value); err != nil {
		w.e.out = w.e.out[:begin]
		return &format.Refusal{Err: err}
	}
	if w.records++; len(w.e.out) < blockBytes {
		return nil
	}
	return w.endBlock()
}

// Flush implements format.Writer. It ends a block.
func (w *fileWriter) Flush() error {
	if err := w.endBlock(); err != nil {
		return err
	}
	return w.Stream.Flush()
}

// Close implements format.Writer.
func (w *fileWriter) Close() error {
	if err := w.endBlock(); err != nil {
		return err
	}
	return w.Stream.Close()
}

func (w *fileWriter) endBlock() error {
	if w.records == 0 {
		return nil
	}
	buf, err := w.Begin()
	if err != nil {
		return err
	}
	block := w.e.out
	if w.files.pool != nil {
		if w.compressed, err = w.files.pool.Append(w.compressed[:0], block); err != nil {
			return fmt.Errorf("ending a block: %w", err)
		}
		if w.files.codec.form == compress.Snappy {
			w.compressed = binary.BigEndian.AppendUint32(w.compressed, crc32.ChecksumIEEE(block))
		}
		block = w.compressed
	}
	buf = binary.AppendVarint(buf, int64(w.records))
	buf = binary.AppendVarint(buf, int64(len(block)))
	buf = append(append(buf, block...), w.sync[:]...)
	w.e.out, w.records = w.e.out[:0], 0
	return w.End(buf)
}

var (
	_ format.Opener = (*Files)(nil)
	_ format.Writer = (*fileWriter)(nil)
)
