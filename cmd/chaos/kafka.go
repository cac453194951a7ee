package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/chaos"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

const (
	// partitions is the number of partitions of the input and of the main output.
	partitions = 4
	// transactionTimeout is short, so that an outage can be longer.
	transactionTimeout = "8s"
)

// The topics of the job.
const (
	topicIn   = "chaos-in"
	topicOut  = "chaos-out"
	topicSide = "chaos-side"
	topicDead = "chaos-dead"
)

// kafkaEnds are the ends of a job that reads a topic of three brokers and writes three topics and
// a folder. It implements chaos.Ends and chaos.Progress.
type kafkaEnds struct {
	dir, binary, guests string
	records             int // in each partition of the input
	rate                int // records a second and task while slow
	cluster             *servers.Kafka
	live                *reader
}

// kafkaScale is how much is done to a job on Kafka.
type kafkaScale struct {
	scale
	brokers, faults, outages int
}

func fullKafka() kafkaScale {
	return kafkaScale{scale{2_000_000, 1_000, 100, 5, 10, 1500 * time.Millisecond}, 20, 50, 5}
}

func shortKafka() kafkaScale {
	return kafkaScale{scale{120_000, 400, 6, 1, 1, 1200 * time.Millisecond}, 3, 4, 1}
}

// runKafka lets one job bear everything.
func runKafka(ctx context.Context, dir string, o options, out io.Writer) (err error) {
	s := fullKafka()
	if o.short {
		s = shortKafka()
	}
	fmt.Fprintf(out, "chaos: kafka: %d records, 3 brokers\n", s.lines)
	e, err := newKafka(ctx, dir, o.binary, o.guests, s.scale)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	return chaos.New(chaos.Config{
		Ends: e, Seed: o.seed, Kills: s.kills, Failpoints: placesOfTopics(), Each: s.each,
		Zombies: s.zombies, LifeMin: 300 * time.Millisecond, LifeMax: s.lifeMax,
		Parallelism: 4, ParallelismMax: 6, Once: onceOfTopics(), Log: out,
		Near: []string{
			"txlog/decide-before-append", "txlog/decide-before-commit", "txlog/decide-after-commit",
		},
		Blows: e.blows(s.brokers, s.faults, s.outages),
	}).Run(ctx)
}

// placesOfTopics lists the failpoints of a job with its log in a topic and a sink of files: all but
// those that only a change of the log, a writer's failure or buckets of time lead to.
func placesOfTopics() []string {
	var names []string
	for _, name := range failpoint.Names() {
		if companions()[name] != nil || ofTime(name) {
			continue
		}
		if strings.HasPrefix(name, "bucketing/") || ofTopic(name) && !strings.HasSuffix(name, "/sealed") {
			names = append(names, name)
		}
	}
	return names
}

// onceOfTopics lists those of them that a run passes only when it starts.
func onceOfTopics() []string {
	return append(once(), "txlog/claim-before-fence", "txlog/claim-after-fence",
		"txlog/claim-before-commit", "txlog/claim-after-commit", "txlog/claimed")
}

// newKafka starts brokers, fills the input and begins to read the output. It ends with close.
func newKafka(ctx context.Context, dir, binary, guests string, s scale) (e *kafkaEnds, err error) {
	cluster, err := servers.StartKafka(ctx, servers.KafkaOptions{
		Nodes: 3, Proxied: true, Properties: map[string]string{
			// A broker that was killed is missed soon, and a transaction that timed out is ended
			// soon: waiting for either proves nothing.
			"broker.session.timeout.ms":                                   "3000",
			"broker.heartbeat.interval.ms":                                "500",
			"transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
		},
	})
	if err != nil {
		return nil, err
	}
	e = &kafkaEnds{
		dir: dir, binary: binary, guests: guests, records: s.lines / partitions, rate: s.rate,
		cluster: cluster,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if err := e.fill(ctx); err != nil {
		return nil, err
	}
	if e.live, err = newReader(ctx, cluster, e.records, kgo.ReadCommitted()); err != nil {
		return nil, err
	}
	job, err := e.writeJob(1, true)
	if err != nil {
		return nil, err
	}
	// The plugins are compiled once: a process that dies before proves nothing.
	if out, err := exec.CommandContext(ctx, binary, "validate", job).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("validating the job: %w: %s", err, out)
	}
	return e, nil
}

func (e *kafkaEnds) close() error {
	if e.live != nil {
		e.live.close()
	}
	return e.cluster.Close()
}

// Start implements chaos.Ends.
func (e *kafkaEnds) Start(parallelism int, slow bool) ([]string, error) {
	job, err := e.writeJob(parallelism, slow)
	return []string{e.binary, "run", job}, err
}

// Takeover implements chaos.Ends.
func (e *kafkaEnds) Takeover(parallelism int, slow bool) ([]string, error) {
	job, err := e.writeJob(parallelism, slow)
	return []string{e.binary, "run", "--takeover", job}, err
}

// writeJob writes a job file of its own for every run: the one before may still be read.
func (e *kafkaEnds) writeJob(parallelism int, slow bool) (string, error) {
	limit := ""
	if slow {
		limit = fmt.Sprintf("rate_limit = %d", e.rate)
	}
	brokers := `["` + strings.Join(e.cluster.Bootstrap(), `", "`) + `"]`
	sink := fmt.Sprintf("connector = \"kafka\"\nbrokers = %s\ntransaction_timeout = %q\n",
		brokers, transactionTimeout)
	text := fmt.Sprintf(`
name = "chaos"
[job]
parallelism = %d
batch = { records = 512 }
[checkpoint]
interval = "50ms"
store = "store"
[restart]
strategy = "exponential-delay"
initial_backoff = "100ms"
max_backoff = "1s"
[plugins.route]
path = %q
config = { field = "level", routes = { audit = "audit" }, default = "main" }
[sources.in]
connector = "kafka"
brokers = %s
topics = [%q]
start = "earliest"
stop = "latest"
%s
[transforms.routed]
from = ["in"]
plugin = "route"
function = "json_route"
on_error = "dead-letter"
[sinks.out]
from = ["routed"]
topic = %q
%s
[sinks.side]
from = ["routed.audit"]
topic = %q
%s
[sinks.files]
connector = "bucketing"
from = ["routed"]
path = "files"
bucketer = "base-path"
batch_size = "1MiB"
compact = { size = "1MiB", age = "300ms" }
[dead_letter]
topic = %q
%s
`, parallelism, filepath.Join(e.guests, "json-route.wasm"), brokers, topicIn, limit,
		topicOut, sink, topicSide, sink, topicDead, sink)
	f, err := os.CreateTemp(e.dir, "job-*.toml")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return f.Name(), errors.Join(err, f.Close())
}

// Watch implements chaos.Ends: what readers saw so far is right.
func (e *kafkaEnds) Watch() error { return e.live.err() }

// Visible implements chaos.Progress.
func (e *kafkaEnds) Visible() int64 { return e.live.count.Load() }

// Check implements chaos.Ends.
func (e *kafkaEnds) Check() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkMax)
	defer cancel()
	if err := e.stable(ctx); err != nil {
		return "", err
	}
	live, err := e.live.finish(ctx)
	if err != nil {
		return "", fmt.Errorf("reading while the job ran: %w", err)
	}
	again, err := e.read(ctx, kgo.ReadCommitted())
	if err == nil {
		_, err = again.mu.records.Verdict() // it is closed
	}
	if err != nil {
		return "", fmt.Errorf("reading afterwards: %w", err)
	}
	// A run in which nothing was aborted has not tried what it is for.
	all, err := e.read(ctx, kgo.ReadUncommitted())
	if err != nil {
		return "", fmt.Errorf("reading what was aborted, too: %w", err)
	}
	aborted := all.count.Load() - again.count.Load()
	if aborted == 0 {
		return "", errors.New("no record was ever written that was not to be seen")
	}
	files, err := e.files()
	if err != nil {
		return "", fmt.Errorf("reading the files: %w", err)
	}
	return fmt.Sprintf("live and again: %s; files: %s; %d aborted records hidden; nothing is open in "+
		"any partition", live, files, aborted), nil
}

// read reads the output from its beginning to its end.
func (e *kafkaEnds) read(ctx context.Context, isolation kgo.IsolationLevel) (*reader, error) {
	r, err := newReader(ctx, e.cluster, e.records, isolation)
	if err != nil {
		return nil, err
	}
	defer r.close()
	return r, r.reach(ctx)
}
