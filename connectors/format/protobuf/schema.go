package protobuf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// schema is a file of messages with what it imports.
type schema struct {
	file  protoreflect.FileDescriptor // nil for a set of files
	files *protoregistry.Files
	types *dynamicpb.Types // for Any and extensions
}

// message is a type of messages and where it stands in its file.
type message struct {
	descriptor protoreflect.MessageDescriptor
	path       []int
	types      *dynamicpb.Types
}

// name returns the full name of m.
func (m *message) name() string { return string(m.descriptor.FullName()) }

// sourceName is what the file of a schema is called in messages when it has no name of its own.
const sourceName = "schema.proto"

// finder finds what a file imports.
type finder func(name string) (string, error)

// compile reads the text of a .proto file.
func compile(name, text string, find finder) (*schema, error) {
	c := protocompile.Compiler{
		MaxParallelism: 1, // schemas are small, and records wait
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			Accessor: func(path string) (io.ReadCloser, error) {
				if path == name {
					return io.NopCloser(strings.NewReader(text)), nil
				}
				found, err := find(path)
				if err != nil {
					return nil, err
				}
				return io.NopCloser(strings.NewReader(found)), nil
			},
		}),
	}
	linked, err := c.Compile(context.Background(), name)
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	files := &protoregistry.Files{}
	if err := register(files, linked[0]); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	return &schema{file: linked[0], files: files, types: dynamicpb.NewTypes(files)}, nil
}

// register adds a file and what it imports.
func register(files *protoregistry.Files, f protoreflect.FileDescriptor) error {
	if _, err := files.FindFileByPath(f.Path()); err == nil {
		return nil
	}
	imports := f.Imports()
	for i := range imports.Len() {
		if err := register(files, imports.Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	return files.RegisterFile(f)
}

// fromSet reads a set of descriptors, as protoc --include_imports --descriptor_set_out writes it.
func fromSet(data string) (*schema, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal([]byte(data), &set); err != nil {
		return nil, fmt.Errorf("reading the set of descriptors: %w", plainly(err))
	}
	if len(set.File) == 0 {
		return nil, errors.New("reading the set of descriptors: it holds no file")
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, fmt.Errorf("reading the set of descriptors: %w (was it written with "+
			"--include_imports?)", plainly(err))
	}
	return &schema{files: files, types: dynamicpb.NewTypes(files)}, nil
}

// named returns the message of a full name, or the only top-level one when name is empty.
func (s *schema) named(name string) (*message, error) {
	if name == "" {
		if s.file == nil || s.file.Messages().Len() != 1 {
			return nil, errors.New("there are several messages; name one as message")
		}
		return s.of(s.file.Messages().Get(0)), nil
	}
	d, err := s.files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, fmt.Errorf("there is no message %q", name)
	}
	m, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		return nil, fmt.Errorf("%q is no message", name)
	}
	return s.of(m), nil
}

func (s *schema) of(d protoreflect.MessageDescriptor) *message {
	m := &message{descriptor: d, types: s.types}
	for x := protoreflect.Descriptor(d); ; x = x.Parent() {
		if _, ok := x.(protoreflect.FileDescriptor); ok {
			return m
		}
		m.path = append([]int{x.Index()}, m.path...)
	}
}

// at returns the message at a path in the file, or nil.
func (s *schema) at(path []int) *message {
	in := s.file.Messages()
	var d protoreflect.MessageDescriptor
	for _, i := range path {
		if i >= in.Len() {
			return nil
		}
		d = in.Get(i)
		in = d.Messages()
	}
	if d == nil {
		return nil
	}
	return &message{descriptor: d, path: path, types: s.types}
}

// plainly takes the no-break spaces out of an error of the library, which puts them there in some
// builds to keep programs from looking at the text.
func plainly(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "\u00a0", " "))
}
