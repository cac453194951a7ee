package lines

import (
	"slices"

	"github.com/wasmflow/wasmflow/connectors"
)

// Formats.
const (
	Text = "text"
	JSON = "json"
	CSV  = "csv"
)

// When fields of CSV are put in quotes.
const (
	QuoteNeeded  = "needed"
	QuoteStrings = "strings"
	QuoteNever   = "never"
)

// What becomes of a null field of CSV.
const (
	NullsFault = "fault"
	NullsEmpty = "empty"
)

const utf8Name = "UTF-8"

// delimiterBytesMax bounds the delimiters: longer ones are mistakes.
const delimiterBytesMax = 64

// Options say what records look like. The tags are those of a job file.
type Options struct {
	Format    string `toml:"format" doc:"text (the value as it is), json (the value, which must be JSON, on one line) or csv (a row)"`
	Charset   string `toml:"charset" doc:"IANA name; values are UTF-8 and are converted to it"`
	Delimiter string `toml:"delimiter" flink:"writeAsCsv(rowDelimiter)" doc:"follows every record"`

	Columns        []string `toml:"columns" doc:"csv: fields of the value, which then is a JSON object; without, it is a JSON array"`
	FieldDelimiter string   `toml:"field_delimiter" flink:"writeAsCsv(fieldDelimiter)" doc:"csv: stands between fields"`
	Quote          string   `toml:"quote" flink:"CsvOutputFormat.setQuoteStrings" doc:"csv: fields in double quotes: needed (those that hold a delimiter, a quote or a line break), strings (all text) or never"`
	Nulls          string   `toml:"nulls" flink:"CsvOutputFormat.setAllowNullValues" doc:"csv: a null or missing field: fault (the record is refused) or empty"`
}

// Defaults returns lines of UTF-8 text.
func Defaults() Options {
	return Options{
		Format: Text, Charset: utf8Name, Delimiter: "\n",
		FieldDelimiter: ",", Quote: QuoteNeeded, Nulls: NullsFault,
	}
}

// Validate reports every problem; prefix stands before the keys.
func (o Options) Validate(p *connectors.Problems, prefix string) {
	p.OneOf(prefix+"format", o.Format, Text, JSON, CSV)
	p.OneOf(prefix+"quote", o.Quote, QuoteNeeded, QuoteStrings, QuoteNever)
	p.OneOf(prefix+"nulls", o.Nulls, NullsFault, NullsEmpty)
	if len(o.Delimiter) > delimiterBytesMax {
		p.Addf(prefix+"delimiter", "%d bytes are more than %d", len(o.Delimiter), delimiterBytesMax)
	}
	switch n := len(o.FieldDelimiter); {
	case n == 0 || n > delimiterBytesMax:
		p.Addf(prefix+"field_delimiter", "%d bytes are not between 1 and %d", n, delimiterBytesMax)
	case o.FieldDelimiter == `"` || o.FieldDelimiter == o.Delimiter:
		p.Addf(prefix+"field_delimiter", "%q cannot be told from a quote or the end of a row",
			o.FieldDelimiter)
	}
	if len(o.Columns) > 0 && o.Format != CSV {
		p.Addf(prefix+"columns", "only csv has columns; leave it out or write format = \"csv\"")
	}
	if slices.Contains(o.Columns, "") {
		p.Addf(prefix+"columns", "a column has no name")
	}
	if _, err := o.converter(); err != nil {
		p.Addf(prefix+"charset", "%v", err)
	}
}
