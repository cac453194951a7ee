package file

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"sync"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	format "github.com/wasmflow/wasmflow/connectors/format/lines"
)

// ErrTaken is returned by OpenWriter and Recover when the path holds something that this job did
// not write and write_mode does not allow to replace it.
var ErrTaken = errors.New("there is something already")

// Sink writes plain files, one for each task. It is opened once per claim.
//
// Every file has two names: the one that readers know, its target, and one in the staging folder
// that carries the claim, its live name. The live name is the truth: it is new with every claim,
// so nobody else ever writes to or replaces what it leads to.
type Sink struct {
	config *SinkConfig
	env    connectors.Env
	fs     filesystem.FileSystem
	live   filesystem.LiveFiles
	root   string
	// life serialises Recover, OpenWriter and Close, which do I/O under it. It is taken before mu.
	life struct {
		sync.Mutex
		owner  checkpoint.Owner
		own    map[string]bool // identities of files that earlier claims made
		folder bool            // root is a folder of numbered files
		files  int             // live names given out in this claim
	}
	mu struct {
		sync.Mutex
		outputs map[string]*output // by target
	}
}

// output is one file of the sink. Its writer belongs to the task that took it; the rest is guarded
// by Sink.mu.
type output struct {
	task      int
	target    string
	live      string
	writer    filesystem.LiveWriter
	taken     bool  // by the writer of a task; the others are of tasks that there are no more
	prepared  int64 // length that the last Prepare told; -1 is none
	committed int64 // length that the last Commit told; -1 is none
}

// Open implements connectors.SinkConfig. It creates nothing: that needs a claim.
func (c *SinkConfig) Open(ctx context.Context, env connectors.Env) (connectors.Sink, error) {
	fs, live, root, err := c.resolve(ctx, env)
	if err != nil {
		return nil, err
	}
	s := &Sink{config: c, env: env, fs: fs, live: live, root: root}
	s.mu.outputs, s.life.own = map[string]*output{}, map[string]bool{}
	s.life.folder = env.Parallelism > 1
	return s, nil
}

// OpenCommitter implements connectors.CommitterOpener.
func (s *Sink) OpenCommitter(
	_ context.Context, cc connectors.CommitterContext,
) (checkpoint.Committer, error) {
	if s.env.JobID == "" || cc.Owner.Number == 0 {
		return nil, errNoClaim
	}
	s.life.Lock()
	defer s.life.Unlock()
	s.life.owner = cc.Owner
	return &sinkCommitter{sink: s}, nil
}

var errNoClaim = errors.New("job id and claim must be known before the sink is used")

// OpenWriter implements connectors.Sink.
func (s *Sink) OpenWriter(
	ctx context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	encoder, err := format.New(s.config.Options)
	if err != nil {
		return nil, fmt.Errorf("opening writer: %w", err)
	}
	s.life.Lock()
	defer s.life.Unlock()
	if s.life.owner.Number == 0 {
		return nil, errNoClaim
	}
	target := s.targetOf(wc.Task)
	out := s.output(target)
	if out == nil {
		if out, err = s.begin(ctx, wc.Task, target); err != nil {
			return nil, err
		}
	}
	if !s.take(out) {
		return nil, fmt.Errorf("opening writer: task %d has one already", wc.Task)
	}
	return &sinkWriter{sink: s, context: wc, encoder: encoder, out: out}, nil
}

// output returns the file of a target, or nil.
func (s *Sink) output(target string) *output {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.outputs[target]
}

// take gives out to a writer, once, and makes it known.
func (s *Sink) take(out *output) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out.taken {
		return false
	}
	out.taken = true
	s.mu.outputs[out.target] = out
	return true
}

// targetOf returns the file that a task writes. s.life is held.
func (s *Sink) targetOf(task int) string {
	if !s.life.folder {
		return s.root
	}
	return path.Join(s.root, strconv.Itoa(task+1))
}

// begin makes an empty file for a task that has none yet. s.life is held.
func (s *Sink) begin(ctx context.Context, task int, target string) (*output, error) {
	replace := s.config.WriteMode == overwrite
	if info, err := s.fs.Stat(ctx, target); err == nil && s.life.own[info.Identity] {
		replace = true
	}
	out, err := s.create(ctx, s.root, task, target, "", 0, replace)
	if errors.Is(err, filesystem.ErrExists) {
		return nil, s.taken(target)
	}
	return out, err
}

func (s *Sink) taken(p string) error {
	return connectors.Permanent(fmt.Errorf("opening %s: %w; write_mode = %q replaces it",
		p, ErrTaken, overwrite))
}

// create makes a live file beside root that begins with size bytes of from, and shows it under its
// target. s.life is held.
func (s *Sink) create(
	ctx context.Context, root string, task int, target, from string, size int64, replace bool,
) (*output, error) {
	name := liveName{
		sink: s.env.Name, task: task, claim: s.life.owner.Number, nonce: s.life.owner.Nonce,
		number: s.life.files,
	}
	s.life.files++
	out := &output{
		task: task, target: target, prepared: -1, committed: -1,
		live: path.Join(s.staging(root), name.String()),
	}
	var err error
	if out.writer, err = s.live.CreateLive(ctx, out.live, from, size); err != nil {
		return nil, err
	}
	err = out.writer.Sync(ctx)
	if err == nil {
		err = failpoint.Hit("file/after-live")
	}
	if err == nil {
		err = s.live.Show(ctx, out.live, target, replace)
	}
	if err == nil {
		err = failpoint.Hit("file/after-show")
	}
	if err != nil {
		return nil, errors.Join(err, out.writer.Close(),
			s.fs.Remove(context.WithoutCancel(ctx), out.live))
	}
	return out, nil
}

// staging returns the folder of live names of output at root.
func (s *Sink) staging(root string) string {
	return filesystem.Staging(path.Dir(root), s.env.JobID)
}

// Close implements connectors.Sink. A file whose every byte is committed needs its live name no
// more: without it, removing the target frees the disk.
func (s *Sink) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.Lock()
	outputs := s.mu.outputs
	s.mu.outputs = map[string]*output{}
	s.mu.Unlock()
	var errs []error
	for _, out := range outputs {
		clean := out.committed >= 0 && out.writer.Size() == out.committed
		errs = append(errs, out.writer.Close())
		// The job's context is over by now, more often than not.
		ctx := context.Background()
		if clean && s.shown(ctx, out) == nil {
			errs = append(errs, s.fs.Remove(ctx, out.live))
		}
	}
	return errors.Join(errs...)
}

// shown tells whether the target still is a name of the live file.
func (s *Sink) shown(ctx context.Context, out *output) error {
	live, err := s.fs.Stat(ctx, out.live)
	if err != nil {
		return err
	}
	target, err := s.fs.Stat(ctx, out.target)
	if err != nil {
		return err
	}
	if live.Identity == "" || live.Identity != target.Identity {
		return fmt.Errorf("%s was replaced while the job wrote it", out.target)
	}
	return nil
}

var (
	_ connectors.Sink            = (*Sink)(nil)
	_ connectors.CommitterOpener = (*Sink)(nil)
)
