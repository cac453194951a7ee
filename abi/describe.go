package abi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Description is what wasmflow_describe returns, as JSON.
type Description struct {
	// Name of the plugin.
	Name string `json:"name"`
	// Version of the plugin: free text for people.
	Version string `json:"version"`
	// Functions, in the order of their indexes.
	Functions []Function `json:"functions"`
	// ConfigSchema is a JSON Schema of the configuration, null if the plugin takes none.
	ConfigSchema json.RawMessage `json:"config_schema,omitempty"`
	// StateVersion numbers the layout of the plugin's state; a change of it asks for a migration.
	StateVersion uint32 `json:"state_version,omitempty"`
	// Capabilities the plugin cannot work without.
	Capabilities []string `json:"capabilities,omitempty"`
}

// Function describes one function of a plugin.
type Function struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	// Columns of the input frame that the function reads, by name; the host fills no others.
	Columns []string `json:"columns,omitempty"`
	// Outputs beside the main one, by name.
	Outputs []string `json:"outputs,omitempty"`
	// Doc is one line or paragraph for people.
	Doc string `json:"doc,omitempty"`
}

// ColumnSet returns the columns a frame for the function carries: those it reads, and the
// partition count for a partitioner, which cannot do without. Unknown names are left out; Validate
// names them.
func (f Function) ColumnSet() ColumnSet {
	var s ColumnSet
	for _, c := range ReadableColumns() {
		if slices.Contains(f.Columns, c.String()) {
			s = s.With(c)
		}
	}
	if f.Role == RolePartitioner {
		s = s.With(ColumnPartitionCount)
	}
	return s
}

// Function returns the index of the function of that name, and whether there is one.
func (d *Description) Function(name string) (int, bool) {
	i := slices.IndexFunc(d.Functions, func(f Function) bool { return f.Name == name })
	return i, i >= 0
}

// ParseDescription reads and checks a description: what DecodeDescription refuses, and everything
// this version of the host does not offer (wrapping ErrUnsupported). All problems are reported at
// once.
func ParseDescription(data []byte) (*Description, error) {
	d, err := DecodeDescription(data)
	if err != nil {
		return nil, err
	}
	if err := d.Supported(); err != nil {
		return nil, err
	}
	return d, nil
}

// DecodeDescription reads a description strictly (an unknown key is an error: a guest that needs a
// newer minor says so) and validates it, without asking whether this host can run it.
func DecodeDescription(data []byte) (*Description, error) {
	if len(data) > DescriptionBytesMax {
		return nil, fmt.Errorf("reading the description: %d bytes are above %d",
			len(data), DescriptionBytesMax)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	d := &Description{}
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading the description: bytes after the JSON object")
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	return d, nil
}

// problems collects what is wrong with a description. A description may hold a million faults, its
// reader is a person.
type problems struct {
	list []error
	more int
}

func (p *problems) add(format string, args ...any) {
	if len(p.list) == problemsMax {
		p.more++
		return
	}
	p.list = append(p.list, fmt.Errorf("description: "+format, args...))
}

func (p *problems) err() error {
	if p.more > 0 {
		return errors.Join(append(p.list, fmt.Errorf("description: and %d more", p.more))...)
	}
	return errors.Join(p.list...)
}

// bounded returns the beginning of a list that is too long, once that was reported: no walk over
// what a guest says is longer than the bound.
func bounded[T any](p *problems, where string, list []T, limit int) []T {
	if len(list) <= limit {
		return list
	}
	p.add("%s: %d are above %d", where, len(list), limit)
	return list[:limit]
}

// Validate checks what holds for every host of this major. It joins all problems, up to
// problemsMax.
func (d *Description) Validate() error {
	p := &problems{}
	if err := checkName(d.Name); err != nil {
		p.add("name: %w", err)
	}
	if len(d.Version) > NameBytesMax || strings.ContainsFunc(d.Version, isControl) {
		p.add("version: %q is not printable text of at most %d bytes", clip(d.Version), NameBytesMax)
	}
	if len(d.Functions) == 0 {
		p.add("functions: none; register at least one")
	}
	if s := bytes.TrimSpace(d.ConfigSchema); len(s) > 0 && s[0] != '{' && string(s) != "null" {
		p.add("config_schema: not a JSON object")
	}
	functions := bounded(p, "functions", d.Functions, FunctionsMax)
	seen := make(map[string]bool, len(functions))
	for i, f := range functions {
		if seen[f.Name] {
			p.add("functions[%d]: a second function named %q", i, clip(f.Name))
		}
		seen[f.Name] = true
		f.check(p, fmt.Sprintf("functions[%d]", i))
	}
	specified := Capabilities()
	for i, name := range bounded(p, "capabilities", d.Capabilities, capabilitiesMax) {
		if !slices.Contains(specified, Capability(name)) {
			p.add("capabilities[%d]: %q is not specified in ABI %d.%d (specified: %s)",
				i, clip(name), Major, Minor, list(specified))
		}
	}
	return p.err()
}

// check adds what is wrong with the function; where names it.
func (f Function) check(p *problems, where string) {
	if err := checkName(f.Name); err != nil {
		p.add("%s.name: %w", where, err)
	}
	if !f.Role.Supported() && !slices.Contains(ReservedRoles(), f.Role) {
		p.add("%s.role: %q is not one of %s", where, clip(string(f.Role)), list(Roles()))
	}
	readable := ReadableColumns()
	for _, name := range bounded(p, where+".columns", f.Columns, ColumnsMax) {
		known := func(c Column) bool { return c.String() == name }
		if !slices.ContainsFunc(readable, known) {
			p.add("%s.columns: %q is not one of %s", where, clip(name), list(readable))
		}
	}
	if len(f.Outputs) > 0 && !f.Role.NamedOutputs() {
		p.add("%s.outputs: a %s has one output", where, clip(string(f.Role)))
	}
	outputs := bounded(p, where+".outputs", f.Outputs, OutputsMax)
	for i, name := range outputs {
		if err := checkName(name); err != nil {
			p.add("%s.outputs[%d]: %w", where, i, err)
		}
		if slices.Contains(outputs[:i], name) {
			p.add("%s.outputs[%d]: a second output named %q", where, i, clip(name))
		}
	}
}

// Supported reports what the description asks for and this version of the host does not offer. Each
// problem wraps ErrUnsupported.
func (d *Description) Supported() error {
	var errs []error
	for i, f := range d.Functions {
		if !f.Role.Supported() {
			errs = append(errs, fmt.Errorf(
				"description: functions[%d].role: %q is specified in ABI 1 and %w; it runs %s",
				i, f.Role, ErrUnsupported, list(Roles())))
		}
	}
	for i, name := range d.Capabilities {
		errs = append(errs, fmt.Errorf(
			"description: capabilities[%d]: %q is specified in ABI 1 and %w",
			i, clip(name), ErrUnsupported))
	}
	return errors.Join(errs...)
}

// ParseConfigError reads what wasmflow_open returned. Anything that is not the JSON it should be is
// given to the user as it stands: a refusal with a poor text is still a refusal. Control characters
// are replaced, since the text goes to terminals and logs.
func ParseConfigError(data []byte) *ConfigError {
	e := &ConfigError{}
	if err := json.Unmarshal(data, e); err != nil || e.Message == "" {
		e = &ConfigError{Message: string(data)}
	}
	if e.Message == "" {
		e.Message = "refused without a reason"
	}
	e.Field, e.Message = printable(e.Field), printable(e.Message)
	return e
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return '?'
		}
		return r
	}, clip(s))
}

func checkName(name string) error {
	if name == "" {
		return errors.New("required")
	}
	if len(name) > NameBytesMax {
		return fmt.Errorf("%d bytes are above %d", len(name), NameBytesMax)
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if letter || i > 0 && (r >= '0' && r <= '9' || r == '-') {
			continue
		}
		return fmt.Errorf("%q is not letters, digits, '_' and '-', beginning with a letter", name)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }

// clipBytes bounds how much of a guest's text a message repeats.
const clipBytes = 1024

func clip(s string) string {
	if len(s) > clipBytes {
		return s[:clipBytes] + "..."
	}
	return s
}

func list[T any](items []T) string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = fmt.Sprint(item)
	}
	return strings.Join(names, ", ")
}
