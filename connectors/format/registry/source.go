package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/connectors"
)

// schemaBytesMax bounds a file of a schema.
const schemaBytesMax = 4 << 20

// Source is a schema that a job file holds or names: the value of key Name or of key Name_file.
type Source struct{ Name, Text, File string }

// Given reports whether there is a schema.
func (s *Source) Given() bool { return s.Text != "" || s.File != "" }

// Key returns the key that gives the schema.
func (s *Source) Key() string {
	if s.File != "" {
		return s.Name + "_file"
	}
	return s.Name
}

// Validate reports a schema that is given twice.
func (s *Source) Validate(p *connectors.Problems) {
	if s.Text != "" && s.File != "" {
		p.Addf(s.Name, "not together with %s_file; leave one of them out", s.Name)
	}
}

// Read returns the text. Its errors name no key.
func (s *Source) Read(ctx context.Context, env connectors.Env) (string, error) {
	if s.File == "" {
		return s.Text, nil
	}
	return ReadFile(ctx, env, s.File)
}

// ReadFile returns the content of the file of a schema.
func ReadFile(ctx context.Context, env connectors.Env, url string) (string, error) {
	if env.FileSystems == nil {
		return "", errors.New("no file system is at hand")
	}
	fs, path, err := env.FileSystems(ctx, url)
	if err != nil {
		return "", err
	}
	data, err := fs.ReadFile(ctx, path, schemaBytesMax)
	return string(data), err
}

// Load reads a schema and has parse make something of it. Without a schema it returns the zero T.
// Errors are permanent and name the key.
func Load[T any](ctx context.Context, env connectors.Env, s *Source, parse func(text string) (T,
	error),
) (of T, text string, err error) {
	if !s.Given() {
		return of, "", nil
	}
	if text, err = s.Read(ctx, env); err == nil {
		of, err = parse(text)
	}
	if err != nil {
		err = connectors.Permanent(fmt.Errorf("%s: %w", s.Key(), err))
	}
	return of, text, err
}

// CheckSource is Load that reports what is wrong, for connectors.FileChecker. ok is false without a
// schema, too.
func CheckSource[T any](ctx context.Context, env connectors.Env, s *Source, p *connectors.Problems,
	parse func(text string) (T, error),
) (of T, ok bool) {
	if !s.Given() {
		return of, false
	}
	text, err := s.Read(ctx, env)
	if err != nil {
		p.Addf(s.Key(), "%v; name the file of a schema", err)
		return of, false
	}
	if of, err = parse(text); err != nil {
		p.Addf(s.Key(), "%v; correct it", err)
		return of, false
	}
	return of, true
}
