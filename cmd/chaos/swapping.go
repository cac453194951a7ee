package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// swapScale is how much is done to each of the two jobs.
type swapScale struct {
	good, broken, kills int
	rate                int // records a second
}

func fullSwaps() swapScale  { return swapScale{300, 150, 50, 10_000} }
func shortSwaps() swapScale { return swapScale{9, 6, 3, 4_000} }

// Names of the trials.
const (
	trialFiles = "files"
	trialKafka = "kafka"
)

// runSwaps swaps the plugin of two jobs, one after the other: into folders, and from a topic to
// another.
func runSwaps(ctx context.Context, dir string, o options, out io.Writer) error {
	s := fullSwaps()
	if o.short {
		s = shortSwaps()
	}
	fmt.Fprintf(out, "chaos: swaps: seed %d\n", o.seed)
	if o.only != "" && o.only != trialFiles && o.only != trialKafka {
		return fmt.Errorf("-trial: there is no trial %q of swaps", o.only)
	}
	for _, name := range []string{trialFiles, trialKafka} {
		if o.only != "" && o.only != name {
			continue
		}
		t := &swapTrial{
			name: name, dir: filepath.Join(dir, name), binary: o.binary, out: out,
			rng: rand.New(rand.NewPCG(o.seed, uint64(len(name)))),
		}
		t.steps = planSwaps(s.good, s.broken, s.kills, t.rng)
		summary, err := t.prepareAndDo(ctx, s.rate)
		if summary != "" {
			fmt.Fprintf(out, "chaos: swaps: %s: %s\n", name, summary)
		}
		if err != nil {
			return fmt.Errorf("swaps: %s: seed %d: %w", name, o.seed, err)
		}
	}
	return nil
}

// prepareAndDo makes what the job needs and lets it bear its swaps.
func (t *swapTrial) prepareAndDo(ctx context.Context, rate int) (summary string, err error) {
	if err := os.Mkdir(t.dir, 0o755); err != nil {
		return "", err
	}
	if t.marks, err = newMarks(); err != nil {
		return "", err
	}
	var text string
	if t.name == trialFiles {
		text, t.ledger = filesTrial(t.dir, rate)
		t.follow = followStore(t.dir, "swaps-"+t.name, t.ledger)
		t.read = readFolders(t.dir)
	} else {
		cluster, err := servers.StartKafka(ctx, servers.KafkaOptions{})
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, cluster.Close()) }()
		if text, t.ledger, err = kafkaTrial(ctx, cluster); err != nil {
			return "", err
		}
		t.follow = followTopic(cluster, t.ledger)
		t.read = readOutput(cluster)
		end, err := producing(ctx, cluster, rate)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	if err := t.writeJob(ctx, text); err != nil {
		return "", err
	}
	return t.do(ctx)
}

// writeJob writes the job file and the version it names, and has that compiled.
func (t *swapTrial) writeJob(ctx context.Context, text string) error {
	first := filepath.Join(t.dir, "version-0.wasm")
	if err := os.WriteFile(first, t.marks.version(0, step{deed: deedNone}), 0o600); err != nil {
		return err
	}
	head := fmt.Sprintf(`
name = "swaps-%s"
[job]
parallelism = 4
batch = { records = 256 }
[checkpoint]
interval = "50ms"
store = "store"
retain = 100
[restart]
strategy = "none"
[plugins.%s]
path = %q
swap = { sample = %d, sample_wait = "200ms", probation = 50 }
`, t.name, swappedPlugin, first, sampleRecords)
	job := filepath.Join(t.dir, "job.toml")
	if err := os.WriteFile(job, []byte(head+text), 0o600); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, t.binary, "validate", job).CombinedOutput(); err != nil {
		return fmt.Errorf("validating the job: %w: %s", err, out)
	}
	return nil
}
