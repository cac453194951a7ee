package avro

import (
	"context"
	"errors"

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

// Validate reports every problem.
func (o *DeserializerOptions) Validate(p *connectors.Problems) {
	p.OneOf("unions", o.Unions, unionsPlain, unionsTagged)
	o.Registry.Validate(p)
	writer := source{"schema", o.Schema, o.SchemaFile}
	writer.validate(p)
	(&source{"reader_schema", o.ReaderSchema, o.ReaderSchemaFile}).validate(p)
	switch {
	case o.Registry.On() && writer.given():
		p.Addf(writer.key(), "the registry knows what a value was written with; "+
			"leave it out, or name it reader_schema")
	case !o.Registry.On() && !writer.given():
		p.Addf("schema_file", "required without a registry; name the schema of the values")
	}
}

// CheckFiles implements connectors.FileChecker.
func (o *DeserializerOptions) CheckFiles(
	ctx context.Context, env connectors.Env, p *connectors.Problems,
) {
	writer := source{"schema", o.Schema, o.SchemaFile}
	reader := source{"reader_schema", o.ReaderSchema, o.ReaderSchemaFile}
	w, r := writer.check(ctx, env, p), reader.check(ctx, env, p)
	if w == nil || r == nil {
		return
	}
	if _, err := resolve(w, r, false); err != nil {
		p.Addf(reader.key(), "%v; change one of the two schemas", err)
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

func (o *SerializerOptions) source() *source { return &source{"schema", o.Schema, o.SchemaFile} }

// Validate reports every problem.
func (o *SerializerOptions) Validate(p *connectors.Problems) {
	p.OneOf("unions", o.Unions, unionsPlain, unionsTagged)
	p.OneOf("unknown_fields", o.UnknownFields, unknownFail, unknownDrop)
	s := o.source()
	s.validate(p)
	o.WriteOptions.Validate(p, s.given())
	if !s.given() && o.Registration != registry.Latest {
		p.Addf("schema_file", "required; name the schema to write values with")
	}
}

// CheckFiles implements connectors.FileChecker. A schema that refers to others can be read only
// once the registry has told them.
func (o *SerializerOptions) CheckFiles(
	ctx context.Context, env connectors.Env, p *connectors.Problems,
) {
	if len(o.References) == 0 {
		o.source().check(ctx, env, p)
	}
}

// CheckConnect implements connectors.Checker.
func (o *SerializerOptions) CheckConnect(ctx context.Context, env connectors.Env) error {
	return registry.Check(ctx, env, &o.Registry)
}

// source is a schema in the job file or in a file of its own.
type source struct{ name, text, file string }

func (s *source) given() bool { return s.text != "" || s.file != "" }

// key returns the key that gives the schema.
func (s *source) key() string {
	if s.file != "" {
		return s.name + "_file"
	}
	return s.name
}

func (s *source) validate(p *connectors.Problems) {
	if s.text != "" && s.file != "" {
		p.Addf(s.name, "not together with %s_file; leave one of them out", s.name)
	}
}

// check reads and parses the schema, and reports what is wrong with it. It returns nil when
// nothing is given or anything is wrong.
func (s *source) check(ctx context.Context, env connectors.Env, p *connectors.Problems) *schema {
	if !s.given() {
		return nil
	}
	text, err := s.read(ctx, env)
	if err != nil {
		p.Addf(s.key(), "%v; name a file of an Avro schema", err)
		return nil
	}
	out, err := parse(text, nil)
	if err != nil {
		p.Addf(s.key(), "%v; correct it", err)
		return nil
	}
	return out
}

func (s *source) read(ctx context.Context, env connectors.Env) (string, error) {
	if s.file == "" {
		return s.text, nil
	}
	return registry.ReadSchema(ctx, env, s.file)
}

// load returns the schema, or nil when none is given.
func (s *source) load(ctx context.Context, env connectors.Env, needs []registry.Dependency,
) (*schema, string, error) {
	if !s.given() {
		return nil, "", nil
	}
	text, err := s.read(ctx, env)
	if err != nil {
		return nil, "", connectors.Permanent(errors.Join(errors.New("reading "+s.key()), err))
	}
	out, err := parse(text, needs)
	if err != nil {
		return nil, "", connectors.Permanent(err)
	}
	return out, text, nil
}

var (
	_ connectors.FileChecker = (*DeserializerOptions)(nil)
	_ connectors.FileChecker = (*SerializerOptions)(nil)
	_ connectors.Checker     = (*DeserializerOptions)(nil)
	_ connectors.Checker     = (*SerializerOptions)(nil)
)
