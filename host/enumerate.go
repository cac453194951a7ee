package host

import (
	"context"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/task"
)

// Bounds of an enumeration that meets a retryable error: about a minute in all, long enough for a
// server to come back and short enough that a person hears of one that does not.
const (
	enumerateAttemptsMax  = 8
	enumerateRetryWaitMin = 250 * time.Millisecond
	enumerateRetryWaitMax = 15 * time.Second
)

// enumeratePauseMin keeps a source that asks to be asked again at once from taking a CPU.
const enumeratePauseMin = 10 * time.Millisecond

// enumerate asks source i for splits until it is done and has nothing to look after. The
// coordinator adopts each answer before the next question, so an answer's state and splits enter
// the same epoch.
func (a *attempt) enumerate(i int, s *sourceRun, state checkpoint.Position) error {
	ctx := a.group.enumerators
	for {
		answer, err := enumerateWithRetries(ctx, s.source, state)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return task.AtStage(s.name, err, "looking for splits of %s", s.name)
		}
		a.events <- enumerated{source: i, answer: answer}
		if answer.Done && answer.Again == 0 {
			return nil
		}
		select {
		case state = <-s.adopted:
		case <-ctx.Done():
			return nil
		}
		if !sleep(ctx, max(answer.Again, enumeratePauseMin)) {
			return nil
		}
	}
}

func enumerateWithRetries(ctx context.Context, s connectors.Source, state checkpoint.Position,
) (connectors.Enumeration, error) {
	wait := enumerateRetryWaitMin
	for attempt := 1; ; attempt++ {
		answer, err := s.Enumerate(ctx, state)
		if err == nil || connectors.Classify(err) != connectors.Retry ||
			attempt == enumerateAttemptsMax {
			return answer, err
		}
		if !sleep(ctx, wait) {
			return answer, ctx.Err()
		}
		wait = min(2*wait, enumerateRetryWaitMax)
	}
}

// sleep waits for d and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
