package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/bench/measure"
)

// steps are what is done with a scaffolded project, in its folder.
func steps() []string { return []string{"build", "test", "run"} }

func scaffoldColumns() []string {
	return []string{"language", "`new`, s", "`make build`, s", "`make test`, s", "`make run`, s"}
}

// scaffolded are the records that the job of every scaffold writes.
const scaffolded = "{\"item\":\"coffee\",\"cents\":310}\n{\"item\":\"tea\",\"cents\":250}\n"

// maker makes and runs projects.
type maker struct {
	wasmflow, dir string
}

// scaffolds begins a plugin in each language, builds, tests and runs it as its README says, and
// writes to the page how long that took.
func scaffolds(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("scaffolds", flag.ContinueOnError)
	wasmflow := flags.String("wasmflow", "build/wasmflow", "the program")
	page := flags.String("page", "docs/languages.md", "page to write to; none for none")
	only := flags.String("only", "", "languages, separated by commas; none is all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	m := &maker{}
	if m.wasmflow, err = filepath.Abs(*wasmflow); err != nil {
		return err
	}
	if m.dir, err = os.MkdirTemp("", "wasmflow-scaffolds-"); err != nil {
		return fmt.Errorf("making a clean folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(m.dir)) }()
	languages, err := m.languages(ctx)
	if err != nil {
		return err
	}
	if *only != "" {
		languages = strings.Split(*only, ",")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Written by `make scaffolds`. %s.\n\nSeconds on the clock, in a clean folder. What "+
		"tools keep elsewhere was there: Go's cache, npm's\ndownloads, compiled modules.\n\n",
		measure.Machine())
	b.WriteString(tableHead(scaffoldColumns()))
	var wrong []error
	for _, language := range languages {
		progress("a plugin in %s", language)
		took, err := m.make(ctx, language)
		if err != nil {
			progress("%v", err)
			wrong = append(wrong, err)
			continue
		}
		b.WriteString(tableRow(append([]string{language}, took...)...))
	}
	fmt.Print(b.String())
	if err := errors.Join(wrong...); err != nil {
		return err // a page with all languages, or none
	}
	if *page == "" {
		return nil
	}
	return write(*page, scaffoldsPart, b.String())
}

// languages are those that the program says there are.
func (m *maker) languages(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, m.wasmflow, "new", "plugin", "prices", "--lang", "none")
	text, err := cmd.CombinedOutput()
	_, list, ok := strings.Cut(string(text), "there are ")
	if err == nil || !ok {
		return nil, fmt.Errorf("asking for the languages: %w\n%s", err, text)
	}
	list, _, _ = strings.Cut(list, ";")
	return strings.Split(list, ", "), nil
}

// make takes a project through all steps and returns how long they took.
func (m *maker) make(ctx context.Context, language string) ([]string, error) {
	dir := filepath.Join(m.dir, language)
	commands := [][]string{{m.wasmflow, "new", "plugin", "prices", "--lang", language, "--dir", dir}}
	for _, step := range steps() {
		commands = append(commands, []string{"make", "-C", dir, step, "WASMFLOW=" + m.wasmflow})
	}
	var took []string
	for _, c := range commands {
		cmd := exec.CommandContext(ctx, c[0], c[1:]...)
		var text bytes.Buffer
		cmd.Stdout, cmd.Stderr = &text, &text
		begun := time.Now()
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%s: running %s: %w\n%s", language, strings.Join(c, " "), err,
				text.Bytes())
		}
		took = append(took, fmt.Sprintf("%.1f", time.Since(begun).Seconds()))
	}
	return took, checkOutput(language, filepath.Join(dir, "output"))
}

// checkOutput compares what the job wrote with what it should have.
func checkOutput(language, dir string) error {
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		data, err := os.ReadFile(path)
		lines = append(lines, strings.SplitAfter(string(data), "\n")...)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: reading the output: %w", language, err)
	}
	slices.Sort(lines)
	if got := strings.Join(lines, ""); got != scaffolded {
		return fmt.Errorf("%s: the job wrote %q, it should be %q", language, got, scaffolded)
	}
	return nil
}
