package main

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/console"
)

// columnsDefault is the width of a terminal that does not tell its own.
const columnsDefault = 80

// newScreen returns the screen on w.
func newScreen(w io.Writer) *screen { return &screen{w: w} }

// columns returns the width of the terminal behind w; false is no terminal.
func columns(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = columnsDefault
	}
	return width, true
}

// live refreshes the status line of a run on a terminal. Elsewhere it does nothing.
type live struct {
	r      *runner
	ticker *time.Ticker // nil without a line
	last   console.Snapshot
}

func newLive(r *runner) *live {
	l := &live{r: r}
	if _, terminal := columns(r.screen.w); terminal && r.options.interval > 0 {
		l.ticker = time.NewTicker(r.options.interval)
		l.last = r.snapshot()
	}
	return l
}

// ticks is ready when the line is due.
func (l *live) ticks() <-chan time.Time {
	if l.ticker == nil {
		return nil
	}
	return l.ticker.C
}

// show renders the change since the last call.
func (l *live) show() {
	width, terminal := columns(l.r.screen.w)
	if !terminal {
		return
	}
	now := l.r.snapshot()
	l.r.screen.show(console.Line(l.last, now, width-1)) // the last column would wrap
	l.last = now
}

// close removes the line.
func (l *live) close() {
	if l.ticker != nil {
		l.ticker.Stop()
	}
	l.r.screen.show("")
}

// snapshot is what the live line is made of.
func (r *runner) snapshot() console.Snapshot {
	return snapshotOf(r.engine.Status(), r)
}

func snapshotOf(s host.Status, r *runner) console.Snapshot {
	shot := console.Snapshot{
		At: s.At, Started: r.started, State: string(stateOf(s)), Restarts: s.Restarts,
		Epoch: uint64(s.Epoch), Age: time.Duration(s.CheckpointAge * float64(time.Second)), Lag: -1,
	}
	for _, x := range r.job.Sources {
		c := s.Stages[x.Name]
		shot.In, shot.InBytes = shot.In+c.In, shot.InBytes+c.InBytes
		shot = withLag(shot, s.Sources[x.Name])
	}
	for _, x := range r.job.Sinks {
		shot.Out += s.Stages[x.Name].Out
	}
	for _, c := range s.Stages {
		shot.Skipped, shot.Dead = shot.Skipped+c.Skipped, shot.Dead+c.Dead
	}
	return shot
}

// withLag adds the lag of one source. Sources that count in different units have no sum: the first
// unit is shown.
func withLag(shot console.Snapshot, s host.SourceStatus) console.Snapshot {
	switch {
	case s.LagUnit == "" || shot.LagUnit != "" && shot.LagUnit != s.LagUnit:
		return shot
	case shot.LagUnit == "":
		shot.Lag, shot.LagUnit = 0, s.LagUnit
	}
	shot.Lag += s.Lag
	return shot
}
