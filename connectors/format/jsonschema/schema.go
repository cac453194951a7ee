package jsonschema

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// base is the address that references of a schema are relative to.
const base = "schema:///"

// schema is a compiled schema.
type schema struct {
	compiled *jsonschema.Schema
	title    string
	printer  *message.Printer
}

// loader finds the schemas that another refers to (J1).
type loader func(name string) (string, error)

// Load implements jsonschema.URLLoader.
func (l loader) Load(url string) (any, error) {
	text, err := l(strings.TrimPrefix(url, base))
	if err != nil {
		return nil, fmt.Errorf("%s is neither beside the schema nor among its references", url)
	}
	return jsonschema.UnmarshalJSON(strings.NewReader(text))
}

// compile reads the text of a schema. formats tells whether "format" is checked.
func compile(text string, formats bool, find loader) (*schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(find)
	if formats {
		c.AssertFormat()
	}
	const address = base + "main"
	if err := c.AddResource(address, doc); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	s := &schema{printer: message.NewPrinter(language.English)}
	if s.compiled, err = c.Compile(address); err != nil {
		return nil, fmt.Errorf("reading the schema: %s", oneLine(err))
	}
	if s.title = s.compiled.Title; s.title == "" {
		s.title, _ = titleOf(doc)
	}
	return s, nil
}

func titleOf(doc any) (string, bool) {
	object, _ := doc.(map[string]any)
	title, ok := object["title"].(string)
	return title, ok
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// name returns the title of s.
func (s *schema) name() string { return s.title }

// check returns what is wrong with value.
func (s *schema) check(value []byte) error {
	if err := jsontext.Check(value); err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return fmt.Errorf("reading the value as JSON: %w", err)
	}
	err = s.compiled.Validate(v)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		return fmt.Errorf("the value does not fit its JSON Schema: %s", s.word(invalid))
	}
	return err
}

// Bounds of a message.
const (
	causesMax     = 3
	causeBytesMax = 300
)

// word names the first places where a value does not fit.
func (s *schema) word(e *jsonschema.ValidationError) string {
	var causes []string
	left := 0
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, c := range e.Causes {
			walk(c)
		}
		if len(e.Causes) > 0 {
			return
		}
		if len(causes) == causesMax {
			left++
			return
		}
		text := e.ErrorKind.LocalizedString(s.printer)
		if len(text) > causeBytesMax {
			text = strings.ToValidUTF8(text[:causeBytesMax], "") + "..."
		}
		causes = append(causes, fmt.Sprintf("at /%s: %s", strings.Join(e.InstanceLocation, "/"), text))
	}
	walk(e)
	text := strings.Join(causes, "; ")
	if left > 0 {
		text += fmt.Sprintf("; and %d more", left)
	}
	return text
}
