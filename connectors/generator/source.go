package generator

import (
	"context"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/ratelimit"
)

// Source is the opened source. All its readers share one pace.
type Source struct {
	count      uint64 // 0 is no end
	key, value *template
	keyBase    uint64
	valueBase  uint64
	pace       *ratelimit.Bucket // nil is no limit
	now        func() time.Time
}

func newSource(c *Config, env connectors.Env, key, value *template) *Source {
	s := &Source{
		count: uint64(c.Count), value: value, now: env.Now,
		keyBase: baseOf(c.Seed, keyStream), valueBase: baseOf(c.Seed, valueStream),
	}
	if c.Key != "" {
		s.key = key
	}
	if c.Rate > 0 {
		s.pace = ratelimit.NewBucket(c.Rate)
	}
	return s
}

// Enumerate finds all splits at the first start and none later. Splits that would be empty are
// not made.
func (s *Source) Enumerate(
	_ context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	if !state.IsZero() {
		at, err := number().Decode(state)
		if err == nil && at[0] != s.count {
			err = fmt.Errorf("%d now, %d when the job began: %w", s.count, at[0], ErrCountChanged)
		}
		if err != nil {
			return connectors.Enumeration{}, connectors.Permanent(
				fmt.Errorf("restoring the generator: %w", err))
		}
		return connectors.Enumeration{State: state, Done: true}, nil
	}
	e := connectors.Enumeration{State: number().Encode(s.count), Done: true}
	for i := range splitCount {
		if s.count > 0 && firstOf(i) >= s.count {
			break
		}
		e.Found = append(e.Found, newSplit(i))
	}
	return e, nil
}

// AssignTask deals the splits out in turn: they may never end, so none can wait for a task to
// become free.
func (s *Source) AssignTask(splitID string, parallelism int) (int, bool) {
	i, ok := parseID(splitID)
	if !ok {
		return 0, false
	}
	return i % parallelism, true
}

// OpenReader opens the reader of one task.
func (s *Source) OpenReader(
	_ context.Context, rc connectors.ReaderContext,
) (connectors.SourceReader, error) {
	return &reader{Source: s, limits: rc.Limits}, nil
}

// Close does nothing: there is nothing to release.
func (s *Source) Close() error { return nil }

var (
	_ connectors.Source   = (*Source)(nil)
	_ connectors.Assigner = (*Source)(nil)
)
