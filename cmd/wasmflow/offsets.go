package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/kafka"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
)

// offsetsOptions are the flags of offsets.
type offsetsOptions struct {
	source, to     string
	dryRun, asJSON bool
}

func offsetsCommand() command {
	return command{
		name: "offsets", usage: "show|reset job.toml",
		summary: "show where a job is in its Kafka topics, or move it",
		help: `
  wasmflow offsets show job.toml
  wasmflow offsets show --json job.toml | jq '.orders[].lag'

reset decides an epoch with other positions: the next run goes on from there. The
job must not run. What lies between the old and the new position is read a second
time, or not at all; --dry-run only shows it:

  wasmflow offsets reset --to earliest job.toml
  wasmflow offsets reset --to latest --source orders job.toml
  wasmflow offsets reset --to 2026-01-31T12:00:00Z --dry-run job.toml
  wasmflow offsets reset --to orders-0=17,orders-1=0 job.toml
`,
		setup: func(flags *flag.FlagSet) action {
			o := &offsetsOptions{}
			flags.StringVar(&o.source, "source", "", "only the source called `NAME`; reset needs it "+
				"where there are several")
			flags.StringVar(&o.to, "to", "", "reset: the `PLACE` to go on from")
			flags.BoolVar(&o.dryRun, "dry-run", false, "reset: show what would change")
			flags.BoolVar(&o.asJSON, "json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				return offsets(ctx, p, args, o)
			}
		},
	}
}

func offsets(ctx context.Context, p *process, args []string, o *offsetsOptions) error {
	if len(args) != 2 || args[0] != "show" && args[0] != "reset" {
		return usagef("offsets", "write show or reset, then a job file")
	}
	reset := args[0] == "reset"
	switch {
	case !reset && (o.to != "" || o.dryRun):
		return usagef("offsets", "--to and --dry-run are for reset")
	case reset && o.to == "":
		return usagef("offsets", "reset needs --to; earliest, for example")
	}
	if reset {
		if _, err := kafka.ParsePlace(o.to); err != nil {
			return usagef("offsets", "--to: %v", err)
		}
	}
	job, err := loadJob(p, args[1], false)
	if err != nil {
		return err
	}
	closeBroker, err := embedBroker(ctx, p, job)
	if err != nil {
		return err
	}
	defer closeBroker()
	s, err := openStore(ctx, p, job)
	if err != nil {
		return err
	}
	t := &offsetsTool{p: p, job: job, store: s, o: o}
	if t.sources, err = t.choose(); err != nil {
		return err
	}
	if reset {
		return t.reset(ctx)
	}
	return t.show(ctx)
}

// offsetsTool works on the positions of a job.
type offsetsTool struct {
	p       *process
	job     *config.Job
	store   *store
	o       *offsetsOptions
	sources []*config.Source
}

// choose returns the Kafka sources that the command is about.
func (t *offsetsTool) choose() ([]*config.Source, error) {
	var out []*config.Source
	for i := range t.job.Sources {
		s := &t.job.Sources[i]
		_, ok := s.Config.(*kafka.SourceConfig)
		switch {
		case t.o.source == s.Name && !ok:
			return nil, t.job.Refuse("sources."+s.Name, "is no Kafka source; offsets are of these")
		case ok && (t.o.source == "" || t.o.source == s.Name):
			out = append(out, s)
		}
	}
	switch {
	case len(out) == 0 && t.o.source != "":
		return nil, usagef("offsets", "--source %s: the job has no source of that name", t.o.source)
	case len(out) == 0:
		return nil, t.job.Refuse("sources", "none of them is a Kafka source; offsets are of these")
	}
	return out, nil
}

// last reads the newest record of the log that is in use.
func (t *offsetsTool) last(ctx context.Context) (m checkpoint.Manifest, err error) {
	j, err := openJournal(ctx, t.p, t.store, t.job)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	m, found, err := j.Last(ctx)
	switch {
	case err != nil:
		return m, unreadableJournal(t.job, j, err)
	case !found:
		return m, &findingsError{fmt.Sprintf("job %s never ran: it has no positions yet", t.job.Name),
			exitOutside}
	}
	return m, nil
}

func (t *offsetsTool) show(ctx context.Context) error {
	m, err := t.last(ctx)
	if err != nil {
		return err
	}
	out := map[string][]kafka.Progress{}
	for _, s := range t.sources {
		state, _ := stateOfSource(m, s.Name)
		found, err := s.Config.(*kafka.SourceConfig).ShowProgress(ctx, lookEnv(t.p, t.job, s.Name),
			state.Splits)
		if err != nil {
			return t.refused(s.Name, err)
		}
		out[s.Name] = append([]kafka.Progress{}, found...)
	}
	if t.o.asJSON {
		return printJSON(t.p.stdout, out)
	}
	fmt.Fprintf(t.p.stdout, "as of record %d, %s\n", m.Epoch,
		time.UnixMilli(m.CreatedMillis).UTC().Format(time.RFC3339))
	rows := 0
	for _, s := range t.sources {
		if rows += len(out[s.Name]); len(out[s.Name]) > 0 {
			continue
		}
		why := "has no positions yet"
		if state, _ := stateOfSource(m, s.Name); state.Finished {
			why = "is read to its end and has no positions any more"
		}
		fmt.Fprintf(t.p.stdout, "source %s %s\n", s.Name, why)
	}
	if rows == 0 {
		return nil
	}
	return table(t.p.stdout, "SOURCE\tTOPIC\tPARTITION\tNEXT\tEND\tLAG\t", func(w io.Writer) {
		for _, s := range t.sources {
			for _, x := range out[s.Name] {
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", s.Name, x.Topic, x.Partition, x.Next,
					x.End, x.Lag, x.Problem)
			}
		}
	})
}

func stateOfSource(m checkpoint.Manifest, name string) (*checkpoint.SourceState, bool) {
	for i := range m.Sources {
		if m.Sources[i].Name == name {
			return &m.Sources[i], true
		}
	}
	return &checkpoint.SourceState{}, false
}

func (t *offsetsTool) refused(source string, err error) error {
	key := "sources." + source
	return &startError{refuse(t.job, settingOf(t.job, key, err), err)}
}

// resetReport is what reset prints.
type resetReport struct {
	Source string           `json:"source"`
	Moves  []kafka.Move     `json:"moves"`
	Epoch  checkpoint.Epoch `json:"epoch,omitempty"` // that decides them; 0 is none
}

// reset decides an epoch with other positions of one source.
func (t *offsetsTool) reset(ctx context.Context) error {
	if len(t.sources) > 1 {
		return usagef("offsets", "the job has several Kafka sources; name one with --source")
	}
	source := t.sources[0]
	m, err := t.last(ctx)
	if err != nil {
		return err
	}
	// Everything is looked up before the claim: what cannot be done claims nothing.
	report := resetReport{Source: source.Name}
	if report.Moves, err = t.move(ctx, source, &m); err != nil {
		return err
	}
	if !t.o.dryRun && len(report.Moves) > 0 {
		if report, err = t.decide(ctx, source); err != nil {
			return err
		}
	}
	return t.tell(report)
}

// move changes the positions in m and says how.
func (t *offsetsTool) move(ctx context.Context, source *config.Source, m *checkpoint.Manifest,
) ([]kafka.Move, error) {
	state, ok := stateOfSource(*m, source.Name)
	switch {
	case !ok:
		return nil, &findingsError{fmt.Sprintf("source %s has no positions yet", source.Name),
			exitOutside}
	case len(state.Splits) == 0:
		return nil, &findingsError{fmt.Sprintf("source %s is read to its end and has no positions any "+
			"more; run --fresh reads it again", source.Name), exitOutside}
	}
	splits, moves, err := source.Config.(*kafka.SourceConfig).ResetSplits(ctx,
		lookEnv(t.p, t.job, source.Name), *state, t.o.to)
	if err != nil {
		return nil, t.refused(source.Name, err)
	}
	state.Splits = splits
	return append([]kafka.Move{}, moves...), nil
}

// decide claims the job and decides an epoch that differs from the last one in its positions only.
// Output that is not published yet is carried on: the next run publishes it.
func (t *offsetsTool) decide(ctx context.Context, source *config.Source,
) (report resetReport, err error) {
	decider := t.store.decider(ctx, t.job)
	l := &logs{p: t.p, store: t.store, job: t.job, logger: quiet()}
	log, err := l.open(ctx, decider)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	card := &announcedLog{commitLog: log, store: t.store}
	if decider.Sink != nil {
		card.sink = decider.Sink.Name
	}
	m, _, err := card.Claim(ctx)
	if err != nil {
		return report, &startError{blame(t.job, err)}
	}
	report.Source = source.Name
	if report.Moves, err = t.move(ctx, source, &m); err != nil {
		return report, err
	}
	if err := t.keepModules(ctx, card, m); err != nil {
		return report, &startError{blame(t.job, err)}
	}
	m.Kind, m.Epoch, m.Owner, m.CreatedMillis = checkpoint.KindEpoch, m.Epoch+1, card.Owner(), 0
	if _, err := card.Begin(ctx, m.Epoch); err != nil {
		return report, &startError{blame(t.job, card.blamed(err))}
	}
	if err := card.Decide(ctx, m); err != nil {
		return report, &startError{blame(t.job, err)}
	}
	report.Epoch = m.Epoch
	return report, nil
}

// keepModules stores the modules that m names under this claim, as every decided epoch needs.
func (t *offsetsTool) keepModules(ctx context.Context, log host.JobLog, m checkpoint.Manifest,
) error {
	for _, x := range m.Modules {
		data, err := t.store.view.ReadModule(ctx, x.SHA256)
		if err == nil {
			_, err = log.StoreModule(ctx, data)
		}
		if err != nil {
			return &storeError{fmt.Errorf("keeping the module of plugin %s: %w", x.Plugin, err)}
		}
	}
	return nil
}

func (t *offsetsTool) tell(r resetReport) error {
	if t.o.asJSON {
		return printJSON(t.p.stdout, r)
	}
	var b strings.Builder
	err := table(&b, "PARTITION\tFROM\tTO\t", func(w io.Writer) {
		for _, x := range r.Moves {
			fmt.Fprintf(w, "%s-%d\t%d\t%d\t%s\n", x.Topic, x.Partition, x.From, x.To, meaningOf(x))
		}
	})
	switch {
	case len(r.Moves) == 0:
		b.Reset()
		fmt.Fprintf(&b, "source %s is there already\n", r.Source)
	case r.Epoch == 0:
		b.WriteString("nothing was changed\n")
	default:
		fmt.Fprintf(&b, "epoch %d decides it; the next run goes on from there\n", r.Epoch)
	}
	_, printErr := io.WriteString(t.p.stdout, b.String())
	return errors.Join(err, printErr)
}

func meaningOf(x kafka.Move) string {
	if x.To < x.From {
		return fmt.Sprintf("%d are read again", x.From-x.To)
	}
	return fmt.Sprintf("%d are left out", x.To-x.From)
}
