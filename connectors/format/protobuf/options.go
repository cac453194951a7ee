package protobuf

import (
	"context"
	"io/fs"
	"path"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// Name of the functions in job files.
const Name = "protobuf"

// Names of fields in JSON.
const (
	namesJSON  = "json"
	namesProto = "proto"
)

// What becomes of fields that have their default value.
const (
	defaultsOmit = "omit"
	defaultsEmit = "emit"
)

// What becomes of fields that a message lacks.
const (
	unknownFail = "fail"
	unknownDrop = "drop"
)

// FileOptions say where a schema is.
type FileOptions struct {
	SchemaFile string   `toml:"schema_file" path:"file" doc:"a .proto file, or a set of descriptors that protoc wrote with --include_imports --descriptor_set_out"`
	Schema     string   `toml:"schema" doc:"the text of a .proto file, written here"`
	Imports    []string `toml:"imports" path:"file" doc:"folders of what a .proto file imports; Google's own files are known"`
	Message    string   `toml:"message" doc:"full name of the message; may be left out when the file has only one"`
}

func (o *FileOptions) source() *registry.Source {
	return &registry.Source{Name: "schema", Text: o.Schema, File: o.SchemaFile}
}

// parser returns what reads a schema with its imports, from files and from what a registry names.
func (o *FileOptions) parser(ctx context.Context, env connectors.Env) registry.Parse[*message] {
	return func(text string, needs []registry.Dependency) (*message, error) {
		var s *schema
		var err error
		if o.SchemaFile != "" && !strings.HasSuffix(o.SchemaFile, ".proto") {
			s, err = fromSet(text)
		} else {
			s, err = compile(o.name(), text, func(name string) (string, error) {
				return o.find(ctx, env, needs, name)
			})
		}
		if err != nil {
			return nil, err
		}
		return s.named(o.Message)
	}
}

func (o *FileOptions) check(ctx context.Context, env connectors.Env, p *connectors.Problems) {
	parse := o.parser(ctx, env)
	registry.CheckSource(ctx, env, o.source(), p,
		func(text string) (*message, error) { return parse(text, nil) })
}

// name returns what the schema is called in messages.
func (o *FileOptions) name() string {
	if o.SchemaFile == "" {
		return sourceName
	}
	return path.Base(o.SchemaFile)
}

func (o *FileOptions) find(ctx context.Context, env connectors.Env, needs []registry.Dependency,
	name string,
) (string, error) {
	if text, err := registry.Among(needs, name); err == nil {
		return text, nil
	}
	if !fs.ValidPath(name) {
		return "", fs.ErrNotExist
	}
	for _, folder := range o.Imports {
		if text, err := registry.ReadFile(ctx, env, folder+"/"+name); err == nil {
			return text, nil
		}
	}
	return "", fs.ErrNotExist
}

// DeserializerOptions configure the deserializer.
type DeserializerOptions struct {
	FileOptions
	FieldNames string           `toml:"field_names" doc:"json (lowerCamelCase, or the field's json_name) or proto (as in the schema)"`
	Defaults   string           `toml:"defaults" doc:"fields that hold their default value: omit or emit"`
	Registry   registry.Options `toml:"registry"`
}

// NewDeserializerOptions returns the defaults.
func NewDeserializerOptions() *DeserializerOptions {
	return &DeserializerOptions{
		FieldNames: namesJSON, Defaults: defaultsOmit, Registry: registry.NewOptions(),
	}
}

// Validate reports every problem.
func (o *DeserializerOptions) Validate(p *connectors.Problems) {
	p.OneOf("field_names", o.FieldNames, namesJSON, namesProto)
	p.OneOf("defaults", o.Defaults, defaultsOmit, defaultsEmit)
	o.Registry.Validate(p)
	s := o.source()
	s.Validate(p)
	switch {
	case o.Registry.On() && s.Given():
		p.Addf(s.Key(), "the registry knows what a value was written with; leave it out")
	case o.Registry.On() && o.Message != "":
		p.Addf("message", "a value with a registry names its message; leave it out")
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
	UnknownFields         string `toml:"unknown_fields" doc:"fields that the message lacks: fail (the record is a fault) or drop"`
	registry.WriteOptions        // those of a registry
}

// NewSerializerOptions returns the defaults.
func NewSerializerOptions() *SerializerOptions {
	return &SerializerOptions{UnknownFields: unknownFail, WriteOptions: registry.NewWriteOptions()}
}

// Validate reports every problem.
func (o *SerializerOptions) Validate(p *connectors.Problems) {
	p.OneOf("unknown_fields", o.UnknownFields, unknownFail, unknownDrop)
	s := o.source()
	s.Validate(p)
	o.WriteOptions.Validate(p, s.Given())
	if !s.Given() && o.Registration != registry.Latest {
		p.Addf("schema_file", "required; name the schema to write values with")
	}
	if o.Registry.On() && o.SchemaFile != "" && !strings.HasSuffix(o.SchemaFile, ".proto") {
		p.Addf("schema_file", "a registry keeps texts; name the .proto file")
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
