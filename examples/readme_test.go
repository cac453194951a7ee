package examples

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// block is a fenced block of the README with its marker: <!-- test: KIND -->.
type block struct {
	kind string
	text string
	line int
}

var (
	marker = regexp.MustCompile(`^<!-- test: (.+) -->$`)
	fence  = regexp.MustCompile("^```")
)

// readme returns the marked blocks.
func readme(t *testing.T) []block {
	t.Helper()
	data, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	var blocks []block
	var kind string
	var inside *block
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case inside != nil && fence.MatchString(line):
			blocks = append(blocks, *inside)
			inside, kind = nil, ""
		case inside != nil:
			inside.text += line + "\n"
		case fence.MatchString(line) && kind != "":
			inside = &block{kind: kind, line: i + 1}
		case marker.MatchString(line):
			kind = marker.FindStringSubmatch(line)[1]
		}
	}
	require.NotEmpty(t, blocks)
	return blocks
}

// separator stands between the outputs of two blocks.
const separator = "==== next block ===="

// TestReadme runs the commands of the README in their order, in one shell, and looks for every
// line of the outputs that it shows.
func TestReadme(t *testing.T) {
	r := clone(t)
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	const recipe = "\t./examples/orders/run.sh $(BUILD)\n"
	require.Contains(t, string(makefile), recipe, "what make run does")
	require.NoError(t, os.WriteFile(r.path("Makefile"), []byte("BUILD = build\nrun:\n"+recipe), 0o644))

	script := "set -e\n"
	blocks := readme(t)
	for _, b := range blocks {
		if b.kind == "run" {
			script += b.text + "echo '" + separator + "'\n"
		}
	}
	stdout, _ := r.run("bash", "-c", script)
	outputs := strings.Split(stdout, separator)
	ran := -1
	for _, b := range blocks {
		switch file, part := strings.CutPrefix(b.kind, "part of "); {
		case b.kind == "run":
			ran++
		case b.kind == "output":
			requireLines(t, b, outputs[ran])
		case part:
			data, err := os.ReadFile(r.path(file))
			require.NoError(t, err)
			require.Contains(t, string(data), b.text, "README.md:%d", b.line)
		}
	}
}

// requireLines looks for the lines of b in their order; "..." stands for any.
func requireLines(t *testing.T, b block, output string) {
	t.Helper()
	rest := strings.Split(output, "\n")
	for _, want := range strings.Split(strings.TrimSpace(b.text), "\n") {
		if want == "..." {
			continue
		}
		found := false
		for i, line := range rest {
			if strings.TrimRight(line, " ") == want {
				rest, found = rest[i+1:], true
				break
			}
		}
		require.True(t, found, "README.md:%d: no line %q in\n%s", b.line, want, output)
	}
}

// TestReadmeJob validates the job file that the README shows.
func TestReadmeJob(t *testing.T) {
	r := clone(t)
	for _, b := range readme(t) {
		if b.kind != "job" {
			continue
		}
		require.NoError(t, os.WriteFile(r.path("job.toml"), []byte(b.text), 0o644))
		out, _ := r.run("wasmflow", "validate", "job.toml")
		require.Contains(t, out, "job.toml is fine")
		return
	}
	t.Fatal("the README shows no job file")
}

// TestReadmeCommands asks the binary for help about every command that the README lists.
func TestReadmeCommands(t *testing.T) {
	r := clone(t)
	for _, b := range readme(t) {
		if b.kind != "commands" {
			continue
		}
		for line := range strings.Lines(b.text) {
			command, args, _ := strings.Cut(strings.TrimPrefix(line, "wasmflow "), " ")
			help, _ := r.run("wasmflow", "help", command)
			usage, _, _ := strings.Cut(help, "\n")
			args, _, _ = strings.Cut(args, "#")
			found := false
			for _, word := range strings.Fields(args) {
				if strings.HasPrefix(word, "--") {
					require.Contains(t, help, "\n  "+word, "README: %s", line)
				}
				found = found || strings.Contains(usage, word)
			}
			require.True(t, found, "README: %s wants something of %q", line, usage)
		}
	}
}

// TestDocumentsLinkToFiles follows the links between the documents.
func TestDocumentsLinkToFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, name := range []string{
		"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "ARCHITECTURE.md", "RATIONALE.md",
	} {
		data, err := os.ReadFile("../" + name)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			_, err := os.Stat("../" + m[1])
			require.NoError(t, err, "%s links to %s", name, m[1])
		}
	}
}
