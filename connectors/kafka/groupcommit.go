package kafka

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/wasmflow/wasmflow/checkpoint"
)

const (
	// pendingEpochsMax bounds the snapshots that wait for their decision; more than one waits
	// only when epochs were given up.
	pendingEpochsMax = 100
	// commitTimeout bounds one commit. The next one carries everything, so none is worth more.
	commitTimeout = 5 * time.Second
)

// epochOffsets are the positions that an epoch will decide.
type epochOffsets struct {
	epoch   checkpoint.Epoch
	offsets kadm.Offsets
}

// groupCommitter commits offsets of a group in the background, one commit at a time. A newer one
// replaces one that waits (Q5).
type groupCommitter struct {
	admin   *kadm.Client
	group   string
	logger  *slog.Logger
	metrics *sourceMetrics
	failing bool              // the last commit failed; used by run
	pending []epochOffsets    // by epoch; used by the task's goroutine
	next    chan kadm.Offsets // of length 1
	done    chan struct{}
}

func newGroupCommitter(
	admin *kadm.Client, group string, logger *slog.Logger, metrics *sourceMetrics,
) *groupCommitter {
	g := &groupCommitter{
		admin: admin, group: group, logger: logger, metrics: metrics,
		next: make(chan kadm.Offsets, 1), done: make(chan struct{}),
	}
	go g.run() // ends when close has closed next
	return g
}

// remember keeps what epoch will decide.
func (g *groupCommitter) remember(epoch checkpoint.Epoch, offsets kadm.Offsets) {
	if len(g.pending) == pendingEpochsMax {
		g.pending = append(g.pending[:0], g.pending[1:]...)
	}
	g.pending = append(g.pending, epochOffsets{epoch, offsets})
}

// decided commits what epoch decided and forgets older ones. An epoch that is not known does
// nothing.
func (g *groupCommitter) decided(epoch checkpoint.Epoch) {
	for i, p := range g.pending {
		if p.epoch != epoch {
			continue
		}
		g.pending = append(g.pending[:0], g.pending[i+1:]...)
		if len(p.offsets) == 0 {
			return
		}
		select {
		case <-g.next: // replaced; it was never begun
		default:
		}
		g.next <- p.offsets
		return
	}
}

func (g *groupCommitter) run() {
	defer close(g.done)
	for offsets := range g.next {
		g.commit(offsets)
	}
}

func (g *groupCommitter) commit(offsets kadm.Offsets) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	if err := g.admin.CommitAllOffsets(ctx, g.group, offsets); err != nil {
		g.metrics.commitFails.Inc()
		if !g.failing { // once for an outage
			g.logger.Warn("committing offsets for lag tools; the job goes on without",
				"group", g.group, "error", err)
		}
		g.failing = true
		return
	}
	g.failing = false
	g.metrics.commits.Inc()
}

// close waits for the last commit.
func (g *groupCommitter) close() {
	close(g.next)
	<-g.done
}
