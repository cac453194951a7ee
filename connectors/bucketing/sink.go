package bucketing

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/bucketing/datepattern"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format"
)

// Sink is one [sinks.x] table at work. It is opened once per claim.
type Sink struct {
	config  *Config
	env     connectors.Env
	fs      filesystem.FileSystem
	root    string        // base path inside fs
	format  format.Opener // of parts
	suffix  string        // of the names of parts
	joiner  format.Joiner // of parts, nil unless they are joined
	form    string        // of parts, if they may be joined with others of it
	joinMax int64         // bytes that are joined for one epoch
	metrics *metrics
	mu      struct {
		sync.Mutex
		// next is the number of the next part by task. It outlives the writers: a second writer
		// of a task goes on where the first one stopped (B2).
		next map[int]*uint64
	}
}

// Open implements connectors.SinkConfig. It creates nothing: that needs a claim.
func (c *Config) Open(ctx context.Context, env connectors.Env) (connectors.Sink, error) {
	fs, root, err := c.resolve(ctx, env)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(env.Registerer)
	if err != nil {
		return nil, err
	}
	parts := c.writer()
	opener, err := parts.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	s := &Sink{
		config: c, env: env, fs: fs, root: root, metrics: m, format: opener,
		suffix: partSuffix(c.PartSuffix, parts.Extension()),
	}
	if err := c.Compact.check(fs); err != nil {
		return nil, err
	}
	if c.Compact.On {
		joiner, ok := opener.(format.Joiner)
		if !ok {
			return nil, connectors.AtKey("compact", connectors.Permanent(
				fmt.Errorf("parts of format %s cannot be joined; write \"off\"", parts.Format)))
		}
		s.joiner, s.form, s.joinMax = joiner, parts.Form(joiner), joinBytesMax
		if parts.Rejoins() {
			s.joinMax = rejoinBytesMax
		}
	}
	s.mu.next = map[int]*uint64{}
	return s, nil
}

// checkRoot refuses a base path that is a file. One that is missing is made with the first part.
func checkRoot(ctx context.Context, fs filesystem.FileSystem, root string) error {
	info, err := fs.Stat(ctx, root)
	switch {
	case errors.Is(err, filesystem.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("looking at base path: %w", err)
	case !info.Dir:
		return fmt.Errorf("base path %s is a file; name a folder", root)
	}
	return nil
}

// OpenWriter implements connectors.Sink.
func (s *Sink) OpenWriter(
	_ context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	if s.env.JobID == "" || wc.Owner.Number == 0 || wc.Owner.Nonce == "" {
		return nil, errNoJob
	}
	w := &writer{
		sink: s, context: wc, number: s.counter(wc.Task),
		prefix: partPrefix(s.config.PartPrefix, s.env.JobID, s.env.Name, wc),
		sealer: newSealer(s.metrics, sealsMax),
	}
	w.forgetBuckets()
	w.checked = s.env.Now()
	var err error
	if w.assigner, err = s.assigner(w); err != nil {
		return nil, fmt.Errorf("opening writer: %w", err)
	}
	// The name of the last part of a very long claim must still be a name.
	if err := w.pendingName("", 1<<64-1).Validate(); err != nil {
		return nil, fmt.Errorf("opening writer: %w; shorten the sink's name or part_prefix", err)
	}
	return w, nil
}

// partPrefix returns the part of B2's name that is the same for all parts of a writer.
func partPrefix(prefix, job, sink string, wc connectors.WriterContext) string {
	return prefix + "-" + job + "-" + sink + "-" + strconv.Itoa(wc.Task) + "-" +
		strconv.FormatUint(wc.Owner.Number, 10) + "-" + wc.Owner.Nonce + "-"
}

// partSuffix returns the suffix with the extension of the format behind it, unless it is there.
func partSuffix(suffix, extension string) string {
	return strings.TrimSuffix(suffix, extension) + extension
}

func (s *Sink) counter(task int) *uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.next[task] == nil {
		s.mu.next[task] = new(uint64)
	}
	return s.mu.next[task]
}

// assigner returns what names the buckets of w.
func (s *Sink) assigner(w *writer) (assigner, error) {
	b := &s.config.Bucketer
	switch {
	case !b.Function.IsZero():
		if w.context.Bucketer == nil {
			return nil, fmt.Errorf("bucketer %s was not opened", b.Function)
		}
		return &guestAssigner{writer: w, guest: w.context.Bucketer}, nil
	case b.Pattern == "":
		return &baseAssigner{writer: w}, nil
	}
	pattern, err := datepattern.Compile(b.Pattern)
	if err != nil {
		return nil, err
	}
	zone, err := zoneOf(b.Zone)
	if err != nil {
		return nil, err
	}
	return &timeAssigner{writer: w, pattern: pattern, zone: zone, mode: b.Time}, nil
}

// OpenCommitter implements connectors.CommitterOpener.
func (s *Sink) OpenCommitter(
	_ context.Context, cc connectors.CommitterContext,
) (checkpoint.Committer, error) {
	if s.env.JobID == "" || cc.Owner.Number == 0 {
		return nil, errNoJob
	}
	return &committer{
		sink: s, claim: cc.Owner.Number, nonce: cc.Owner.Nonce, hold: newHolder(),
	}, nil
}

// Close implements connectors.Sink. The file system belongs to whoever resolved it.
func (s *Sink) Close() error { return nil }

// overdue tells whether more than limit passed from then to now.
func overdue(then, now time.Time, limit connectors.Duration) bool {
	return now.Sub(then) > limit.D()
}

var (
	_ connectors.Sink            = (*Sink)(nil)
	_ connectors.CommitterOpener = (*Sink)(nil)
)
