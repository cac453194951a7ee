package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// secretBytesMax bounds a file that holds a secret: a key or a certificate fits many times,
	// a wrong path does not fill the memory.
	secretBytesMax = 64 << 10
	// maskBytesMin is the shortest value that is masked in texts. A shorter one is no secret, and
	// masking every "1" would make the texts unreadable.
	maskBytesMin = 4
)

var (
	envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	scheme  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
)

// mask replaces secret values in texts by what stands in the job file for them (J4).
type mask struct{ values []maskedValue }

type maskedValue struct{ value, shown string }

// add masks value from now on.
func (m *mask) add(value, shown string) {
	entry := maskedValue{value, shown}
	if len(value) < maskBytesMin || slices.Contains(m.values, entry) {
		return
	}
	m.values = append(m.values, entry)
	// Longest first: a value that contains another must not be shown in part.
	slices.SortStableFunc(m.values, func(a, b maskedValue) int {
		return cmp.Compare(len(b.value), len(a.value))
	})
}

// apply returns text without any masked value, as it stands and as %q would have written it.
func (m *mask) apply(text string) string {
	for _, v := range m.values {
		text = strings.ReplaceAll(text, v.value, v.shown)
		if quoted := fmt.Sprintf("%q", v.value); quoted[1:len(quoted)-1] != v.value {
			text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], v.shown)
		}
	}
	return text
}

// expander completes strings of a job file with what lies outside of it.
type expander struct {
	dir       string // absolute folder of the job file
	lookupEnv func(string) (string, bool)
	readFile  func(path string, sizeMax int64) ([]byte, error)
	mask      *mask
}

// text replaces ${NAME} in s by the environment variable and $$ by $.
func (e *expander) text(s string) (string, error) {
	if !strings.Contains(s, "$") {
		return s, nil
	}
	var b strings.Builder
	var errs []error
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), errors.Join(errs...)
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			s = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				return "", errors.Join(append(errs,
					errors.New("${ without }; write $${ for a literal ${"))...)
			}
			value, err := e.variable(name)
			if err != nil {
				errs = append(errs, err)
			}
			b.WriteString(value)
			s = rest
		default:
			b.WriteByte('$')
			s = after
		}
	}
}

// variable returns the value of the environment variable name and masks it.
func (e *expander) variable(name string) (string, error) {
	if !envName.MatchString(name) {
		return "", fmt.Errorf("${%s} names no environment variable; write $${ for a literal ${",
			name)
	}
	value, ok := e.lookupEnv(name)
	switch {
	case !ok:
		return "", fmt.Errorf("environment variable %s is not set; set it before the start", name)
	case !utf8.ValidString(value):
		return "", fmt.Errorf("environment variable %s is not UTF-8 text", name)
	}
	e.mask.add(value, "${"+name+"}")
	return value, nil
}

// secret resolves { env = "NAME" } or { file = "path" }, given as key and value.
func (e *expander) secret(key, value string) (connectors.Secret, error) {
	if key == "env" {
		text, err := e.variable(value)
		return connectors.NewSecret(text), err
	}
	path := e.path(value)
	data, err := e.readFile(path, secretBytesMax)
	if err != nil {
		return connectors.Secret{}, fmt.Errorf("reading the secret in %s: %w", path, cause(err))
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	e.mask.add(text, "***")
	if text == "" || !utf8.ValidString(text) {
		return connectors.Secret{}, fmt.Errorf("the file %s holds no text; write the secret into it",
			path)
	}
	return connectors.NewSecret(text), nil
}

// path makes a path of the job file absolute. URLs and the empty path stay as they are.
func (e *expander) path(p string) string {
	if p == "" || scheme.MatchString(p) {
		return p
	}
	return absolute(e.dir, p)
}

// cause strips the path from an error of the file system: the text names it already.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
