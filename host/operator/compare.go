package operator

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// differencesMax is how many differing records a comparison shows: a person looks at a few.
	differencesMax = 5
	// shownBytesMax cuts what is shown of a record.
	shownBytesMax = 200
	// trialTrapsMax is how often a plugin may trap on records on which the other one did not. It has
	// been judged by then, and each trap may take all the time that its limits allow.
	trialTrapsMax = 5
)

// Comparison says how a plugin did beside another on the same records.
type Comparison struct {
	Records   int `json:"records"`
	Different int `json:"different"` // records whose output or refusal is not the same
	Old       Run `json:"old"`
	New       Run `json:"new"`
	// CostRatio is the time of the new one over that of the old one; 0 when nothing was run.
	CostRatio float64      `json:"cost_ratio"`
	First     []Difference `json:"first,omitempty"` // of the differing records
}

// Run is what one plugin did to the records of a comparison.
type Run struct {
	Vitals
	Outputs int     `json:"outputs"`
	Seconds float64 `json:"seconds"`
}

// Difference is a record that two plugins treat differently. Texts are cut.
type Difference struct {
	Step     string `json:"step"`
	Split    string `json:"split"`
	Position string `json:"position"`
	Input    string `json:"input"`
	Old      string `json:"old"`
	New      string `json:"new"`
}

// Add counts another comparison of the same two plugins to c.
func (c *Comparison) Add(o Comparison) {
	c.Records += o.Records
	c.Different += o.Different
	c.Old.add(o.Old)
	c.New.add(o.New)
	c.CostRatio = 0
	if c.Old.Seconds > 0 {
		c.CostRatio = c.New.Seconds / c.Old.Seconds
	}
	c.First = append(c.First, o.First...)
	c.First = c.First[:min(len(c.First), differencesMax)]
}

func (r *Run) add(o Run) {
	r.Records += o.Records
	r.Refused += o.Refused
	r.Traps += o.Traps
	r.Outputs += o.Outputs
	r.Seconds += o.Seconds
}

// Compare runs a function of two plugins over the same samples, each in instances of its own, and
// says where they differ. Logs and metrics of both are dropped. Both get the time at which Compare
// began. After trialTrapsMax traps where before had none, after is not called for the rest, which it
// refuses then. The error is about a plugin that cannot be run at all.
func Compare(ctx context.Context, samples []Sample, before, after Config, role abi.Role,
) (c Comparison, err error) {
	at := after.Now()
	clock := func() time.Time { return at }
	sides := make([]*side, 2)
	said := make([][][]string, 2) // by side, sample and record
	for i, cfg := range []Config{before, after} {
		cfg.Logger, cfg.Metrics, cfg.Sampler, cfg.Replace, cfg.Crashes = nil, nil, nil, nil, nil
		cfg.Capture = nil
		cfg.Now, cfg.Health = clock, &Health{}
		if i > 0 && sides[0].health.Load().Traps == 0 {
			cfg.Crashes = NewCrashBudget(cfg.Step, CrashLimits{
				Traps: trialTrapsMax, Within: math.MaxInt64, Policy: CrashDeadLetter,
			})
		}
		if sides[i], err = newSide(ctx, cfg, role); err != nil {
			return Comparison{}, closeSides(sides, err)
		}
		if said[i], err = sides[i].runAll(ctx, samples); err != nil {
			return Comparison{}, closeSides(sides, err)
		}
	}
	for i, s := range samples {
		c.sample(sides[1].step, s, said[0][i], said[1][i])
	}
	c.Old, c.New = sides[0].ran, sides[1].ran
	c.Old.Vitals, c.New.Vitals = sides[0].health.Load(), sides[1].health.Load()
	total := Comparison{}
	total.Add(c)
	return total, closeSides(sides, nil)
}

// runAll runs every sample as a whole, which tells what they cost.
func (s *side) runAll(ctx context.Context, samples []Sample) ([][]string, error) {
	said := make([][]string, len(samples))
	for i, x := range samples {
		var err error
		if said[i], err = s.run(ctx, x); err != nil {
			return nil, err
		}
	}
	return said, nil
}

// sample looks for the records of a batch of which the sides said different things.
func (c *Comparison) sample(step string, s Sample, before, after []string) {
	for i := range s.Batch.Records {
		c.Records++
		if before[i] == after[i] {
			continue
		}
		c.Different++
		if len(c.First) < differencesMax {
			r := &s.Batch.Records[i]
			d := Difference{
				Step: step, Position: fmt.Sprintf("%d", r.Position.Lo), Input: shown(string(r.Value)),
				Old: shown(before[i]), New: shown(after[i]),
			}
			if int(r.Split) < len(s.Batch.Splits) {
				d.Split = s.Batch.Splits[r.Split]
			}
			c.First = append(c.First, d)
		}
	}
}

func closeSides(sides []*side, err error) error {
	for _, s := range sides {
		if s == nil {
			continue
		}
		if cerr := s.runner.Close(); err == nil {
			err = cerr
		}
	}
	return err
}

// side is one of two plugins that are compared.
type side struct {
	*runner
	role    abi.Role
	step    string
	health  *Health
	ran     Run
	records records
}

func newSide(ctx context.Context, cfg Config, role abi.Role) (*side, error) {
	r, err := newRunner(ctx, cfg, role)
	if err != nil {
		return nil, err
	}
	return &side{
		runner: r, role: role, step: r.cfg.Step, health: cfg.Health, records: newRecords(r.cfg.Step),
	}, nil
}

// run gives a batch to the function and returns what came of each record, as text.
func (s *side) run(ctx context.Context, in Sample) ([]string, error) {
	// Outputs keep the position of their parent. It is unique neither over splits nor after records
	// were multiplied, so records are numbered for the time of the comparison.
	numbered := *in.Batch
	numbered.Records = slices.Clone(in.Batch.Records)
	for i := range numbered.Records {
		numbered.Records[i].Position = connectors.Position{Lo: uint64(i)}
	}
	said := make([]bytes.Buffer, numbered.Len())
	var out connectors.Batch
	var faults connectors.Faults
	began := time.Now()
	var err error
	switch s.role {
	case abi.RolePartitioner:
		err = s.partition(ctx, &numbered, in.Partitions, &faults, said)
	case abi.RoleBucketer:
		err = s.assign(ctx, &numbered, &faults, said)
	default:
		err = s.records.run(ctx, s.runner, &numbered, &out, &faults)
	}
	s.ran.Seconds += time.Since(began).Seconds()
	if err != nil {
		return nil, err
	}
	s.ran.Outputs += out.Len()
	s.tell(&numbered, &out, said)
	for _, f := range faults.List {
		fmt.Fprintf(&said[f.Index], "refused (%d): %s", f.Code, f.Text)
	}
	texts := make([]string, len(said))
	for i := range said {
		texts[i] = said[i].String()
	}
	return texts, nil
}

// tell words outputs at their parents.
func (s *side) tell(in, out *connectors.Batch, said []bytes.Buffer) {
	for i := range out.Records {
		x := &out.Records[i]
		at := x.Position.Lo
		b := &said[at]
		if b.Len() > 0 {
			b.WriteString(" | ")
		}
		if x.Output > 0 {
			fmt.Fprintf(b, "output %d: ", x.Output)
		}
		if x.Key != nil {
			fmt.Fprintf(b, "%q -> ", x.Key)
		}
		fmt.Fprintf(b, "%q", x.Value)
		if x.Timestamp != in.Records[at].Timestamp {
			fmt.Fprintf(b, " at %d", x.Timestamp)
		}
		for _, h := range x.Headers {
			fmt.Fprintf(b, " %s=%q", h.Key, h.Value)
		}
		if target := out.TargetOf(x); target != "" {
			fmt.Fprintf(b, " to %s", target)
		}
	}
}

func (s *side) partition(ctx context.Context, in *connectors.Batch, count int32,
	faults *connectors.Faults, said []bytes.Buffer,
) error {
	p := Partitioner{runner: s.runner}
	places := make([]int32, in.Len())
	if err := p.Partition(ctx, in, max(count, 1), places, faults); err != nil {
		return err
	}
	for i, place := range places {
		fmt.Fprintf(&said[i], "partition %d", place)
	}
	return nil
}

func (s *side) assign(ctx context.Context, in *connectors.Batch, faults *connectors.Faults,
	said []bytes.Buffer,
) error {
	b := BucketAssigner{runner: s.runner}
	var buckets connectors.Buckets
	if err := b.Assign(ctx, in, &buckets, faults); err != nil {
		return err
	}
	for i, at := range buckets.Index {
		if at != connectors.NoBucket {
			fmt.Fprintf(&said[i], "bucket %q", buckets.Names[at])
		}
	}
	return nil
}

func shown(text string) string {
	if len(text) > shownBytesMax {
		text = text[:shownBytesMax] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}
