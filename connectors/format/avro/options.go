package avro

import (
	"context"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// Name of the functions in job files.
const Name = "avro"

// Forms of a union in JSON.
const (
	unionsPlain  = "plain"
	unionsTagged = "tagged"
)

// What becomes of fields that a schema lacks.
const (
	unknownFail = "fail"
	unknownDrop = "drop"
)

// DeserializerOptions configure the deserializer.
type DeserializerOptions struct {
	SchemaFile       string           `toml:"schema_file" path:"file" doc:"file of the schema that values were written with; not with registry, which knows it" flink:"AvroDeserializationSchema.forGeneric"`
	Schema           string           `toml:"schema" doc:"the same schema, written here"`
	ReaderSchemaFile string           `toml:"reader_schema_file" path:"file" doc:"file of the schema to read values as: fields it lacks are left out, those only it has take their defaults. By default values are read as they were written." flink:"ConfluentRegistryAvroDeserializationSchema.forGeneric"`
	ReaderSchema     string           `toml:"reader_schema" doc:"the same schema, written here"`
	Unions           string           `toml:"unions" doc:"plain (the value alone) or tagged ({ branch = value }, as in Avro's JSON encoding)"`
	Registry         registry.Options `toml:"registry"`
}

// NewDeserializerOptions returns the defaults.
func NewDeserializerOptions() *DeserializerOptions {
	return &DeserializerOptions{Unions: unionsPlain, Registry: registry.NewOptions()}
}

func (o *DeserializerOptions) writer() *registry.Source {
	return &registry.Source{Name: "schema", Text: o.Schema, File: o.SchemaFile}
}

func (o *DeserializerOptions) reader() *registry.Source {
	return &registry.Source{Name: "reader_schema", Text: o.ReaderSchema, File: o.ReaderSchemaFile}
}

// Validate reports every problem.
func (o *DeserializerOptions) Validate(p *connectors.Problems) {
	p.OneOf("unions", o.Unions, unionsPlain, unionsTagged)
	o.Registry.Validate(p)
	writer := o.writer()
	writer.Validate(p)
	o.reader().Validate(p)
	switch {
	case o.Registry.On() && writer.Given():
		p.Addf(writer.Key(), "the registry knows what a value was written with; "+
			"leave it out, or name it reader_schema")
	case !o.Registry.On() && !writer.Given():
		p.Addf("schema_file", "required without a registry; name the schema of the values")
	}
}

// CheckFiles implements connectors.FileChecker.
func (o *DeserializerOptions) CheckFiles(
	ctx context.Context, env connectors.Env, p *connectors.Problems,
) {
	w, haveWriter := registry.CheckSource(ctx, env, o.writer(), p, parseAlone)
	r, haveReader := registry.CheckSource(ctx, env, o.reader(), p, parseAlone)
	if !haveWriter || !haveReader {
		return
	}
	if _, err := resolve(w, r, false); err != nil {
		p.Addf(o.reader().Key(), "%v; change one of the two schemas", err)
	}
}

// CheckConnect implements connectors.Checker.
func (o *DeserializerOptions) CheckConnect(ctx context.Context, env connectors.Env) error {
	return registry.Check(ctx, env, &o.Registry)
}

// SerializerOptions configure the serializer.
type SerializerOptions struct {
	SchemaFile            string `toml:"schema_file" path:"file" doc:"file of the schema to write values with"`
	Schema                string `toml:"schema" doc:"the same schema, written here"`
	Unions                string `toml:"unions" doc:"plain (the first branch that a value fits) or tagged ({ branch = value }, as in Avro's JSON encoding)"`
	UnknownFields         string `toml:"unknown_fields" doc:"fields that the schema lacks: fail (the record is a fault) or drop"`
	registry.WriteOptions        // those of a registry
}

// NewSerializerOptions returns the defaults.
func NewSerializerOptions() *SerializerOptions {
	return &SerializerOptions{
		Unions: unionsPlain, UnknownFields: unknownFail, WriteOptions: registry.NewWriteOptions(),
	}
}

func (o *SerializerOptions) source() *registry.Source {
	return &registry.Source{Name: "schema", Text: o.Schema, File: o.SchemaFile}
}

// Validate reports every problem.
func (o *SerializerOptions) Validate(p *connectors.Problems) {
	p.OneOf("unions", o.Unions, unionsPlain, unionsTagged)
	p.OneOf("unknown_fields", o.UnknownFields, unknownFail, unknownDrop)
	s := o.source()
	s.Validate(p)
	o.WriteOptions.Validate(p, s.Given())
	if !s.Given() && o.Registration != registry.Latest {
		p.Addf("schema_file", "required; name the schema to write values with")
	}
}

// CheckFiles implements connectors.FileChecker. A schema that refers to others can be read only
// once the registry has told them.
func (o *SerializerOptions) CheckFiles(
	ctx context.Context, env connectors.Env, p *connectors.Problems,
) {
	if len(o.References) == 0 {
		registry.CheckSource(ctx, env, o.source(), p, parseAlone)
	}
}

// CheckConnect implements connectors.Checker.
func (o *SerializerOptions) CheckConnect(ctx context.Context, env connectors.Env) error {
	return registry.Check(ctx, env, &o.Registry)
}

// parseAlone reads a schema that refers to no other.
func parseAlone(text string) (*schema, error) { return parse(text, nil) }

var (
	_ connectors.FileChecker = (*DeserializerOptions)(nil)
	_ connectors.FileChecker = (*SerializerOptions)(nil)
	_ connectors.Checker     = (*DeserializerOptions)(nil)
	_ connectors.Checker     = (*SerializerOptions)(nil)
)
