package parquet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// Languages of schemas.
const (
	AvroSchema = "avro"
	JSONSchema = "json-schema"
)

// None is the compression of files that are not compressed.
const None = "none"

const (
	// rowGroupDefault is what readers in parallel take as a unit of work, and small enough that a
	// task can hold one.
	rowGroupDefault = 64 << 20
	// rowGroupMin keeps the index at the end of a file small against the file.
	rowGroupMin = groupBytesMin
	// rowGroupMax is what memory can hold; lengths within a row group have 31 bits.
	rowGroupMax = 1 << 30
)

// Compressions returns what the option Compression may be.
func Compressions() []string { return []string{None, "snappy", "zstd"} }

// codecOf returns the codec of a compression.
func codecOf(compression string) compress.Codec {
	switch compression {
	case "snappy":
		return &snappy.Codec{}
	case "zstd":
		return &zstd.Codec{}
	}
	return &parquet.Uncompressed
}

// Options say what a file looks like.
type Options struct {
	// Values says how JSON becomes values: its schema, Unions and UnknownFields. Its Compression
	// does not matter.
	Values       avro.FileOptions
	SchemaType   string // AvroSchema or JSONSchema
	Compression  string // one of Compressions
	RowGroupSize connectors.Size
}

// NewOptions returns the defaults, which lack a schema.
func NewOptions() Options {
	return Options{
		Values: avro.NewFileOptions(), SchemaType: AvroSchema, Compression: None,
		RowGroupSize: rowGroupDefault,
	}
}

// Validate reports every problem; prefix stands before the keys but those of the schema.
func (o *Options) Validate(p *connectors.Problems, prefix string) {
	o.Values.Validate(p, prefix)
	p.OneOf(prefix+"schema_type", o.SchemaType, AvroSchema, JSONSchema)
	p.OneOf(prefix+"compression", o.Compression, Compressions()...)
	if o.RowGroupSize < rowGroupMin || o.RowGroupSize > rowGroupMax {
		p.Addf(prefix+"row_group_size", "%v is not between %v and %v", o.RowGroupSize,
			connectors.Size(rowGroupMin), connectors.Size(rowGroupMax))
	}
}

// parse reads the text of a schema. Its errors name the file, and the line of what is no JSON.
func (o *Options) parse(text string) (*plan, error) {
	p, err := o.planOf(text)
	if err != nil && o.Values.SchemaFile != "" {
		return nil, fmt.Errorf("%s: %w", o.Values.SchemaFile, err)
	}
	return p, err
}

func (o *Options) planOf(text string) (*plan, error) {
	var syntax *json.SyntaxError
	var anything any
	if err := json.Unmarshal([]byte(text), &anything); errors.As(err, &syntax) {
		before := text[:min(int(syntax.Offset), len(text))]
		return nil, fmt.Errorf("line %d: %w", 1+strings.Count(before, "\n"), err)
	}
	if o.SchemaType == JSONSchema {
		converted, err := fromJSONSchema(text)
		if err != nil {
			return nil, err
		}
		text = converted
	}
	schema, err := avro.ParseSchema(text)
	if err != nil {
		return nil, err
	}
	return newPlan(schema)
}

// Open reads the schema of valid options and returns what makes the writers.
func Open(ctx context.Context, env connectors.Env, o Options) (*Files, error) {
	source := &registry.Source{Name: "schema", Text: o.Values.Schema, File: o.Values.SchemaFile}
	p, _, err := registry.Load(ctx, env, source, o.parse)
	if err != nil {
		return nil, err
	}
	return newFiles(p, o), nil
}
