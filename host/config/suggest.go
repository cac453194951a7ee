package config

import (
	"fmt"
	"slices"
	"strings"
)

// unknown says that word is none of known, and what was perhaps meant. what is "key", "plugin".
func unknown(what, word string, known []string) string {
	text := "unknown " + what
	if word != "" {
		text += fmt.Sprintf(" %q", word)
	}
	if near := Suggest(word, known); near != "" {
		return fmt.Sprintf("%s; did you mean %q?", text, near)
	}
	if len(known) == 0 {
		return text + "; there is none"
	}
	return text + "; there are " + strings.Join(known, ", ")
}

// unknownKey says the same of a key, whose name the reader has already seen.
func unknownKey(key string, known []string) string {
	if near := Suggest(key, known); near != "" {
		return fmt.Sprintf("unknown key; did you mean %q?", near)
	}
	return "unknown key; known here: " + strings.Join(known, ", ")
}

// Suggest returns the one of known that is nearest to word, or "" when none is near. One slip is
// allowed in every three letters, up to three.
func Suggest(word string, known []string) string {
	best, bestDistance := "", min(3, max(1, len(word)/3))+1
	for _, k := range known {
		if d := distance(fold(word), fold(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// fold removes the differences that people do not see.
func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance returns how many letters must be added, left out, changed or swapped with their
// neighbour to make b out of a.
func distance(a, b string) int {
	// Words that differ too much in length are never near; do not fill a table for them.
	if len(a) > len(b)+3 || len(b) > len(a)+3 {
		return max(len(a), len(b))
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// sortedNames returns the keys of m in order.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
