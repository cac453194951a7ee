package config

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// nestingMax bounds how deep lists and tables stand in each other and how many parts a dotted key
// has. The TOML parser recurses once per level and would use up the stack on a hostile file; no
// job file comes near.
const nestingMax = 64

// mark says where one key, table or list element of a document begins, and holds the marks of
// what stands inside it.
type mark struct {
	line    int
	defined bool // by a header or a "key =" of its own, not only implied by one below it
	keys    map[string]*mark
	items   []*mark
}

// child returns the mark of key below m; a new one begins at line.
func (m *mark) child(key string, line int) *mark {
	if c, ok := m.keys[key]; ok {
		return c
	}
	if m.keys == nil {
		m.keys = map[string]*mark{}
	}
	c := &mark{line: line}
	m.keys[key] = c
	return c
}

// first returns the line above before where key, in dotted form, is defined; 0 is none.
func (m *mark) first(key string, before int) int {
	parts := (&lineScanner{src: key, line: 1}).dottedKey()
	for i, part := range parts {
		if m = m.keys[part]; m == nil {
			return 0
		}
		if i == len(parts)-1 {
			break
		}
		for _, item := range m.items {
			if item.line < before {
				m = item
			}
		}
	}
	if m.line >= before {
		return 0
	}
	return m.line
}

// descend follows parts from m. A list of tables stands for its last element, as in TOML.
func (m *mark) descend(parts []string, line int) *mark {
	for _, part := range parts {
		m = m.child(part, line)
		if n := len(m.items); n > 0 {
			m = m.items[n-1]
		}
	}
	return m
}

// lineScanner finds the lines of a document. It trusts that the TOML parser reads the same text
// and refuses what is malformed: on such text it may find nonsense, but it ends, and it agrees
// with the parser on everything before the first error.
type lineScanner struct {
	src   string
	at    int
	line  int
	depth int
	deep  int // line at which nestingMax was passed; 0 while it was not
}

// scanLines returns the marks of src and 0, or the line at which it is nested too deeply.
func scanLines(src string) (root *mark, tooDeep int) {
	s := &lineScanner{src: src, line: 1}
	for _, bom := range []string{"\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} {
		if strings.HasPrefix(src, bom) {
			s.at = len(bom)
			break
		}
	}
	root = &mark{line: 1}
	table := root
	for s.skipBlank(); s.more(); s.skipBlank() {
		start := s.at
		table = s.statement(root, table)
		if s.at == start {
			s.at++ // a malformed line: the parser names it
		}
	}
	return root, s.deep
}

// statement reads one header or one "key = value" of table, and returns the table that follows.
func (s *lineScanner) statement(root, table *mark) *mark {
	line := s.line
	switch {
	case s.take("[["):
		parts := s.dottedKey()
		s.skipBlank()
		s.take("]]")
		if len(parts) == 0 {
			return table
		}
		last := len(parts) - 1
		list := root.descend(parts[:last], line).child(parts[last], line)
		list.items = append(list.items, &mark{line: line})
		return list.items[len(list.items)-1]
	case s.take("["):
		parts := s.dottedKey()
		s.skipBlank()
		s.take("]")
		table = root.descend(parts, line)
		// A table that was only implied by a header below it begins at its own header.
		if !table.defined {
			table.line, table.defined = line, true
		}
		return table
	default:
		s.pair(table)
		return table
	}
}

// pair reads "key = value".
func (s *lineScanner) pair(table *mark) {
	line := s.line
	parts := s.dottedKey()
	s.skipBlank()
	if len(parts) == 0 || !s.take("=") {
		return
	}
	s.skipBlank()
	m := table.descend(parts, line)
	m.defined = true
	s.value(m)
}

// value reads a value into m, whose line is already set.
func (s *lineScanner) value(m *mark) {
	if s.depth++; s.depth > nestingMax {
		s.giveUp()
	}
	defer func() { s.depth-- }()
	switch {
	case s.take("["):
		s.list(m)
	case s.take("{"):
		s.inlineTable(m)
	case s.peek(`"`), s.peek(`'`):
		s.quoted()
	default:
		for s.more() && !strings.ContainsRune(",]}#\n", rune(s.src[s.at])) {
			s.at++
		}
	}
}

func (s *lineScanner) list(m *mark) {
	m.items = []*mark{}
	for s.skipBlank(); s.more(); s.skipBlank() {
		if s.take("]") {
			return
		}
		start := s.at
		item := &mark{line: s.line}
		s.value(item)
		m.items = append(m.items, item)
		s.skipBlank()
		s.take(",")
		if s.at == start {
			return
		}
	}
}

func (s *lineScanner) inlineTable(m *mark) {
	for s.skipBlank(); s.more(); s.skipBlank() {
		if s.take("}") {
			return
		}
		start := s.at
		s.pair(m)
		s.skipBlank()
		s.take(",")
		if s.at == start {
			return
		}
	}
}

// dottedKey reads the parts of a key.
func (s *lineScanner) dottedKey() []string {
	var parts []string
	for {
		s.skipBlank()
		start := s.at
		if s.peek(`"`) || s.peek(`'`) {
			s.quoted()
			parts = append(parts, unquoteKey(s.src[start:s.at]))
		} else {
			for s.more() && isBareKeyByte(s.src[s.at]) {
				s.at++
			}
			if s.at == start {
				return parts
			}
			parts = append(parts, s.src[start:s.at])
		}
		if len(parts) > nestingMax {
			s.giveUp()
		}
		s.skipBlank()
		if !s.take(".") {
			return parts
		}
	}
}

// quoted reads a string of any of the four kinds, without looking at its content.
func (s *lineScanner) quoted() {
	quote := s.src[s.at : s.at+1]
	multi := strings.Repeat(quote, 3)
	end := quote
	if s.take(multi) {
		end = multi
	} else {
		s.at++
	}
	for s.more() && !s.peek(end) {
		switch {
		case quote == `"` && s.peek(`\`):
			s.step() // what it escapes is stepped over below
		case end == quote && s.peek("\n"):
			return // malformed: such a string ends on its line
		}
		if s.more() {
			s.step()
		}
	}
	s.take(end)
	// A multi-line string may end in one or two quotes of its own before the closing three.
	for i := 0; i < 2 && end == multi && s.peek(quote); i++ {
		s.at++
	}
}

// skipBlank steps over white space, line ends and comments.
func (s *lineScanner) skipBlank() {
	for s.more() {
		switch s.src[s.at] {
		case ' ', '\t', '\r', '\n':
			s.step()
		case '#':
			for s.more() && s.src[s.at] != '\n' {
				s.at++
			}
		default:
			return
		}
	}
}

// step moves over one byte.
func (s *lineScanner) step() {
	if s.src[s.at] == '\n' {
		s.line++
	}
	s.at++
}

func (s *lineScanner) more() bool           { return s.at < len(s.src) }
func (s *lineScanner) peek(tok string) bool { return strings.HasPrefix(s.src[s.at:], tok) }

func (s *lineScanner) take(tok string) bool {
	if !s.peek(tok) {
		return false
	}
	s.at += len(tok)
	return true
}

// giveUp ends the scan: the document is nested too deeply.
func (s *lineScanner) giveUp() {
	if s.deep == 0 {
		s.deep = s.line
	}
	s.at = len(s.src)
}

func isBareKeyByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' ||
		b == '-'
}

// unquoteKey returns what a quoted key means. Escapes are rare and left to the parser.
func unquoteKey(quoted string) string {
	if len(quoted) < 2 {
		return quoted
	}
	if !strings.Contains(quoted, `\`) || quoted[0] == '\'' {
		return quoted[1 : len(quoted)-1]
	}
	var doc struct {
		Key string `toml:"key"`
	}
	if _, err := decodeTOML("key = "+quoted, &doc); err != nil {
		return quoted
	}
	return doc.Key
}

// decodeTOML is toml.Decode without its panics: the parser panics where it believes its own lexer
// to be wrong, and a job file must not take the process down (J6).
func decodeTOML(src string, into any) (md toml.MetaData, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = toml.ParseError{Message: "malformed", Position: toml.Position{Line: 1}}
		}
	}()
	return toml.Decode(src, into)
}
