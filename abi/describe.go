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

// Validate checks what holds for every host of this major. It joins all problems.
func (d *Description) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("description: "+format, args...))
	}
	if err := checkName(d.Name); err != nil {
		bad("name: %w", err)
	}
	if len(d.Version) > NameBytesMax || strings.ContainsFunc(d.Version, isControl) {
		bad("version: %q is not printable text of at most %d bytes", clip(d.Version), NameBytesMax)
	}
	if len(d.Functions) == 0 {
		bad("functions: none; register at least one")
	}
	if len(d.Functions) > FunctionsMax {
		bad("functions: %d are above %d", len(d.Functions), FunctionsMax)
	}
	if s := bytes.TrimSpace(d.ConfigSchema); len(s) > 0 && s[0] != '{' && string(s) != "null" {
		bad("config_schema: not a JSON object")
	}
	seen := make(map[string]bool, len(d.Functions))
	for i, f := range d.Functions {
		if seen[f.Name] {
			bad("functions[%d]: a second function named %q", i, clip(f.Name))
		}
		seen[f.Name] = true
		for _, err := range f.problems() {
			bad("functions[%d]%w", i, err)
		}
	}
	capabilities := Capabilities()
	for i, name := range d.Capabilities {
		if !slices.Contains(capabilities, Capability(name)) {
			bad("capabilities[%d]: %q is not specified in ABI %d.%d (specified: %s)",
				i, clip(name), Major, Minor, list(capabilities))
		}
	}
	return errors.Join(errs...)
}

// problems returns what is wrong with the function; each message begins with the field.
func (f Function) problems() []error {
	var errs []error
	if err := checkName(f.Name); err != nil {
		errs = append(errs, fmt.Errorf(".name: %w", err))
	}
	if !f.Role.Supported() && !slices.Contains(ReservedRoles(), f.Role) {
		errs = append(errs, fmt.Errorf(".role: %q is not one of %s",
			clip(string(f.Role)), list(Roles())))
	}
	readable := ReadableColumns()
	for _, name := range f.Columns {
		known := func(c Column) bool { return c.String() == name }
		if !slices.ContainsFunc(readable, known) {
			errs = append(errs, fmt.Errorf(".columns: %q is not one of %s", clip(name), list(readable)))
		}
	}
	if len(f.Outputs) > 0 && !f.Role.NamedOutputs() {
		errs = append(errs, fmt.Errorf(".outputs: a %s has one output", clip(string(f.Role))))
	}
	if len(f.Outputs) > OutputsMax {
		errs = append(errs, fmt.Errorf(".outputs: %d are above %d", len(f.Outputs), OutputsMax))
	}
	for i, name := range f.Outputs {
		if err := checkName(name); err != nil {
			errs = append(errs, fmt.Errorf(".outputs[%d]: %w", i, err))
		}
		if slices.Contains(f.Outputs[:i], name) {
			errs = append(errs, fmt.Errorf(".outputs[%d]: a second output named %q", i, clip(name)))
		}
	}
	return errs
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
