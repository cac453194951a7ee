package bucketing

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// marksMax bounds the buckets that wait for their mark: each is a line of every manifest. Years of
// hours are fewer.
const marksMax = 50_000

func (c *Config) validateMark(p *connectors.Problems) {
	if c.SuccessFile == "" {
		return
	}
	switch {
	case strings.IndexByte(hiddenMarks, c.SuccessFile[0]) < 0:
		p.Addf("success_file", "%q does not begin with an underscore or a dot; readers would take it "+
			"for data", c.SuccessFile)
	case c.SuccessFile == "." || c.SuccessFile == ".." || c.SuccessFile == filesystem.StagingFolder:
		p.Addf("success_file", "%q names no file; write \"_SUCCESS\"", c.SuccessFile)
	case c.Bucketer.Pattern == "":
		p.Addf("success_file", "only a date-time bucketer knows when a bucket is complete; leave it "+
			"out, or write bucketer = { datetime = %q }", defaultPattern)
	}
	checkAffix(p, "success_file", c.SuccessFile)
}

// noteMark notes that a bucket got a part: its mark waits from then on.
func (c *committer) noteMark(p *heldPart) {
	if c.sink.config.SuccessFile == "" || p.hold.until == 0 {
		return
	}
	folder := path.Dir(p.token.Target)
	m := c.hold.marks[folder]
	if m == nil {
		if len(c.hold.marks) >= marksMax {
			c.sink.env.Logger.Warn("too many buckets wait for their success_file; this one gets none",
				"folder", folder, "waiting", len(c.hold.marks))
			return
		}
		m = &heldPart{
			committable: committable{
				base: p.base, root: p.root, hold: &hold{mark: true},
				token: filesystem.Token{Target: path.Join(folder, c.sink.config.SuccessFile)},
			},
			fs: p.fs, task: p.task, claim: c.claim, epoch: p.epoch,
		}
		c.hold.marks[folder] = m
	}
	m.hold.since, m.hold.until = p.hold.since, max(m.hold.until, p.hold.until)
}

// settleMarks returns the marks that an epoch publishes and those that wait on.
//
// An epoch is prepared after the one before it was settled. So at the settling of an epoch all
// records are known that were written until then, and what is judged is that moment: a bucket that
// was over then, and had been without a part for long enough, got none since but in this epoch.
func (c *committer) settleMarks(
	e checkpoint.Epoch, now int64, final bool,
) (publish, keep []checkpoint.Committable) {
	held := map[string]bool{}
	for _, p := range c.hold.held {
		held[path.Dir(p.token.Target)] = true
	}
	delay := c.sink.config.SuccessDelay.D().Milliseconds()
	for _, folder := range slices.Sorted(maps.Keys(c.hold.marks)) {
		m := c.hold.marks[folder]
		m.hold.since = min(m.hold.since, now) // the clock was set back
		quiet := c.hold.settled >= max(m.hold.until, m.hold.since)+delay
		if held[folder] || !quiet && (!final || now < m.hold.until) {
			keep = append(keep, m.encode(c.sink.env.Name, true))
			continue
		}
		m.epoch = e
		publish = append(publish, m.encode(c.sink.env.Name, false))
		delete(c.hold.marks, folder)
	}
	c.hold.settled = now
	return publish, keep
}

// publishMarks writes the marks among items. It comes after everything else of their epoch.
func (c *committer) publishMarks(ctx context.Context, items []item) error {
	var marks []item
	for _, it := range items {
		if it.isMark() {
			marks = append(marks, it)
		}
	}
	return inParallel(publishesMax, marks, func(it item) error {
		_, err := it.fs.Stat(ctx, it.token.Target)
		switch {
		case err == nil:
			c.sink.metrics.late.Inc()
			return nil
		case !errors.Is(err, filesystem.ErrNotFound):
			return err
		}
		if err := failpoint.Hit("bucketing/before-mark"); err != nil {
			return err
		}
		return it.fs.WriteFile(ctx, it.token.Target, nil)
	})
}

// isMark tells that it is no part.
func (it item) isMark() bool { return it.hold != nil && it.hold.mark }
