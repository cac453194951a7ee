package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/regular"
)

// fileBytesMax bounds a job file. It is read by people; records to be read belong into files of
// their own.
const fileBytesMax = 1 << 20

// Registry is what a build of wasmflow has.
type Registry struct {
	Connectors []connectors.Spec
	// Schemes are the URL schemes of the file systems, "file" among them.
	Schemes []string
	// CheckURL returns what is wrong with the URL of a file, as far as the URL itself tells. A
	// scheme that there is not is no business of it. It may be nil.
	CheckURL func(url string) error
	// FileSystems says in Markdown how URLs of further file systems are written and what they
	// heed; empty where there are none.
	FileSystems string
	// The built-in functions, by role.
	Deserializers, Serializers, Partitioners, Timestamps []Builtin
}

// Builtin is a built-in function.
type Builtin struct {
	Name, Doc string
	// NewOptions returns the defaults of its options; nil where it has none.
	NewOptions func() connectors.FunctionOptions
	// Keys tells that it makes one value of each, so that it can work on keys, too.
	Keys bool
}

// Options are what Parse needs from the outside. The zero value asks the process.
type Options struct {
	// Dir is the folder that relative paths belong to; "" is the current one. Load uses the
	// folder of the job file instead.
	Dir string
	// LookupEnv finds environment variables; nil is os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// ReadFile reads the job file and files of secrets; one longer than sizeMax is an error. nil
	// reads the disk.
	ReadFile func(path string, sizeMax int64) ([]byte, error)
	// Production demands that every plugin is pinned by its digest.
	Production bool
}

// ErrTooLong is returned by ReadFile for a file longer than allowed.
var ErrTooLong = errors.New("the file is too long")

// ReadFile returns the content of the file at path, which is at most sizeMax bytes long, or
// ErrTooLong. What is no regular file is refused: a pipe would be waited for.
func ReadFile(path string, sizeMax int64) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, sizeMax+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > sizeMax {
		return nil, ErrTooLong
	}
	return data, nil
}

// Load reads and checks the job file at path. The error is an *Error.
func Load(path string, reg Registry, opts Options) (*Job, error) {
	if opts.ReadFile == nil {
		opts.ReadFile = ReadFile
	}
	opts.Dir = filepath.Dir(path)
	data, err := opts.ReadFile(path, fileBytesMax)
	if err != nil {
		return nil, &Error{Problems: []Problem{{
			File: path, Text: fmt.Sprintf("cannot be read: %v; %s", cause(err), readRemedy(err)),
		}}}
	}
	return Parse(path, data, reg, opts)
}

// readRemedy says what to do about a job file that cannot be read.
func readRemedy(err error) string {
	switch {
	case errors.Is(err, ErrTooLong):
		return fmt.Sprintf("keep it below %v, with records in files of their own",
			connectors.Size(fileBytesMax))
	case errors.Is(err, fs.ErrPermission):
		return "give the user that runs wasmflow the right to it"
	}
	return "name a job file"
}

// Parse checks the job file data. name stands in messages. The error is an *Error and names every
// problem.
func Parse(name string, data []byte, reg Registry, opts Options) (*Job, error) {
	if opts.LookupEnv == nil {
		opts.LookupEnv = os.LookupEnv
	}
	if opts.ReadFile == nil {
		opts.ReadFile = ReadFile
	}
	c := &collector{file: name}
	dir, err := filepath.Abs(opts.Dir)
	switch {
	case err != nil:
		c.addf(0, "", "finding its folder: %v; name it by an absolute path", err)
		return nil, c.err()
	case len(data) > fileBytesMax:
		c.addf(0, "", "longer than %v; keep records in files of their own",
			connectors.Size(fileBytesMax))
		return nil, c.err()
	case !utf8.Valid(data):
		c.addf(invalidLine(data), "", "not UTF-8 text; save it as UTF-8")
		return nil, c.err()
	}
	root := parseTree(string(data), c)
	if root == nil {
		return nil, c.err()
	}
	l := &loader{
		decoder: decoder{
			c, expander{dir, opts.LookupEnv, opts.ReadFile, &c.mask}, reg.CheckURL,
		},
		reg: reg, production: opts.Production, root: root,
		job: &Job{File: name, Dir: dir, Production: opts.Production, root: root},
	}
	l.load()
	if err := c.err(); err != nil {
		return nil, err
	}
	l.job.Warnings = c.sorted(c.warnings)
	return l.job, nil
}

// invalidLine returns the line of the first byte of data that is not UTF-8.
func invalidLine(data []byte) int {
	line := 1
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		data = data[n:]
	}
	return line
}

// loader builds a Job from a tree.
type loader struct {
	decoder
	reg        Registry
	production bool
	root       *node
	job        *Job
	used       map[string]bool // plugins that something names
}

func (l *loader) load() {
	f := newFile()
	l.table(l.root, "", f)
	l.job.Name, l.job.Settings, l.job.Checkpoint = f.Name, f.Settings, f.Checkpoint
	l.job.Restart, l.job.Admin, l.job.Capture = f.Restart, f.Admin, f.Capture
	l.job.EmbeddedBroker = f.Dev.EmbeddedBroker
	l.used = map[string]bool{}
	for _, name := range sortedNames(f.Plugins) {
		l.plugin(name, f.Plugins[name])
	}
	for _, name := range sortedNames(f.Sources) {
		l.source(name, f.Sources[name])
	}
	for _, name := range sortedNames(f.Transforms) {
		l.transform(name, f.Transforms[name])
	}
	for _, name := range sortedNames(f.Sinks) {
		l.sink(name, join("sinks", name), f.Sinks[name])
	}
	if f.DeadLetter != nil {
		l.sink(DeadLetterName, DeadLetterName, f.DeadLetter)
	}
	l.checkSections(f)
	l.checkGraph()
	l.checkFiles()
}

func (l *loader) isTable(n *node, key string) bool {
	if n.table == nil {
		l.addf(n.line, key, "want a table, not %s", n.kind())
	}
	return n.table != nil
}

func (l *loader) plugin(name string, n *node) {
	key := join("plugins", name)
	if !l.isTable(n, key) {
		return
	}
	p := newPlugin(name)
	l.table(n, key, &p)
	l.checkName(name, key, n)
	l.checkPlugin(&p, key, n)
	l.job.Plugins = append(l.job.Plugins, p)
}

func (l *loader) source(name string, n *node) {
	key := join("sources", name)
	if !l.isTable(n, key) {
		return
	}
	s := newSource(name)
	spec := l.connector(n, key, "sources", func(c connectors.Spec) bool { return c.NewSource != nil })
	if spec == nil {
		l.commonOnly(n, key, &s)
	} else {
		s.Config = spec.NewSource()
		l.table(n, key, &s, s.Config)
		l.expectEmbedded(s.Config)
		l.validate(n, key, s.Config.Validate)
	}
	l.checkName(name, key, n)
	l.function(s.Deserializer, join(key, "deserializer"), l.reg.Deserializers)
	l.options(&s.Deserializer, n.table["deserializer"], join(key, "deserializer"), l.reg.Deserializers)
	l.keyFunction(&s.KeyDeserializer, n, key, "key_deserializer", l.reg.Deserializers)
	l.timestamp(s.Timestamp, join(key, "timestamp"))
	l.policy(s.OnError, join(key, "on_error"))
	l.job.Sources = append(l.job.Sources, s)
}

func (l *loader) transform(name string, n *node) {
	key := join("transforms", name)
	if !l.isTable(n, key) {
		return
	}
	t := newTransform(name)
	l.table(n, key, &t)
	l.checkName(name, key, n)
	if l.required(n, key, "plugin", t.Plugin != "", "name a [plugins.x] table") {
		l.function(connectors.FunctionRef{Plugin: t.Plugin, Function: t.Function}, key, nil)
	}
	l.policy(t.OnError, join(key, "on_error"))
	l.job.Transforms = append(l.job.Transforms, t)
}

// sink decodes a [sinks.x] table or, when name is DeadLetterName, [dead_letter].
func (l *loader) sink(name, key string, n *node) {
	if !l.isTable(n, key) {
		return
	}
	s := newSink(name)
	dead := key == DeadLetterName
	if dead {
		for _, k := range []string{"from", "on_error"} {
			if n.table[k] != nil {
				l.addf(n.table[k].line, join(key, k), "not allowed here; "+
					"records come from every on_error = \"dead-letter\", and its own errors fail the job")
			}
		}
	}
	spec := l.connector(n, key, "sinks", func(c connectors.Spec) bool { return c.NewSink != nil })
	if spec == nil {
		l.commonOnly(n, key, &s)
	} else {
		s.Config = spec.NewSink()
		l.table(n, key, &s, s.Config)
		l.expectEmbedded(s.Config)
		if m, ok := s.Config.(connectors.ModeTaker); ok {
			m.TakeMode(connectors.Guarantee(l.job.Checkpoint.Mode))
		}
		l.validate(n, key, s.Config.Validate)
		l.sinkFunctions(&s, key)
	}
	l.function(s.Serializer, join(key, "serializer"), l.reg.Serializers)
	l.options(&s.Serializer, n.table["serializer"], join(key, "serializer"), l.reg.Serializers)
	l.keyFunction(&s.KeySerializer, n, key, "key_serializer", l.reg.Serializers)
	if dead {
		l.job.DeadLetter = &s
		return
	}
	l.checkName(name, key, n)
	l.policy(s.OnError, join(key, "on_error"))
	l.job.Sinks = append(l.job.Sinks, s)
}

// sinkFunctions checks the functions that only some sinks take.
func (l *loader) sinkFunctions(s *Sink, key string) {
	if b, ok := s.Config.(connectors.Bucketed); ok {
		if ref, guest := b.BucketerRef(); guest {
			l.function(ref, join(key, "bucketer"), nil)
		}
	}
	if s.Partitioner.IsZero() {
		return
	}
	path := join(key, "partitioner")
	if p, ok := s.Config.(connectors.Partitioned); !ok || !p.HasPartitions() {
		l.addf(l.root.lineOf(path), path, "%s has no partitions; leave it out", s.Connector)
		return
	}
	l.function(s.Partitioner, path, l.reg.Partitioners)
}

func (l *loader) expectEmbedded(c any) {
	if e, ok := c.(connectors.Embeddable); ok && l.job.EmbeddedBroker {
		e.ExpectEmbedded()
	}
}

// connector finds the connector that table n names, or reports why not.
func (l *loader) connector(n *node, key, section string, able func(connectors.Spec) bool,
) *connectors.Spec {
	var there []string
	for _, c := range l.reg.Connectors {
		if able(c) {
			there = append(there, c.Name)
		}
	}
	slices.Sort(there)
	at := n.table["connector"]
	if at == nil {
		l.required(n, key, "connector", false, "name one of "+joined(there))
		return nil
	}
	text, isText := at.scalar.(string)
	if !isText {
		return nil // the decoder names the wrong type
	}
	name, err := l.expand.text(text)
	if err != nil {
		return nil // so it does here
	}
	for i, c := range l.reg.Connectors {
		if c.Name != name {
			continue
		}
		if able(c) {
			return &l.reg.Connectors[i]
		}
		l.addf(at.line, join(key, "connector"), "%q cannot be used in [%s.x]; there are %s", name,
			section, joined(there))
		return nil
	}
	if slices.Contains(laterConnectors(), name) {
		l.addf(at.line, join(key, "connector"), "%q is not in this version; there are %s", name,
			joined(there))
		return nil
	}
	l.addf(at.line, join(key, "connector"), "%s", unknown("connector", name, there))
	return nil
}

// laterConnectors lists the names that job files may count on, whether this build has them or
// not.
func laterConnectors() []string {
	return []string{"activemq", "cassandra", "elasticsearch", "flume", "kafka", "kinesis", "netty",
		"nifi", "pekko", "pubsub", "rabbitmq", "redis", "twitter"}
}

// commonOnly decodes the keys that do not depend on the connector, which is unknown. What else
// stands in the table cannot be judged.
func (l *loader) commonOnly(n *node, key string, into any) {
	known := &node{line: n.line, table: map[string]*node{}}
	for _, f := range targetOf(into).fields {
		if child := n.table[f.key]; child != nil {
			known.table[f.key] = child
		}
	}
	l.table(known, key, into)
}

// validate adds the problems that a connector finds in its own configuration. A key that could
// not be decoded holds its default; what the connector says about that would mislead.
func (l *loader) validate(n *node, key string, check func(*connectors.Problems)) {
	var p connectors.Problems
	check(&p)
next:
	for _, x := range p.List {
		path := key
		if x.Key != "" {
			path += "." + x.Key
		}
		for i := len(key) + 1; i < len(path); i++ {
			if (path[i] == '.' || path[i] == '[') && l.blamed[path[:i]] {
				continue next
			}
		}
		if !l.has(path) {
			l.addf(n.lineOf(x.Key), path, "%s", x.Text)
		}
	}
}

// policy checks an on_error.
func (l *loader) policy(o OnError, key string) {
	if o.Policy == PolicyDeadLetter && l.root.table[DeadLetterName] == nil {
		l.addf(l.root.lineOf(key), key, "\"dead-letter\" needs a sink; add a [dead_letter] table")
	}
}

// required reports a key that is missing from table n. It returns ok.
func (l *loader) required(n *node, key, name string, ok bool, remedy string) bool {
	path := join(key, name)
	if !ok && !l.has(path) {
		l.addf(n.lineOf(name), path, "required; %s", remedy)
	}
	return ok
}

// tables returns the named tables of a section.
func (l *loader) tables(section string) map[string]*node {
	if n := l.root.table[section]; n != nil {
		return n.table
	}
	return nil
}
