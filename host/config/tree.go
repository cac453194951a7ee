package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// node is one value of a document and the line where it begins.
type node struct {
	line   int
	scalar any              // string, int64, float64, bool or time.Time
	table  map[string]*node // not nil for tables
	list   []*node          // not nil for lists
}

// parseTree parses src. A syntax error becomes a problem of c, and the tree is nil.
func parseTree(src string, c *collector) *node {
	marks, tooDeep := scanLines(src)
	if tooDeep > 0 {
		c.addf(tooDeep, "", "nested more than %d levels deep; flatten it", nestingMax)
		return nil
	}
	doc := map[string]any{}
	if _, err := decodeTOML(src, &doc); err != nil {
		addSyntaxError(c, err, marks)
		return nil
	}
	return treeOf(doc, marks, marks.line)
}

// fileText finds what the parser repeats of the file in its messages.
var fileText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|^\S+ is out of`)

// definedTwice finds the key in what the parser says of one that is there twice.
var definedTwice = regexp.MustCompile(`^Key '(.+)' has already been defined$`)

// addSyntaxError keeps the parser's line and words, but not what it repeats of the file, unless
// that is a key: the place of a mistake may be the value of a secret (J4).
func addSyntaxError(c *collector, err error, marks *mark) {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		c.addf(1, "", "not readable as TOML")
		return
	}
	text, _, _ := strings.Cut(parse.Message, "\n")
	text = strings.TrimSuffix(text, ".")
	if !strings.HasPrefix(text, "Key ") {
		text = fileText.ReplaceAllStringFunc(text, func(s string) string {
			if strings.HasSuffix(s, " is out of") {
				return "a number is out of"
			}
			if len(s)-len(`""`) < maskBytesMin {
				return s
			}
			return "..."
		})
	}
	if key := definedTwice.FindStringSubmatch(text); key != nil {
		if first := marks.first(key[1], parse.Position.Line); first > 0 {
			text += fmt.Sprintf(", in line %d; put both together or give one another name", first)
		}
	}
	if strings.HasPrefix(text, "expected value but found") {
		text += "; put text between quotes"
	}
	if strings.HasPrefix(text, "strings cannot contain newlines") ||
		strings.HasPrefix(text, "unexpected EOF; expected '\"'") {
		text = "a string has no end; close it with a quote in the line it begins in, or write it " +
			"between three quotes"
	}
	c.addf(max(parse.Position.Line, 1), "", "not valid TOML: %s", text)
}

// treeOf joins a parsed value with its marks. Where a mark is missing the line of the parent is
// near enough.
func treeOf(v any, m *mark, line int) *node {
	if m == nil {
		m = &mark{line: line}
	}
	n := &node{line: m.line}
	switch v := v.(type) {
	case map[string]any:
		n.table = make(map[string]*node, len(v))
		for key, x := range v {
			n.table[key] = treeOf(x, m.keys[key], m.line)
		}
	case []map[string]any:
		n.list = make([]*node, len(v))
		for i, x := range v {
			n.list[i] = treeOf(x, m.item(i), m.line)
		}
	case []any:
		n.list = make([]*node, len(v))
		for i, x := range v {
			n.list[i] = treeOf(x, m.item(i), m.line)
		}
	default:
		n.scalar = v
	}
	return n
}

func (m *mark) item(i int) *mark {
	if i < len(m.items) {
		return m.items[i]
	}
	return nil
}

// keys returns the keys of a table in the order of the file.
func (n *node) keys() []string {
	keys := make([]string, 0, len(n.table))
	for key := range n.table {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(n.table[a].line, n.table[b].line), cmp.Compare(a, b))
	})
	return keys
}

// kind names the type of n for messages.
func (n *node) kind() string {
	switch n.scalar.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a number"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date"
	}
	if n.table != nil {
		return "a table"
	}
	return "a list"
}

// lineOf returns the line of the value that key, a dotted path below n, leads to, or of the
// deepest table on the way to it that exists.
func (n *node) lineOf(key string) int {
	for _, part := range strings.FieldsFunc(key, func(r rune) bool { return r == '.' || r == '[' }) {
		next := n.table[part]
		if index, ok := strings.CutSuffix(part, "]"); ok {
			next = n.element(index)
		}
		if next == nil {
			break
		}
		n = next
	}
	return n.line
}

func (n *node) element(index string) *node {
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(n.list) {
		return nil
	}
	return n.list[i]
}
