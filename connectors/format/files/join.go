package files

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/lines"
)

const (
	// formBytes is how much of a digest names a form: two forms of one sink never meet in it.
	formBytes = 8
	// joinBufferBytes is what lines are copied by: one request to a data node.
	joinBufferBytes = 256 << 10
)

// Joinable tells why files of this format cannot become one; nil is that what Open returns is a
// format.Joiner.
func (o *Options) Joinable() error {
	wide := strings.ToUpper(o.Lines.Charset)
	if r, _ := o.row(); r.lines != "" &&
		(strings.HasPrefix(wide, "UTF-16") || strings.HasPrefix(wide, "UTF-32")) {
		return fmt.Errorf("charset %s: a file of it begins with a mark for the order of bytes, which "+
			"must not stand in the middle of one", o.Lines.Charset)
	}
	return nil
}

// Rejoins tells that joined files are decoded and encoded again, which takes many times as long as
// to copy them.
func (o *Options) Rejoins() bool { return o.Format == Parquet }

// Form names the kind of files that j joins: files of one form may become one.
func (o *Options) Form(j format.Joiner) string {
	sum := sha256.Sum256(j.Kind())
	return o.Format + "-" + hex.EncodeToString(sum[:formBytes])
}

// Kind implements format.Joiner: how lines are written and compressed.
func (t *text) Kind() []byte {
	kind, err := json.Marshal(struct {
		Compression string
		Lines       lines.Options
	}{t.compression, t.options})
	if err != nil {
		panic(fmt.Sprintf("files: %v", err)) // options are text
	}
	return kind
}

// Join implements format.Joiner. Lines behind lines are lines, and so are members of gzip and
// frames of zstd.
func (t *text) Join(out io.Writer) (format.Joining, error) {
	return &joining{out: out, buffer: make([]byte, joinBufferBytes)}, nil
}

// joining copies files of lines as they are.
type joining struct {
	out    io.Writer
	buffer []byte
}

// Add implements format.Joining.
func (j *joining) Add(in format.File) error {
	// Only readers and writers that do not copy by themselves use the buffer.
	_, err := io.CopyBuffer(struct{ io.Writer }{j.out}, struct{ io.Reader }{in}, j.buffer)
	return err
}

// Close implements format.Joining.
func (j *joining) Close() error { return nil }

var (
	_ format.Joiner  = (*text)(nil)
	_ format.Joining = (*joining)(nil)
)
