package connectors

import (
	"context"
	"fmt"
	"strings"
)

// Spec is how a connector describes itself. The command holds the table of all of them.
type Spec struct {
	Name string // name in job files: "file", "kafka"
	Doc  string // one paragraph for the reference page
	// NewSource returns a configuration with its defaults filled in, or is nil when the
	// connector reads nothing.
	NewSource func() SourceConfig
	// NewSink is the same for writing.
	NewSink func() SinkConfig
}

// SourceConfig is a pointer to the struct that a [sources.x] table is decoded into. An unknown
// key is an error. host/config decodes by the tags of the exported fields:
//
//	toml:"key"    name in the job file, snake_case; a field without it is not decoded
//	doc:"..."     what it means, with its unit, for the reference page; the default is added there
//	path:"file"   on string and []string: a value without a scheme is made absolute against the
//	              folder of the job file, so what Validate and Open see is an absolute path or a URL
//	form:"..."    for types with UnmarshalTOML: how a value is written, for the reference page
//	flink:"..."   the Flink setter with the same meaning, for the reference page
//
// Field types: string, bool, integers, float64, Duration, Size, Secret, FunctionRef, slices, maps
// with string keys, nested and embedded structs and pointers of these, and types with
// UnmarshalTOML(any) error. The latter see string, int64, float64, bool, time.Time, []any and
// map[string]any, with ${NAME} already replaced; { env = } and { file = } work for fields of
// type Secret only. No key may be one that host/config reads from every source or sink:
// connector, deserializer, key_deserializer, serializer, key_serializer, from, on_error,
// rate_limit, timestamp, partitioner.
type SourceConfig interface {
	// Validate reports every problem, without touching the outside.
	Validate(p *Problems)
	// Guarantee returns the best this configuration can do.
	Guarantee() Guarantee
	// Open opens the source. It touches the outside as little as possible: a wrong path or
	// address should surface here rather than at the first record.
	Open(ctx context.Context, env Env) (Source, error)
}

// SinkConfig is the same for a [sinks.x] table.
type SinkConfig interface {
	Validate(p *Problems)
	Guarantee() Guarantee
	Open(ctx context.Context, env Env) (Sink, error)
}

// Bucketed is the ability of a SinkConfig to take a guest bucketer.
type Bucketed interface {
	// BucketerRef returns the guest function that names buckets; ok is false when a built-in
	// bucketer is configured.
	BucketerRef() (ref FunctionRef, ok bool)
}

// Partitioned is the ability of a SinkConfig whose sink has partitions. A partitioner on any
// other sink is refused.
type Partitioned interface {
	// HasPartitions reports whether this configuration writes to partitions.
	HasPartitions() bool
}

// ModeTaker is the ability of a SinkConfig that keeps the guarantee of the job unless its own table
// asks for another.
type ModeTaker interface {
	// TakeMode tells what the job promises: ExactlyOnce or AtLeastOnce. It comes after decoding and
	// before Validate.
	TakeMode(mode Guarantee)
}

// LogJoiner is the ability of a SinkConfig whose output can be decided in the same transaction as
// the job's epochs.
type LogJoiner interface {
	// Transactional reports whether this configuration writes in transactions at all.
	Transactional() bool
	// SameSystem reports whether other writes to the same system as this one, so that one
	// transaction can hold the output of both.
	SameSystem(other SinkConfig) bool
	// Differences names the keys in which other disagrees with this configuration although both
	// are to share one client; none when they can.
	Differences(other SinkConfig) []string
	// StandsAlone reports whether the sink is exactly-once also where epochs are decided elsewhere,
	// by preparing its output and committing it afterwards.
	StandsAlone() bool
}

// Embeddable is the ability of a configuration whose system can run inside this process, for
// development.
type Embeddable interface {
	// ExpectEmbedded says that UseEmbedded will give the address if the table names none. It comes
	// after decoding and before Validate.
	ExpectEmbedded()
	// UseEmbedded gives the address. A table that names its own keeps that.
	UseEmbedded(address string)
}

// HeaderKeeper is the ability of a SinkConfig whose system keeps the headers of records. Dead
// letters reach it as they are; elsewhere they are written whole, as one text.
type HeaderKeeper interface {
	// KeepsHeaders reports whether this configuration writes headers.
	KeepsHeaders() bool
}

// Checker is the ability of a configuration to look at the outside without changing it, for
// `wasmflow validate --connect`.
type Checker interface {
	CheckConnect(ctx context.Context, env Env) error
}

// FunctionOptions are the settings of a built-in function: a pointer to a struct with the tags of
// SourceConfig.
type FunctionOptions interface {
	// Validate reports every problem.
	Validate(p *Problems)
}

// FunctionContext says for whom a built-in function is opened.
type FunctionContext struct {
	Env Env // of the source or the sink
	// Topic is where records go that name no target, for functions of a sink; "" when the sink
	// has no such place. See TopicNamer.
	Topic string
	// Key is set for a function that works on keys. It finds them where it looks for values.
	Key bool
	// Dry is set where nothing outside may be changed.
	Dry bool
	// Place names the partition behind a split, for functions of a source; it is nil when the
	// source's splits are none. See Placer.
	Place func(split string) (topic string, partition int32, ok bool)
}

// FileChecker is the ability of FunctionOptions to look at the files they name: schemas.
type FileChecker interface {
	// CheckFiles reads the files, changes nothing and reports every problem.
	CheckFiles(ctx context.Context, env Env, p *Problems)
}

// TopicNamer is the ability of a SinkConfig to say where records go that name no target.
type TopicNamer interface {
	// DefaultTopic returns the place, or "" when every record has to name its own.
	DefaultTopic() string
}

// Placer is the ability of a SourceConfig whose splits are partitions of topics.
type Placer interface {
	// Place returns what the ID of a split stands for, or false for an ID that is no partition.
	Place(split string) (topic string, partition int32, ok bool)
}

// FunctionRef names a function: a built-in one, or one of a plugin.
type FunctionRef struct {
	Builtin  string
	Plugin   string
	Function string
	// Options are those of the built-in function; nil means its defaults. host/config decodes
	// them, since it knows whose they are.
	Options FunctionOptions
}

// IsZero reports whether nothing is named.
func (f FunctionRef) IsZero() bool { return f == FunctionRef{} }

// String formats f for messages.
func (f FunctionRef) String() string {
	if f.Plugin != "" {
		return f.Plugin + "." + f.Function
	}
	return f.Builtin
}

// UnmarshalTOML decodes "name", { format = "name" } beside options that it leaves alone, or
// { plugin = "...", function = "..." }.
func (f *FunctionRef) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		*f = FunctionRef{Builtin: v}
		return nil
	case map[string]any:
		ref, err := functionRefOf(v)
		if err != nil {
			return err
		}
		*f = ref
		return nil
	}
	return fmt.Errorf("want a name, { format = \"...\" } with options, or "+
		"{ plugin = \"...\", function = \"...\" }, not %T", v)
}

func functionRefOf(m map[string]any) (FunctionRef, error) {
	var ref FunctionRef
	if format, ok := m["format"]; ok {
		if ref.Builtin, ok = format.(string); !ok || ref.Builtin == "" {
			return ref, fmt.Errorf("format: want the name of a built-in function, not %v", format)
		}
		return ref, nil
	}
	for key, v := range m {
		s, ok := v.(string)
		if !ok {
			return ref, fmt.Errorf("%s: want a string, not %T", key, v)
		}
		switch key {
		case "plugin":
			ref.Plugin = s
		case "function":
			ref.Function = s
		default:
			return ref, fmt.Errorf("unknown key %q; known are plugin, function", key)
		}
	}
	if ref.Plugin == "" {
		return ref, fmt.Errorf("plugin: required; name a [plugins.x] table")
	}
	return ref, nil
}

// Problem is one thing wrong with a job file.
type Problem struct {
	Key  string // dotted path below the table being validated; "" is the table itself
	Text string // what is wrong and what to do
}

// Problems collects every problem of a table.
type Problems struct{ List []Problem }

// Addf adds a problem with the key. The text says what is wrong and, after a semicolon, what to do.
func (p *Problems) Addf(key, format string, args ...any) {
	p.List = append(p.List, Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

// Require adds a problem when the string is empty.
func (p *Problems) Require(key, value, remedy string) {
	if value == "" {
		p.Addf(key, "required; %s", remedy)
	}
}

// OneOf adds a problem when value is none of allowed.
func (p *Problems) OneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	p.Addf(key, "%q is none of %s", value, strings.Join(allowed, ", "))
}
