package jsonschema

import (
	"context"
	"io/fs"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// Name of the functions in job files.
const Name = "json-schema"

// What is done about the keyword format.
const (
	formatsCheck  = "check"
	formatsIgnore = "ignore"
)

// FileOptions say where a schema is.
type FileOptions struct {
	SchemaFile string `toml:"schema_file" path:"file" doc:"file of the schema; it may refer to files beside it"`
	Schema     string `toml:"schema" doc:"the same schema, written here"`
	Formats    string `toml:"formats" doc:"the keyword format: check or ignore"`
}

func (o *FileOptions) source() *registry.Source {
	return &registry.Source{Name: "schema", Text: o.Schema, File: o.SchemaFile}
}

// parser returns what reads a schema with what it refers to.
func (o *FileOptions) parser(ctx context.Context, env connectors.Env) registry.Parse[*schema] {
	return func(text string, needs []registry.Dependency) (*schema, error) {
		return compile(text, o.Formats == formatsCheck, func(name string) (string, error) {
			if found, err := registry.Among(needs, name); err == nil || o.SchemaFile == "" || !fs.ValidPath(name) {
				return found, err
			}
			folder := o.SchemaFile[:strings.LastIndexByte(o.SchemaFile, '/')+1]
			return registry.ReadFile(ctx, env, folder+name)
		})
	}
}

func (o *FileOptions) check(ctx context.Context, env connectors.Env, p *connectors.Problems) {
	parse := o.parser(ctx, env)
	registry.CheckSource(ctx, env, o.source(), p,
		func(text string) (*schema, error) { return parse(text, nil) })
}

// DeserializerOptions configure the deserializer.
type DeserializerOptions struct {
	FileOptions
	Registry registry.Options `toml:"registry"`
}

// NewDeserializerOptions returns the defaults.
func NewDeserializerOptions() *DeserializerOptions {
	return &DeserializerOptions{
		FileOptions: FileOptions{Formats: formatsCheck}, Registry: registry.NewOptions(),
	}
}

// Validate reports every problem.
func (o *DeserializerOptions) Validate(p *connectors.Problems) {
	p.OneOf("formats", o.Formats, formatsCheck, formatsIgnore)
	o.Registry.Validate(p)
	s := o.source()
	s.Validate(p)
	switch {
	case o.Registry.On() && s.Given():
		p.Addf(s.Key(), "the registry knows the schema of a value; leave it out")
	case !o.Registry.On() && !s.Given():
		p.Addf("schema_file", "required without a registry; name the schema of the values")
	}
}

// CheckFiles implements connectors.FileChecker.
func (o *DeserializerOptions) CheckFiles(
	ctx context.Context, env connectors.Env, p *connectors.Problems,
) {
	o.check(ctx, env, p)
}

// CheckConnect implements connectors.Checker.
func (o *DeserializerOptions) CheckConnect(ctx context.Context, env connectors.Env) error {
	return registry.Check(ctx, env, &o.Registry)
}

// SerializerOptions configure the serializer.
type SerializerOptions struct {
	FileOptions
	registry.WriteOptions // those of a registry
}

// NewSerializerOptions returns the defaults.
func NewSerializerOptions() *SerializerOptions {
	return &SerializerOptions{
		FileOptions: FileOptions{Formats: formatsCheck}, WriteOptions: registry.NewWriteOptions(),
	}
}

// Validate reports every problem.
func (o *SerializerOptions) Validate(p *connectors.Problems) {
	p.OneOf("formats", o.Formats, formatsCheck, formatsIgnore)
	s := o.source()
	s.Validate(p)
	o.WriteOptions.Validate(p, s.Given())
	if !s.Given() && o.Registration != registry.Latest {
		p.Addf("schema_file", "required; name the schema that values have to fit")
	}
}

// CheckFiles implements connectors.FileChecker. A schema that refers to others can be read only
// once the registry has told them.
func (o *SerializerOptions) CheckFiles(
	ctx context.Context, env connectors.Env, p *connectors.Problems,
) {
	if len(o.References) == 0 {
		o.check(ctx, env, p)
	}
}

// CheckConnect implements connectors.Checker.
func (o *SerializerOptions) CheckConnect(ctx context.Context, env connectors.Env) error {
	return registry.Check(ctx, env, &o.Registry)
}

var (
	_ connectors.FileChecker = (*DeserializerOptions)(nil)
	_ connectors.FileChecker = (*SerializerOptions)(nil)
	_ connectors.Checker     = (*DeserializerOptions)(nil)
	_ connectors.Checker     = (*SerializerOptions)(nil)
)
