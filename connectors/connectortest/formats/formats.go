package formats

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/files"
	"github.com/wasmflow/wasmflow/connectors/format/parquet"
)

// Schema is the Avro schema of the rows.
//
//go:embed everything.avsc
var Schema string

// seed makes the values; any other would do.
const seed = 20

// Rows returns so many rows as JSON, on one line each, with the fields in the order of the schema.
func Rows(n int) [][]byte {
	g := generator{rand.New(rand.NewPCG(seed, seed))}
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = g.row(i)
	}
	return rows
}

// File is a file that was made.
type File struct {
	Name                string
	Format, Compression string
	Joined              bool // of many small ones
}

// Files returns the files that Write makes: for every format with a schema and every compression of
// it one that was written at once, and one that was joined.
func Files() (list []File) {
	for name, compressions := range map[string][]string{
		files.Parquet: parquet.Compressions(), files.Avro: avro.Compressions(),
	} {
		for _, c := range compressions {
			list = append(list,
				File{"everything-" + c + "." + name, name, c, false},
				File{"everything-" + c + "-joined." + name, name, c, true})
		}
	}
	return list
}

// Write writes Files, rows.json and the schema into a folder.
func Write(ctx context.Context, dir string, rows [][]byte) error {
	for name, text := range map[string][]byte{
		"rows.json": append(bytes.Join(rows, []byte("\n")), '\n'), "everything.avsc": []byte(Schema),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	for _, f := range Files() {
		var out bytes.Buffer
		if err := Encode(ctx, &out, f, rows); err != nil {
			return fmt.Errorf("making %s: %w", f.Name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), out.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", f.Name, err)
		}
	}
	return nil
}

const (
	// groupRows is after how many rows a file begins another row group or block.
	groupRows = 1000
	// partRows are the rows of a file that is joined with others.
	partRows = 211
)

// Encode writes rows as one file.
func Encode(ctx context.Context, out io.Writer, f File, rows [][]byte) error {
	o := files.Defaults()
	o.Format, o.Compression = f.Format, f.Compression
	o.SetSchema(Schema, "")
	opener, err := o.Open(ctx, connectors.Env{})
	if err != nil {
		return err
	}
	if !f.Joined {
		return write(opener, out, rows)
	}
	j, err := opener.(format.Joiner).Join(out)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(rows, partRows) {
		var content bytes.Buffer
		if err := write(opener, &content, part); err != nil {
			return err
		}
		if err := j.Add(format.InMemory(content.Bytes())); err != nil {
			return err
		}
	}
	return j.Close()
}

func write(opener format.Opener, out io.Writer, rows [][]byte) error {
	w, err := opener.Open(out)
	if err != nil {
		return err
	}
	for i, row := range rows {
		if err := w.Append(&connectors.Record{Value: row}); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		if (i+1)%groupRows != 0 {
			continue
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return w.Close()
}

// generator makes values.
type generator struct{ *rand.Rand }

// object is a JSON object with its members in order.
type object struct{ bytes.Buffer }

func (o *object) put(name string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a bug of this package
	}
	if o.Len() > 0 {
		o.WriteByte(',')
	}
	fmt.Fprintf(&o.Buffer, "%q:%s", name, text)
}

func (o *object) end() json.RawMessage { return fmt.Appendf(nil, "{%s}", o.Bytes()) }

func (g *generator) row(i int) []byte {
	var o object
	o.put("n", i)
	o.put("boolean", g.IntN(2) == 0)
	o.put("int", int32(g.Uint32()))
	o.put("float", g.float(32))
	o.put("double", g.float(64))
	o.put("bytes", base64.StdEncoding.EncodeToString(g.octets(g.IntN(40))))
	o.put("string", g.word())
	o.put("fixed", base64.StdEncoding.EncodeToString(g.octets(3)))
	o.put("enum", []string{"SPADES", "HEARTS", "CLUBS"}[g.IntN(3)])
	g.times(&o)
	o.put("decimal_7", g.decimal(7, 2))
	o.put("decimal_18", g.decimal(18, 4))
	o.put("decimal_30", g.decimal(30, 10))
	o.put("decimal_38", g.decimal(38, 0))
	id := g.octets(16)
	o.put("uuid", fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]))
	o.put("duration", fmt.Sprintf("P%dM%dDT%d.%03dS", g.IntN(100), g.IntN(1000), g.IntN(100_000),
		g.IntN(1000)))
	o.put("maybe_long", g.maybe(i, int64(g.Uint64())))
	o.put("maybe_string", g.maybe(i, g.word()))
	o.put("maybe_float", g.maybe(i, g.float(32)))
	o.put("maybe_fixed", g.maybe(i, base64.StdEncoding.EncodeToString(g.octets(3))))
	o.put("maybe_micros", g.maybe(i, g.instant(6)+"Z"))
	o.put("maybe_decimal", g.maybe(i, g.decimal(25, 3)))
	g.nested(&o, i)
	return o.end()
}

func (g *generator) times(o *object) {
	o.put("date", g.instant(3)[:len("2006-01-02")])
	o.put("time_millis", g.instant(3)[len("2006-01-02T"):])
	o.put("time_micros", g.instant(6)[len("2006-01-02T"):])
	o.put("millis", g.instant(3)+"Z")
	o.put("micros", g.instant(6)+"Z")
	o.put("nanos", g.instant(9)+"Z")
	o.put("local_millis", g.instant(3))
	o.put("local_micros", g.instant(6))
	o.put("local_nanos", g.instant(9))
}

func (g *generator) nested(o *object, i int) {
	o.put("array", list(g, 4, func() any { return int32(g.Uint32()) }))
	o.put("array_of_maybe", list(g, 4, func() any { return g.maybe(i, g.word()) }))
	o.put("maybe_array", g.maybe(i, list(g, 3, func() any {
		return list(g, 3, func() any { return int64(g.Uint64()) })
	})))
	o.put("map", g.pairs(func() any { return int64(g.Uint64()) }))
	o.put("maybe_map", g.maybe(i, g.pairs(func() any {
		return g.maybe(i, list(g, 3, func() any { return g.word() }))
	})))
	o.put("record", g.inner(i))
	var outer object
	outer.put("inner", g.maybe(i, g.inner(i)))
	outer.put("many", list(g, 3, func() any { return g.inner(i) }))
	o.put("maybe_record", g.maybe(i, outer.end()))
}

func (g *generator) inner(i int) any {
	var o object
	o.put("value", int32(g.Uint32()))
	o.put("word", g.maybe(i, g.word()))
	return o.end()
}

// nullsFrom and nullsUntil are rows in which everything that may be null is: whole pages of nulls.
const nullsFrom, nullsUntil = 1000, 2000

func (g *generator) maybe(i int, value any) any {
	if i >= nullsFrom && i < nullsUntil || g.IntN(3) == 0 {
		return nil
	}
	return value
}

func list(g *generator, most int, item func() any) []any {
	out := []any{}
	for range g.IntN(most) {
		out = append(out, item())
	}
	return out
}

func (g *generator) pairs(value func() any) json.RawMessage {
	var o object
	for i := range g.IntN(4) {
		o.put(fmt.Sprintf("%d %s", i, g.word()), value())
	}
	return o.end()
}

func (g *generator) octets(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(g.Uint32())
	}
	return out
}

// word returns text: from a few words, so that a dictionary pays, or another each time.
func (g *generator) word() string {
	switch g.IntN(4) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%x", g.Uint64())
	}
	return []string{
		"alpha", "beta", "gamma \"quoted\"", "s\u00fc\u00df", "\u65e5\u672c\u8a9e", "line\nbreak",
	}[g.IntN(6)]
}

func (g *generator) float(bits int) any {
	switch g.IntN(20) {
	case 0:
		return "NaN"
	case 1:
		return "Infinity"
	case 2:
		return "-Infinity"
	}
	x := g.NormFloat64() * math.Pow(10, float64(g.IntN(20)-10))
	if bits == 32 {
		return float32(x)
	}
	return x
}

// instant returns a time without a zone, with so many digits of a fraction. 64 bits of nanoseconds
// hold it.
func (g *generator) instant(digits int) string {
	const from, until = -9_000_000_000, 9_000_000_000 // 1684 to 2255
	at := time.Unix(from+g.Int64N(until-from), g.Int64N(1e9)).UTC()
	return at.Format("2006-01-02T15:04:05." + strings.Repeat("0", digits))
}

// decimal returns a number of up to so many digits, of which scale are a fraction.
func (g *generator) decimal(digits, scale int) json.Number {
	var text []byte
	for range scale + 1 + g.IntN(digits-scale) {
		text = append(text, byte('0'+g.IntN(10)))
	}
	whole := strings.TrimLeft(string(text[:len(text)-scale]), "0")
	if whole == "" {
		whole = "0"
	}
	if scale > 0 {
		whole += "." + string(text[len(text)-scale:])
	}
	if g.IntN(2) == 0 && strings.Trim(whole, "0.") != "" {
		whole = "-" + whole
	}
	return json.Number(whole)
}
