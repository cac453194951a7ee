package files

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/wasmflow/wasmflow/connectors/format/lines"
)

// formBytes is how much of a digest names a form: two forms of one sink never meet in it.
const formBytes = 8

// errMarks is why files that begin by saying what they are stay apart.
var errMarks = errors.New("a file of it begins with a header and has marks of its own, so " +
	"files behind one another are no file")

// Joinable tells why files of this format, one behind the other, are not a file of it that holds
// the records of both; nil is that they are. Lines are, and so are members of gzip and frames of
// zstd.
func (o *Options) Joinable() error {
	r, _ := o.row()
	if r.lines == "" {
		return fmt.Errorf("%s: %w", o.Format, errMarks)
	}
	if wide := strings.ToUpper(o.Lines.Charset); strings.HasPrefix(wide, "UTF-16") ||
		strings.HasPrefix(wide, "UTF-32") {
		return fmt.Errorf("charset %s: a file of it begins with a mark for the order of bytes, which "+
			"must not stand in the middle of one", o.Lines.Charset)
	}
	return nil
}

// Form names what makes files joinable with one another: files of one form hold the same kind of
// lines in the same way.
func (o *Options) Form() string {
	r, _ := o.row()
	text, err := json.Marshal(struct {
		Compression string
		Lines       lines.Options
	}{o.Compression, o.lines(r)})
	if err != nil {
		panic(fmt.Sprintf("files: %v", err)) // options are text
	}
	sum := sha256.Sum256(text)
	return o.Format + "-" + hex.EncodeToString(sum[:formBytes])
}
