package wasmflow

import "slices"

// Func is a deserializer, a transform or a serializer. It handles record r and emits what it makes
// of it to out; a record for which it emits nothing is dropped. An error, or a panic, fails the
// record: what was emitted for it is taken back, and the job's on_error decides what becomes of it.
//
// ctx, r and out are valid until the function returns.
type Func func(ctx *Context, r Record, out *Emitter) error

// PartitionFunc chooses the partition of r among [0, partitions); -1 leaves the choice to the sink.
type PartitionFunc func(ctx *Context, r Record, partitions int) (int, error)

// BucketFunc names the bucket of r, a relative path like "country=de/day=2024-01-31". It appends
// the name to dst, which is empty, and returns the result.
type BucketFunc func(ctx *Context, r Record, dst []byte) ([]byte, error)

// Column is a part of a record that a function reads beyond key, value and timestamp. The host
// fills in what is declared with Reads and nothing else.
type Column string

// Columns for Reads.
const (
	Headers        Column = "headers"
	Source         Column = "source"
	KeyGroup       Column = "key_group"
	SchemaID       Column = "schema_id"
	PartitionCount Column = "partition_count"
)

// Option describes a function further.
type Option func(f *function)

// Reads declares which columns the function reads. Reading one that is not declared panics.
func Reads(columns ...Column) Option {
	return func(f *function) { f.columns = append(f.columns, columns...) }
}

// Outputs declares the function's outputs beside the main one, for Entry.Output. A job reads them
// as "function.output". Deserializers and transforms may have some.
func Outputs(names ...string) Option {
	return func(f *function) { f.outputs = append(f.outputs, names...) }
}

// Doc describes the function in a sentence, for `wasmflow inspect`.
func Doc(text string) Option {
	return func(f *function) { f.doc = text }
}

type role string

const (
	roleDeserializer role = "deserializer"
	roleTransform    role = "transform"
	rolePartitioner  role = "partitioner"
	roleBucketer     role = "bucketer"
	roleSerializer   role = "serializer"
)

// function is a registered function; one of the three kinds of code is set.
type function struct {
	name    string
	role    role
	columns []Column
	outputs []string
	doc     string

	work      Func
	partition PartitionFunc
	bucket    BucketFunc
}

// plugin is the guest of this program. WebAssembly exports are plain functions without a receiver,
// and there is one guest in a module: this is the one place where that state can be.
var plugin = &guest{name: "plugin"}

// Plugin names the plugin and its version, for people. Call it from an init function, like every
// registration: main does not run in a guest.
func Plugin(name, version string) {
	mustName("plugin", name)
	plugin.name, plugin.version = name, version
}

// Deserializer registers a function that makes records out of a source's messages, 0 to n each.
func Deserializer(name string, f Func, options ...Option) {
	plugin.register(function{name: name, role: roleDeserializer, work: f}, f == nil, options)
}

// Transform registers a function that makes 0 to n records out of each record.
func Transform(name string, f Func, options ...Option) {
	plugin.register(function{name: name, role: roleTransform, work: f}, f == nil, options)
}

// Serializer registers a function that turns a record into the key and value a sink writes. It is
// to emit one record.
func Serializer(name string, f Func, options ...Option) {
	plugin.register(function{name: name, role: roleSerializer, work: f}, f == nil, options)
}

// Partitioner registers a function that chooses the partition of each record.
func Partitioner(name string, f PartitionFunc, options ...Option) {
	options = append(slices.Clone(options), Reads(PartitionCount))
	plugin.register(function{name: name, role: rolePartitioner, partition: f}, f == nil, options)
}

// Bucketer registers a function that names the bucket of each record.
func Bucketer(name string, f BucketFunc, options ...Option) {
	plugin.register(function{name: name, role: roleBucketer, bucket: f}, f == nil, options)
}

// OnOpen registers code that runs once the configuration is in place and before the first record;
// an error refuses the configuration.
func OnOpen(f func() error) { plugin.onOpen = append(plugin.onOpen, f) }

// register adds a function. What is wrong with a registration is wrong in the program, so it
// panics: under go test at once, in a guest before the first record.
func (g *guest) register(f function, missing bool, options []Option) {
	mustName("function", f.name)
	if missing {
		panic("wasmflow: function " + f.name + " is nil")
	}
	for _, have := range g.functions {
		if have.name == f.name {
			panic("wasmflow: function " + f.name + " is registered twice")
		}
	}
	for _, option := range options {
		option(&f)
	}
	f.check()
	g.functions = append(g.functions, &f)
}

func (f *function) check() {
	known := []Column{Headers, Source, KeyGroup, SchemaID, PartitionCount}
	for _, c := range f.columns {
		if !slices.Contains(known, c) {
			panic("wasmflow: function " + f.name + " reads unknown column " + string(c))
		}
	}
	slices.Sort(f.columns)
	f.columns = slices.Compact(f.columns)
	if len(f.outputs) > 0 && f.role != roleDeserializer && f.role != roleTransform {
		panic("wasmflow: function " + f.name + ": a " + string(f.role) + " has one output")
	}
	for i, name := range f.outputs {
		mustName("output", name)
		if slices.Contains(f.outputs[:i], name) {
			panic("wasmflow: function " + f.name + " has output " + name + " twice")
		}
	}
}

// nameBytesMax is the ABI's bound on names.
const nameBytesMax = 64

func mustName(what, name string) {
	ok := name != "" && len(name) <= nameBytesMax
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		ok = ok && (letter || i > 0 && (c >= '0' && c <= '9' || c == '-'))
	}
	if !ok {
		panic("wasmflow: " + what + " name " + name +
			" is not letters, digits, '_' and '-', beginning with a letter, at most 64 bytes")
	}
}
