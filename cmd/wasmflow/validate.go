package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/kafka"
	"github.com/wasmflow/wasmflow/host/config"
)

// connectTimeout bounds the look at one outside system. It is longer than a broker takes that is
// just starting, and shorter than a person waits.
const connectTimeout = 30 * time.Second

// verdict is what validate prints.
type verdict struct {
	File     string           `json:"file"`
	Job      string           `json:"job,omitempty"`
	OK       bool             `json:"ok"`
	Problems []config.Problem `json:"problems"`
	Warnings []config.Problem `json:"warnings"`

	Guarantee connectors.Guarantee `json:"guarantee,omitempty"` // of all output together
	Log       string               `json:"log,omitempty"`       // where epochs are decided
	Together  []string             `json:"together,omitempty"`  // sinks in the log's transaction
}

func validateCommand() command {
	return command{
		name: "validate", usage: "job.toml",
		summary: "find what is wrong with a job file",
		help: `
Every problem is named with file, line and key. Plugins are loaded and opened
with their configuration, so that they can refuse it; those on a server are
fetched. Nothing else is touched:

  wasmflow validate job.toml
  wasmflow validate --connect job.toml     also look at paths, servers, the store
  wasmflow validate --production job.toml  demand a digest of every plugin

Exit code 0 is fine, 2 a refused job file or plugin, 3 a refusal of --connect.
`,
		setup: func(flags *flag.FlagSet) action {
			connect := flags.Bool("connect", false, "look at what the job reads and writes, too")
			production := flags.Bool("production", false, "demand that every plugin is pinned")
			asJSON := flags.Bool("json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				file, err := one("validate", "a job file", args)
				if err != nil {
					return err
				}
				return validate(ctx, p, file, *connect, *production, *asJSON)
			}
		},
	}
}

func validate(ctx context.Context, p *process, file string, connect, production, asJSON bool,
) error {
	v := verdict{File: file, Problems: []config.Problem{}, Warnings: []config.Problem{}}
	job, err := loadJob(p, file, production)
	if err == nil {
		v.Job, v.Warnings = job.Name, append(v.Warnings, job.Warnings...)
		v.Guarantee, v.Log, v.Together = job.Guarantee(), job.Decider.Log, job.Decider.Members
		var more []config.Problem
		more, err = check(ctx, p, job, connect)
		v.Warnings = append(v.Warnings, more...)
	}
	v.OK = err == nil
	if !asJSON {
		for _, w := range v.Warnings {
			fmt.Fprintf(p.stderr, "%s (warning)\n", w)
		}
		if v.OK {
			fmt.Fprintf(p.stdout, "%s is fine: %s\n%s\n", file, shape(job), promise(job))
		}
		return err
	}
	var refused *config.Error
	if errors.As(err, &refused) {
		v.Problems = append(v.Problems, refused.Problems...)
	} else if err != nil {
		v.Problems = append(v.Problems, config.Problem{File: file, Text: err.Error()})
	}
	return errors.Join(printJSON(p.stdout, v), err)
}

// shape says what a job consists of.
func shape(job *config.Job) string {
	return fmt.Sprintf("job %q with %s, %s, %s, %s", job.Name,
		several(len(job.Sources), "source"), several(len(job.Transforms), "transform"),
		several(len(job.Sinks), "sink"), several(len(job.Plugins), "plugin"))
}

// promise says what the output of a job is worth, and where its epochs are decided.
func promise(job *config.Job) string {
	d := job.Decider
	text := fmt.Sprintf("  guarantee  %s\n  log        %s", job.Guarantee(), d.Log)
	if len(d.Members) > 0 {
		text += ", in one transaction with the output of " + strings.Join(d.Members, ", ")
	}
	return text
}

// several counts things.
func several(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// check plans the job, loads and opens its plugins and, with connect, looks at the outside. It
// returns what is worth a warning there.
func check(ctx context.Context, p *process, job *config.Job, connect bool,
) (warnings []config.Problem, err error) {
	engine, err := newEngine(ctx, p, job, running{}, quiet())
	if err != nil {
		return nil, err
	}
	defer closing(ctx, engine.Close, &err)
	if !connect {
		return missingInput(job), nil
	}
	closeBroker, err := embedBroker(ctx, p, job)
	if err != nil {
		return nil, err
	}
	defer closeBroker()
	if err := checkConnectors(ctx, p, job, true); err != nil {
		return nil, errors.Join(err, checkStore(ctx, p, job))
	}
	warnings, err = checkLog(ctx, p, job)
	return warnings, errors.Join(err, checkStore(ctx, p, job))
}

// missingInput warns of what sources are to read on this machine and is not there: it may come
// before the job runs.
func missingInput(job *config.Job) (warnings []config.Problem) {
	for _, s := range job.Sources {
		r, ok := s.Config.(connectors.FileReader)
		if !ok {
			continue
		}
		root := r.FileReach().Root
		if root == "" || strings.Contains(root, "://") {
			continue
		}
		_, err := os.Stat(root)
		var at *config.Error
		if errors.Is(err, fs.ErrNotExist) && errors.As(job.Refuse("sources."+s.Name+".path",
			"there is nothing at "+root+"; correct the path, or make it before the job runs"), &at) {
			warnings = append(warnings, at.Problems...)
		}
	}
	return warnings
}

// checkLog looks at the system in which epochs are decided. It changes nothing.
func checkLog(ctx context.Context, p *process, job *config.Job) ([]config.Problem, error) {
	sink := job.Decider.Sink
	if sink == nil {
		return nil, nil
	}
	key := stageKey(job, sink.Name)
	texts, err := sink.Config.(*kafka.SinkConfig).CheckLog(ctx, lookEnv(p, job, sink.Name),
		kafka.SessionOptions{Interval: job.Checkpoint.Interval.D(), ReadOnly: true})
	if err != nil {
		return nil, &startError{refuse(job, settingOf(job, key, err), err)}
	}
	var out []config.Problem
	for _, text := range texts {
		var at *config.Error
		if errors.As(job.Refuse(key, text), &at) {
			out = append(out, at.Problems...)
		}
	}
	return out, nil
}

// checkConnectors looks at every system that the job writes and, with sources, reads. It changes
// nothing. All problems are reported.
func checkConnectors(ctx context.Context, p *process, job *config.Job, sources bool) error {
	var found config.Error
	tasks := job.Settings.Tasks(runtime.NumCPU())
	look := func(key, name string, c any) {
		checker, ok := c.(connectors.Checker)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		err := checker.CheckConnect(ctx, connectors.Env{
			Job: job.Name, Name: name, Parallelism: tasks, Logger: quiet(),
			Registerer: prometheus.NewRegistry(), Now: time.Now, FileSystems: fileSystems(p, false),
		})
		var at *config.Error
		if err != nil && errors.As(job.Refuse(settingOf(job, key, err), withRemedy(err)), &at) {
			found.Problems = append(found.Problems, at.Problems...)
		}
	}
	for _, s := range job.Sources {
		if sources {
			look("sources."+s.Name, s.Name, s.Config)
		}
	}
	for _, f := range job.Formats() {
		if sources || !strings.HasPrefix(f.Key, "sources.") {
			look(f.Key, f.Name, f.Ref.Options)
		}
	}
	for _, s := range job.Sinks {
		look("sinks."+s.Name, s.Name, s.Config)
	}
	if job.DeadLetter != nil {
		look(config.DeadLetterName, config.DeadLetterName, job.DeadLetter.Config)
	}
	if len(found.Problems) == 0 {
		return nil
	}
	return &startError{&found}
}

// checkStore reads what a start would build on, without claiming it.
func checkStore(ctx context.Context, p *process, job *config.Job) (err error) {
	s, err := openStore(ctx, p, job)
	if err != nil {
		return err
	}
	j, err := openJournal(ctx, p, s, job)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	last, _, err := j.Last(ctx)
	if err != nil {
		return unreadableJournal(job, j, err)
	}
	if err := filesystem.CheckWrite(ctx, s.fs, s.view.Dir()); err != nil {
		return &startError{blameStore(job, err)}
	}
	return checkSources(job, last, nil)
}
