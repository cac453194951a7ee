package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/checkpoint/storelog/runlock"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/kafka"
	"github.com/wasmflow/wasmflow/host/config"
)

// txnOptions are the flags of txn.
type txnOptions struct {
	all, hanging, asJSON bool
}

func txnCommand() command {
	return command{
		name: "txn", usage: "list|describe|abort job.toml [ID]",
		summary: "look at the Kafka transactions of a job, or end one",
		help: `
Readers of committed records wait for a transaction that is open. One that a
process left when it died is ended by the next run of its job, or by the broker
after the sink's transaction_timeout; until then this command can:

  wasmflow txn list job.toml                 the transactional ids of the job
  wasmflow txn list --all job.toml           all of the cluster
  wasmflow txn describe job.toml             the job's own, with its partitions
  wasmflow txn abort job.toml                end it; the job must not run
  wasmflow txn abort job.toml other.job.0    one of another program
  wasmflow txn list --hanging job.toml       what no coordinator knows any more
  wasmflow txn abort --hanging job.toml      end all of these, in the job's topics
  wasmflow txn list --json job.toml | jq '.[].state'

The cluster is that of the job's first exactly-once Kafka sink, else of its first
Kafka sink.
`,
		setup: func(flags *flag.FlagSet) action {
			o := &txnOptions{}
			flags.BoolVar(&o.all, "all", false, "list: every transactional id of the cluster")
			flags.BoolVar(&o.hanging, "hanging", false, "transactions that only partitions know")
			flags.BoolVar(&o.asJSON, "json", false, "print JSON")
			return func(ctx context.Context, p *process, args []string) error {
				return txn(ctx, p, args, o)
			}
		},
	}
}

func txn(ctx context.Context, p *process, args []string, o *txnOptions) (err error) {
	if len(args) < 2 || len(args) > 3 {
		return usagef("txn", "write list, describe or abort, then a job file")
	}
	verb, file := args[0], args[1]
	id := ""
	if len(args) == 3 {
		id = args[2]
	}
	switch {
	case verb != "list" && verb != "describe" && verb != "abort":
		return usagef("txn", "%q is none of list, describe and abort", verb)
	case verb == "list" && id != "":
		return usagef("txn", "list takes no id; describe does")
	case o.all && verb != "list":
		return usagef("txn", "--all is for list")
	case o.hanging && (verb == "describe" || id != ""):
		return usagef("txn", "--hanging is for list, and for abort without an id")
	}
	job, err := loadJob(p, file, false)
	if err != nil {
		return err
	}
	closeBroker, err := embedBroker(ctx, p, job)
	if err != nil {
		return err
	}
	defer closeBroker()
	t, err := openTxnTool(ctx, p, job, o)
	if err != nil {
		return err
	}
	defer t.admin.Close()
	switch {
	case verb == "list" && o.hanging:
		err = t.listHanging(ctx)
	case verb == "list":
		err = t.list(ctx)
	case verb == "describe":
		err = t.describe(ctx, id)
	case o.hanging:
		err = t.abortHanging(ctx)
	default:
		err = t.abort(ctx, id)
	}
	return err
}

// txnTool works on the transactions of one cluster.
type txnTool struct {
	p     *process
	job   *config.Job
	sink  *config.Sink
	kafka *kafka.SinkConfig
	admin *kafka.Admin
	o     *txnOptions
}

func openTxnTool(ctx context.Context, p *process, job *config.Job, o *txnOptions,
) (*txnTool, error) {
	t := &txnTool{p: p, job: job, sink: job.Decider.Sink, o: o}
	for _, s := range allSinks(job) {
		if _, ok := s.Config.(*kafka.SinkConfig); ok && t.sink == nil {
			t.sink = s
		}
	}
	if t.sink == nil {
		return nil, job.Refuse("sinks", "none of them is a Kafka sink, so the job has no transactions")
	}
	t.kafka = t.sink.Config.(*kafka.SinkConfig)
	var err error
	t.admin, err = t.kafka.OpenAdmin(ctx, lookEnv(p, job, t.sink.Name))
	return t, t.refused(err)
}

// lookEnv is what a source or sink is lent by commands that only look.
func lookEnv(p *process, job *config.Job, name string) connectors.Env {
	return connectors.Env{
		Job: job.Name, Name: name, Parallelism: 1, Logger: quiet(), Now: time.Now,
		Registerer: prometheus.NewRegistry(), FileSystems: fileSystems(p, false),
	}
}

// refused blames the sink whose cluster was asked.
func (t *txnTool) refused(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kafka.ErrNoTransaction), errors.Is(err, kafka.ErrNotOpen):
		return &findingsError{err.Error(), exitOutside}
	}
	key := stageKey(t.job, t.sink.Name)
	return &startError{refuse(t.job, settingOf(t.job, key, err), err)}
}

// prefix is what the transactional ids of the job begin with.
func (t *txnTool) prefix() string { return t.kafka.Prefix + "." + t.job.Name + "." }

// own is the transactional id of the job's only commit group.
func (t *txnTool) own() string { return t.prefix() + "0" }

func (t *txnTool) list(ctx context.Context) error {
	prefix := t.prefix()
	if t.o.all {
		prefix = ""
	}
	found, err := t.admin.Transactions(ctx, prefix)
	if err != nil {
		return t.refused(err)
	}
	if t.o.asJSON {
		return printJSON(t.p.stdout, append([]kafka.Transaction{}, found...))
	}
	if len(found) == 0 {
		_, err := fmt.Fprintf(t.p.stdout, "no transactional id begins with %q\n", prefix)
		return err
	}
	return table(t.p.stdout, "ID\tSTATE\tOPEN SINCE\tTIMEOUT\tPARTITIONS", func(w io.Writer) {
		for _, x := range found {
			fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%d\n", x.ID, x.State, sinceOf(x), x.Timeout,
				len(x.Partitions))
		}
	})
}

func sinceOf(x kafka.Transaction) string {
	if x.Started.IsZero() {
		return "-"
	}
	return x.Started.Format(time.RFC3339)
}

// table prints rows in columns.
func table(w io.Writer, head string, rows func(w io.Writer)) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	rows(t)
	return t.Flush()
}

func (t *txnTool) describe(ctx context.Context, id string) error {
	if id == "" {
		id = t.own()
	}
	x, err := t.admin.Transaction(ctx, id)
	if err != nil {
		return t.refused(err)
	}
	if t.o.asJSON {
		return printJSON(t.p.stdout, x)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s\n  producer     id %d, epoch %d\n  coordinator  broker %d\n"+
		"  timeout      %v\n", x.ID, x.State, x.ProducerID, x.Epoch, x.Coordinator, x.Timeout)
	if x.Open() {
		fmt.Fprintf(&b, "  open since   %s\n  partitions   %s\n", sinceOf(x),
			strings.Join(x.Partitions, ", "))
	}
	_, err = io.WriteString(t.p.stdout, b.String())
	return err
}

// abort ends the transaction of id. The job's own is left to the job while that runs here.
func (t *txnTool) abort(ctx context.Context, id string) error {
	if id == "" {
		id = t.own()
	}
	if strings.HasPrefix(id, t.prefix()) {
		if err := t.requireStopped(ctx); err != nil {
			return err
		}
	}
	if err := t.admin.Abort(ctx, id); err != nil {
		return t.refused(err)
	}
	return t.tell(aborted{Transactions: []string{id}})
}

// requireStopped refuses while a process on this machine runs the job.
func (t *txnTool) requireStopped(ctx context.Context) error {
	s, err := openStore(ctx, t.p, t.job)
	if err != nil {
		return err
	}
	card, held, err := s.holder()
	if err != nil {
		return &startError{err}
	}
	if held {
		return &startError{errRuns(t.job, card)}
	}
	return nil
}

func errRuns(job *config.Job, card runlock.Card) error {
	return job.Refuse("name", fmt.Sprintf("the job runs (%s); stop it first: wasmflow stop %s", card,
		job.File))
}

// aborted is what abort did.
type aborted struct {
	Transactions []string        `json:"transactions,omitempty"`
	Hanging      []kafka.Hanging `json:"hanging,omitempty"`
}

func (t *txnTool) tell(a aborted) error {
	if t.o.asJSON {
		return printJSON(t.p.stdout, a)
	}
	for _, id := range a.Transactions {
		fmt.Fprintf(t.p.stdout, "aborted the transaction of %s; readers go on\n", id)
	}
	for _, h := range a.Hanging {
		fmt.Fprintf(t.p.stdout, "aborted what producer %d left in %s-%d from offset %d on\n",
			h.ProducerID, h.Topic, h.Partition, h.Offset)
	}
	if len(a.Transactions)+len(a.Hanging) == 0 {
		fmt.Fprintln(t.p.stdout, "nothing hangs")
	}
	return nil
}

// topics are those that the Kafka sinks of the job write to; none is all of the cluster.
func (t *txnTool) topics() []string {
	var out []string
	for _, s := range allSinks(t.job) {
		c, ok := s.Config.(*kafka.SinkConfig)
		switch {
		case !ok || !t.kafka.SameSystem(c):
		case c.Topic == "":
			return nil // the guest names them
		default:
			out = append(out, c.Topic)
		}
	}
	return out
}

func (t *txnTool) listHanging(ctx context.Context) error {
	found, err := t.admin.Hanging(ctx, t.topics()...)
	if err != nil {
		return t.refused(err)
	}
	if t.o.asJSON {
		return printJSON(t.p.stdout, append([]kafka.Hanging{}, found...))
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(t.p.stdout, "nothing hangs")
		return err
	}
	return table(t.p.stdout, "TOPIC\tPARTITION\tPRODUCER\tFROM OFFSET\tLAST WRITE", func(w io.Writer) {
		for _, h := range found {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", h.Topic, h.Partition, h.ProducerID, h.Offset,
				h.LastWrite.Format(time.RFC3339))
		}
	})
}

func (t *txnTool) abortHanging(ctx context.Context) error {
	found, err := t.admin.Hanging(ctx, t.topics()...)
	if err != nil {
		return t.refused(err)
	}
	for _, h := range found {
		if err := t.admin.AbortHanging(ctx, h); err != nil {
			return t.refused(err)
		}
	}
	return t.tell(aborted{Hanging: found})
}
