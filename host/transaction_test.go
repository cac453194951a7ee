package host

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// joiningSink is a memory sink that writes in transactions, of one system or another.
type joiningSink struct {
	*memorySink
	Place string `toml:"place"`
	given *givenTx
}

// givenTx is what writers were opened with, by system.
type givenTx struct {
	sync.Mutex
	places map[string][]checkpoint.Tx
}

func (s *joiningSink) Transactional() bool                        { return true }
func (s *joiningSink) StandsAlone() bool                          { return true }
func (s *joiningSink) Differences(connectors.SinkConfig) []string { return nil }
func (s *joiningSink) SameSystem(other connectors.SinkConfig) bool {
	return other.(*joiningSink).Place == s.Place
}

func (s *joiningSink) Open(context.Context, connectors.Env) (connectors.Sink, error) {
	return s, nil
}

func (s *joiningSink) OpenWriter(ctx context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	s.given.Lock()
	s.given.places[s.Place] = append(s.given.places[s.Place], wc.Tx)
	s.given.Unlock()
	return s.memorySink.OpenWriter(ctx, wc)
}

type fixedTx struct{}

func (fixedTx) Epoch() checkpoint.Epoch { return 7 }

func TestWritersOfTheLogsSystemGetItsTransaction(t *testing.T) {
	b := newBench(`
name = "joining"
[job]
parallelism = 2
[sources.lines]
connector = "generator"
count = 10
[sinks.out]
connector = "joining"
from = ["lines"]
place = "here"
[sinks.side]
connector = "joining"
from = ["lines"]
place = "elsewhere"
[dead_letter]
connector = "joining"
place = "here"
`)
	given := &givenTx{places: map[string][]checkpoint.Tx{}}
	b.log.tx = fixedTx{}
	b.more = []connectors.Spec{{Name: "joining", NewSink: func() connectors.SinkConfig {
		return &joiningSink{memorySink: newMemorySink(), given: given}
	}}}
	res, err := b.engine(t).Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, checkpoint.Finished, res.Outcome)
	tx := checkpoint.Tx(fixedTx{})
	require.Equal(t, map[string][]checkpoint.Tx{
		"here": {tx, tx, tx, tx}, "elsewhere": {nil, nil},
	}, given.places)
	require.Equal(t, "joining:out", b.log.records[len(b.log.records)-1].Log)
}
