package main

import (
	"fmt"
	"os"
	"strings"
)

// The parts of the page that are written by this command.
const (
	costsPart     = "costs"
	scaffoldsPart = "scaffolds"
)

// marks stand around a part of the page.
func marks(part string) (begin, end string) {
	return "<!-- " + part + ": written by a program -->\n", "<!-- end of " + part + " -->\n"
}

// partOf returns where a part of the page stands.
func partOf(page, part string) (from, to int, err error) {
	begin, end := marks(part)
	from, to = strings.Index(page, begin), strings.Index(page, end)
	if from += len(begin); from < len(begin) || to < from {
		return 0, 0, fmt.Errorf("finding the part %s of the page: its marks are gone", part)
	}
	return from, to, nil
}

// write puts the text in the place of a part of the page.
func write(path, part, text string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	page := string(data)
	from, to, err := partOf(page, part)
	if err != nil {
		return err
	}
	page = page[:from] + "\n" + text + "\n" + page[to:]
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}
