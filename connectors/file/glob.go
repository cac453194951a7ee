package file

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// globMeta are the characters that make a path a pattern.
const globMeta = `*?[{`

// pattern is a compiled glob with the rules of the JDK, because job files that come from Flink
// carry such patterns: * and ? stop at a slash, ** does not, [a-z] [!abc] {one,two} and \x.
type pattern struct {
	text string
	re   *regexp.Regexp
}

// compileGlob translates a glob. Matching is linear in the length of the name.
func compileGlob(glob string) (pattern, error) {
	g := globParser{in: []rune(glob)}
	g.out.WriteString(`(?s)\A(?:`)
	if err := g.parse(); err != nil {
		return pattern{}, fmt.Errorf("reading pattern %q: %w", glob, err)
	}
	g.out.WriteString(`)\z`)
	re, err := regexp.Compile(g.out.String())
	if err != nil {
		return pattern{}, fmt.Errorf("reading pattern %q: %w", glob, err)
	}
	return pattern{text: glob, re: re}, nil
}

func (p pattern) match(name string) bool { return p.re.MatchString(name) }

// globParser writes the regular expression of a glob.
type globParser struct {
	in      []rune
	i       int
	inGroup bool
	out     strings.Builder
}

func (g *globParser) parse() error {
	for g.i < len(g.in) {
		c := g.in[g.i]
		g.i++
		switch c {
		case '\\':
			if g.i == len(g.in) {
				return fmt.Errorf("nothing follows the last backslash")
			}
			g.literal(g.in[g.i])
			g.i++
		case '*':
			if g.i < len(g.in) && g.in[g.i] == '*' {
				g.i++
				g.out.WriteString(`.*`)
			} else {
				g.out.WriteString(`[^/]*`)
			}
		case '?':
			g.out.WriteString(`[^/]`)
		case '[':
			if err := g.class(); err != nil {
				return err
			}
		case '{', '}', ',':
			if err := g.group(c); err != nil {
				return err
			}
		default:
			g.literal(c)
		}
	}
	if g.inGroup {
		return fmt.Errorf("a { is not closed")
	}
	return nil
}

func (g *globParser) literal(c rune) { g.out.WriteString(regexp.QuoteMeta(string(c))) }

func (g *globParser) group(c rune) error {
	switch {
	case c == '{' && g.inGroup:
		return fmt.Errorf("a { stands inside another")
	case c == '{':
		g.inGroup = true
		g.out.WriteString(`(?:`)
	case !g.inGroup:
		g.literal(c)
	case c == ',':
		g.out.WriteString(`|`)
	default:
		g.inGroup = false
		g.out.WriteString(`)`)
	}
	return nil
}

// class reads what follows a '['. A slash never matches, also inside a range such as [+-9].
func (g *globParser) class() error {
	negated := g.i < len(g.in) && g.in[g.i] == '!'
	if negated {
		g.i++
	}
	var ranges [][2]rune
	for first := true; ; first = false {
		if g.i == len(g.in) {
			return fmt.Errorf("a [ is not closed")
		}
		c := g.in[g.i]
		g.i++
		if c == ']' && !first {
			break
		}
		hi := c
		if g.i+1 < len(g.in) && g.in[g.i] == '-' && g.in[g.i+1] != ']' {
			hi = g.in[g.i+1]
			g.i += 2
		}
		switch {
		case c == '/' || hi == '/':
			return fmt.Errorf("a slash stands inside [ ]")
		case hi < c:
			return fmt.Errorf("range %c-%c runs backwards", c, hi)
		}
		ranges = append(ranges, [2]rune{c, hi})
	}
	g.writeClass(ranges, negated)
	return nil
}

func (g *globParser) writeClass(ranges [][2]rune, negated bool) {
	g.out.WriteByte('[')
	if negated {
		g.out.WriteString(`^/`)
	}
	for _, r := range ranges {
		if !negated && r[0] < '/' && '/' < r[1] {
			fmt.Fprintf(&g.out, `\x{%x}-\x{%x}\x{%x}-\x{%x}`, r[0], '/'-1, '/'+1, r[1])
			continue
		}
		fmt.Fprintf(&g.out, `\x{%x}-\x{%x}`, r[0], r[1])
	}
	g.out.WriteByte(']')
}

// filter decides which paths are read: with include patterns one of them must match, and no
// exclude pattern may. A pattern is tried against the whole path and against the path below the
// root, so that both "/logs/**.gz" and "*.gz" say what they seem to say.
type filter struct{ include, exclude []pattern }

func compileFilter(include, exclude []string) (f filter, err error) {
	if f.include, err = compileGlobs(include); err != nil {
		return filter{}, err
	}
	f.exclude, err = compileGlobs(exclude)
	return f, err
}

func compileGlobs(globs []string) ([]pattern, error) {
	var out []pattern
	for _, g := range globs {
		p, err := compileGlob(g)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// includes reports whether the file is wanted, as far as include patterns go.
func (f filter) includes(whole, below string) bool {
	return len(f.include) == 0 || matchAny(f.include, whole, below)
}

// excludes reports whether the file or folder is unwanted.
func (f filter) excludes(whole, below string) bool { return matchAny(f.exclude, whole, below) }

func matchAny(patterns []pattern, names ...string) bool {
	for _, p := range patterns {
		if slices.ContainsFunc(names, p.match) {
			return true
		}
	}
	return false
}

// splitGlob cuts a path or URL at its first segment that holds a glob character. root is what
// comes before, without escapes; rest is empty when there is no such segment.
func splitGlob(location string) (root, rest string) {
	from := 0
	if i := strings.Index(location, "://"); i >= 0 {
		from = i + len("://")
		if j := strings.IndexByte(location[from:], '/'); j >= 0 {
			from += j
		} else {
			return location, ""
		}
	}
	for i := from; i < len(location); {
		end := i + 1
		for end < len(location) && location[end] != '/' {
			end++
		}
		if hasGlob(location[i:end]) {
			start := i
			if location[i] == '/' {
				start++
			}
			return unescape(location[:start]), location[start:]
		}
		i = end
	}
	return unescape(location), ""
}

// hasGlob reports whether segment holds a glob character that is not escaped.
func hasGlob(segment string) bool {
	for i := 0; i < len(segment); i++ {
		switch {
		case segment[i] == '\\':
			i++
		case strings.IndexByte(globMeta, segment[i]) >= 0:
			return true
		}
	}
	return false
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// globSegments cuts a pattern at its slashes. It returns nil when a segment can match across a
// slash, which means that the pattern has to be tried against whole paths.
func globSegments(glob string) []string {
	segments := strings.Split(glob, "/")
	for _, s := range segments {
		if strings.Contains(s, "**") || strings.Count(s, "{") != strings.Count(s, "}") {
			return nil
		}
	}
	return segments
}
