package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// contender copies the input topic to the output topic, exactly once.
type contender struct {
	letter string // in the report
	name   string
	upper  bool // it puts values into capitals
	// argv returns the command. dir is an empty folder of its own.
	argv func(dir string, s setting) ([]string, error)
}

// setting is what differs between the measurements.
type setting struct {
	brokers string
	every   time.Duration // between two commits
	id      string        // different in every run
	latest  bool          // start at the end of the input and run until killed
	admin   string        // address of wasmflow's admin server; empty leaves it off
}

// Letters of the contenders in the report.
const (
	letterPlain  = "a"
	letterTuned  = "a2"
	letterNone   = "b"
	letterC      = "c"
	letterScalar = "c, scalar"
	letterGo     = "d"
)

// contenders returns all of them. self is this binary, which holds the bare loops.
func contenders(self, binary string, guests guestFiles) []contender {
	loop := func(kind string) func(string, setting) ([]string, error) {
		return func(_ string, s setting) ([]string, error) {
			argv := []string{self, "-loop", kind, "-brokers", s.brokers, "-id", s.id,
				"-every", s.every.String()}
			if s.latest {
				argv = append(argv, "-latest")
			}
			return argv, nil
		}
	}
	job := func(guest, function string) func(string, setting) ([]string, error) {
		return func(dir string, s setting) ([]string, error) {
			path := filepath.Join(dir, "job.toml")
			text := jobFile(s, guest, function)
			return []string{binary, "run", path}, os.WriteFile(path, []byte(text), 0o644)
		}
	}
	return []contender{
		{letterPlain, "plain franz-go group transactions, native capitals", true, loop(loopPlain)},
		{letterTuned, "tuned franz-go loop, native capitals", true, loop(loopTuned)},
		{letterNone, "wasmflow, no function", false, job("", "")},
		{letterC, "wasmflow, C guest with vectors", true, job(guests.c, "uppercase")},
		{letterScalar, "wasmflow, C guest without vectors", true, job(guests.scalar, "uppercase")},
		{letterGo, "wasmflow, Go guest", true, job(guests.golang, "uppercase")},
	}
}

// guestFiles are the upper-case guests.
type guestFiles struct{ c, scalar, golang string }

// jobFile is the job as a user writes it. Everything that is not named is a default.
func jobFile(s setting, guest, function string) string {
	var b strings.Builder
	start, stop := "earliest", "latest"
	if s.latest {
		start, stop = "latest", "never"
	}
	admin := "off"
	if s.admin != "" {
		admin = s.admin
	}
	fmt.Fprintf(&b, "name = %q\ncheckpoint = { interval = %q, store = \"store\" }\n"+
		"admin = { address = %q }\n", s.id, s.every, admin)
	fmt.Fprintf(&b, "[sources.in]\nconnector = \"kafka\"\nbrokers = [%q]\ntopics = [%q]\n"+
		"start = %q\nstop = %q\n", s.brokers, inTopic, start, stop)
	from := "in"
	if guest != "" {
		from = "upper"
		fmt.Fprintf(&b, "[plugins.guest]\npath = %q\n[transforms.upper]\nfrom = [\"in\"]\n"+
			"plugin = \"guest\"\nfunction = %q\n", guest, function)
	}
	fmt.Fprintf(&b, "[sinks.out]\nconnector = \"kafka\"\nfrom = [%q]\nbrokers = [%q]\n"+
		"topic = %q\nsemantic = \"exactly-once\"\n", from, s.brokers, outTopic)
	return b.String()
}

// running is a contender under way, with what it said.
type running struct {
	*exec.Cmd
	said bytes.Buffer
}

// wait waits for the end. What the contender said is in the error.
func (r *running) wait() error {
	if err := r.Wait(); err != nil {
		return fmt.Errorf("running %s: %w\n%s", strings.Join(r.Args, " "), err, r.said.String())
	}
	return nil
}

// kill ends a contender that runs until it is told.
func (r *running) kill() {
	_ = r.Process.Kill() // it may have ended
	_ = r.Wait()         // "signal: killed" is what is wanted
}

// start runs c in a folder of its own below dir.
func (c contender) start(ctx context.Context, dir string, s setting) (*running, error) {
	own, err := os.MkdirTemp(dir, "contender-")
	if err != nil {
		return nil, err
	}
	argv, err := c.argv(own, s)
	if err != nil {
		return nil, err
	}
	r := &running{Cmd: exec.CommandContext(ctx, argv[0], argv[1:]...)}
	r.Dir, r.Stderr = own, &r.said
	return r, r.Start()
}
