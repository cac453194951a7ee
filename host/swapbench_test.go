package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/generator"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// testGuest is the plugin of testdata/guest, built once for all tests.
var testGuest struct {
	once    sync.Once
	dir     string
	bytes   []byte
	runtime *guest.Runtime
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if testGuest.dir != "" {
		_ = os.RemoveAll(testGuest.dir)
	}
	os.Exit(code)
}

func buildTestGuest() error {
	g := &testGuest
	var err error
	if g.dir, err = os.MkdirTemp("", "wasmflow-host-"); err != nil {
		return err
	}
	path, err := guesttest.Build(g.dir, filepath.Join("testdata", "guest"))
	if err != nil {
		return err
	}
	if g.bytes, err = os.ReadFile(path); err != nil {
		return err
	}
	g.runtime, err = guesttest.NewRuntime(g.dir, guest.Config{}, path)
	return err
}

// moduleOf returns the plugin with a mark in a custom section: the same code under another digest.
func moduleOf(mark string) []byte {
	return append(append([]byte{}, testGuest.bytes...), wasmtest.Custom("mark", []byte(mark))...)
}

// moduleLog is a memoryLog that keeps modules, and decides nothing whose module it lacks (S6).
type moduleLog struct {
	*memoryLog
	modules map[string][]byte
}

func (l *moduleLog) StoreModule(_ context.Context, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.modules[hex.EncodeToString(sum[:])] = data
	return hex.EncodeToString(sum[:]), nil
}

func (l *moduleLog) Decide(ctx context.Context, m checkpoint.Manifest) error {
	for _, x := range m.Modules {
		l.mu.Lock()
		_, ok := l.modules[x.SHA256]
		l.mu.Unlock()
		if !ok {
			return fmt.Errorf("%w: module %s of epoch %d is not in the store", checkpoint.ErrCorrupt,
				x.SHA256, m.Epoch)
		}
	}
	return l.memoryLog.Decide(ctx, m)
}

func (l *moduleLog) read(_ context.Context, sha string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if data, ok := l.modules[sha]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("no module %s", sha)
}

// last returns the last record, which is zero for a job that never ran.
func (l *moduleLog) last() checkpoint.Manifest {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) == 0 {
		return checkpoint.Manifest{}
	}
	return l.records[len(l.records)-1]
}

const swappedJob = `
name = "swapped"
[job]
parallelism = 2
batch = { records = 64 }
[checkpoint]
interval = "10ms"
[restart]
strategy = "none"
[plugins.marks]
path = "PATH"
config = { suffix = "-v1" }
swap = { SWAP }
MORE
[sources.lines]
connector = "generator"
count = COUNT
rate = 10000
template = "{seq}"
[transforms.mark]
from = ["lines"]
plugin = "marks"
function = "mark"
on_error = "ON_ERROR"
[sinks.out]
connector = "memory"
from = ["mark"]
`

// swapBench runs swappedJob.
type swapBench struct {
	t       *testing.T
	sink    *memorySink
	log     *moduleLog
	dir     string
	count   int
	onError string
	swaps   string // the plugin's swap table
	path    string // where the plugin is
	more    string // lines of its table
	options config.Options
	engine  *Engine
	done    chan error
}

func newSwapBench(t *testing.T, count int) *swapBench {
	t.Helper()
	testGuest.once.Do(func() { testGuest.err = buildTestGuest() })
	require.NoError(t, testGuest.err)
	b := &swapBench{
		t: t, sink: newMemorySink(), dir: t.TempDir(), count: count, onError: "skip",
		swaps: `sample = 100, sample_wait = "1m", probation = 2`,
		log: &moduleLog{
			memoryLog: &memoryLog{owner: checkpoint.Owner{Nonce: "n"}}, modules: map[string][]byte{},
		},
	}
	b.path = b.write("marks.wasm", moduleOf("v1"))
	b.options.Dir = b.dir
	return b
}

// write makes a file of the job's folder and returns its path.
func (b *swapBench) write(name string, data []byte) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(b.t, os.WriteFile(path, data, 0o600))
	return path
}

// start begins to run the job, as a new process would.
func (b *swapBench) start() {
	b.t.Helper()
	require.NoError(b.t, b.open())
	b.done = make(chan error, 1)
	go func(e *Engine, done chan error) { // ends with the job
		_, err := e.Run(context.WithoutCancel(b.t.Context()))
		done <- err
	}(b.engine, b.done)
}

// open makes the engine, and returns what it says of the job.
func (b *swapBench) open() error {
	b.t.Helper()
	text := strings.NewReplacer("PATH", b.path, "COUNT", strconv.Itoa(b.count), "ON_ERROR", b.onError,
		"SWAP", b.swaps, "MORE", b.more).Replace(swappedJob)
	job, err := config.Parse("job.toml", []byte(text), config.Registry{
		Connectors: []connectors.Spec{generator.Spec(), {
			Name: "memory", NewSink: func() connectors.SinkConfig { return b.sink },
		}},
		Schemes: []string{"file"},
	}, b.options)
	require.NoError(b.t, err)
	b.engine, err = New(b.t.Context(), Config{
		Job: job, Log: b.log, Decider: job.Decider, Guests: testGuest.runtime,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Kept: b.log.last().Modules, ReadModule: b.log.read,
		FileSystems: localFiles,
	})
	return err
}

// localFiles resolves every location to the local disk.
func localFiles(_ context.Context, location string) (filesystem.FileSystem, string, error) {
	path, err := local.Path(location)
	return local.New(local.Options{}), path, err
}

// stop ends the job after one more epoch.
func (b *swapBench) stop() {
	b.t.Helper()
	b.engine.Stop()
	b.finish()
}

// finish waits for the end of the job.
func (b *swapBench) finish() {
	b.t.Helper()
	require.NoError(b.t, <-b.done)
	require.NoError(b.t, b.engine.Close(b.t.Context()))
}

// swap asks for a swap and waits until it is in one of the states, or over.
func (b *swapBench) swap(r SwapRequest, until ...SwapState) Swap {
	b.t.Helper()
	r.Plugin, r.Trigger = "marks", TriggerCommand
	var id uint64
	require.Eventually(b.t, func() bool {
		var err error
		id, err = b.engine.Swap(r)
		return err == nil
	}, time.Minute, time.Millisecond)
	return b.await(id, until...)
}

func (b *swapBench) await(id uint64, until ...SwapState) (found Swap) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		for _, s := range b.engine.Plugins()[0].Swaps {
			if s.ID != id {
				continue
			}
			found = s
			for _, u := range until {
				if s.State == u {
					return true
				}
			}
			return s.State.Over()
		}
		return false
	}, time.Minute, time.Millisecond)
	return found
}

// requireOneVersionPerEpoch checks that every epoch's output was made by the version that its
// manifest names, and returns how many versions made some.
func (b *swapBench) requireOneVersionPerEpoch() int {
	b.t.Helper()
	versions := map[string]bool{}
	for _, m := range b.log.records {
		if m.Kind != checkpoint.KindEpoch {
			continue
		}
		require.Len(b.t, m.Modules, 1)
		var settings struct{ Suffix string }
		require.NoError(b.t, json.Unmarshal(m.Modules[0].Config, &settings))
		for _, c := range m.Committables {
			for _, line := range b.sink.visible[string(c.Data)] {
				require.True(b.t, strings.HasSuffix(line, settings.Suffix), "epoch %d of %s has %s",
					m.Epoch, m.Modules[0].Config, line)
				versions[m.Modules[0].SHA256+settings.Suffix] = true
			}
		}
	}
	return len(versions)
}

// requireNothingLostOrDoubled checks that what a stopped job read is there once.
func (b *swapBench) requireNothingLostOrDoubled() {
	b.t.Helper()
	seen := map[string]int{}
	for line, times := range b.sink.lines() {
		seq, _, _ := strings.Cut(line, "-")
		seen[seq] += times
	}
	counts := b.engine.Status().Stages
	require.Equal(b.t, int(counts["lines"].Out), len(seen)+int(counts["mark"].Skipped))
	for seq, times := range seen {
		require.Equal(b.t, 1, times, "record %s", seq)
	}
}

// flow waits until the version in use has made something, which the epoch under way holds.
func (b *swapBench) flow() {
	b.t.Helper()
	made := func() uint64 { return b.engine.Status().Stages["mark"].Out }
	before := made()
	require.Eventually(b.t, func() bool { return made() > before }, time.Minute, time.Millisecond)
}

// decided reports whether an epoch was decided whose record names a configuration.
func (b *swapBench) decided(settings json.RawMessage) bool {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	return slices.ContainsFunc(b.log.records, func(m checkpoint.Manifest) bool {
		return m.Kind == checkpoint.KindEpoch && bytes.Equal(m.Modules[0].Config, settings)
	})
}

func suffix(s string) json.RawMessage { return json.RawMessage(`{"suffix":"` + s + `"}`) }
