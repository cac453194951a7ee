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

func TestSwapUnderLoad(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	const swaps = 4
	for i := range swaps {
		mark := fmt.Sprintf("-m%d", i)
		s := b.swap(SwapRequest{
			Path: b.write("next.wasm", moduleOf(mark)), Config: suffix(mark),
		}, SwapProbation)
		require.Contains(t, []SwapState{SwapProbation, SwapDone}, s.State, s.Reason)
		require.Equal(t, s.Comparison.Records, s.Comparison.Different)
		b.flow()
	}
	b.stop()
	require.Equal(t, swaps+1, b.requireOneVersionPerEpoch())
	b.requireNothingLostOrDoubled()
	require.Zero(t, b.engine.Status().Restarts)
	require.GreaterOrEqual(t, b.engine.swaps.history.count(SwapDone), uint64(swaps-1),
		"the last one may have been proving itself when the job was stopped")
}

func TestSwapBrokenPluginsLeaveTheJobAsItIs(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	old := b.engine.Plugins()[0].Current
	hand := func(g wasmtest.Guest) []byte { return g.Module() }
	tests := []struct {
		name  string
		r     SwapRequest
		state SwapState
		want  string
	}{
		{"no file", SwapRequest{Path: filepath.Join(b.dir, "none.wasm")}, SwapRefused, "no such file"},
		{"garbage", SwapRequest{Path: b.write("a.wasm", []byte("garbage"))}, SwapRefused,
			"WebAssembly"},
		{"no guest ABI", SwapRequest{Path: b.write("b.wasm", wasmtest.Module())}, SwapRefused,
			"it is not a wasmflow plugin"},
		{"missing function", SwapRequest{Path: b.write("c.wasm", hand(wasmtest.Guest{}))}, SwapRefused,
			`has no function "mark"`},
		{"another digest than asked for", SwapRequest{
			Path: b.write("d.wasm", moduleOf("v2")), SHA256: strings.Repeat("a", 64),
		}, SwapRefused, "has SHA-256"},
		{"traps in open", SwapRequest{Config: json.RawMessage(`{"open":"trap"}`)}, SwapRefused,
			"trapped in "},
		{"refuses its configuration", SwapRequest{Config: json.RawMessage(`{"open":"refuse"}`)},
			SwapRefused, "told to refuse"},
		{"traps on a live record", SwapRequest{Config: json.RawMessage(`{"trap":"7"}`)}, SwapRefused,
			"the version before it never did"},
		{"other output than expected", SwapRequest{Config: suffix("-v2"), ExpectSame: true},
			SwapRefused, "of the trial differently"},
		{"the version in use", SwapRequest{Config: suffix("-v1")}, SwapRefused,
			"it is the version that is in use"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := b.swap(tt.r)
			require.Equal(t, tt.state, s.State)
			require.Contains(t, s.Reason, tt.want)
			require.Equal(t, old, b.engine.Plugins()[0].Current)
			require.Zero(t, s.First, "no epoch had anything of it")
		})
	}
	b.stop()
	require.Equal(t, 1, b.requireOneVersionPerEpoch())
	require.Zero(t, b.engine.Status().Restarts)
}

func TestSwapReturnsByARestartWhenTheFirstEpochGoesWrong(t *testing.T) {
	for _, onError := range []string{"skip", "fail"} {
		t.Run("on_error "+onError, func(t *testing.T) {
			b := newSwapBench(t, 0)
			b.swaps, b.onError = "sample = 0, probation = 1000", onError
			b.start()
			old := b.engine.Plugins()[0].Current
			broken := json.RawMessage(`{"suffix":"-v2","trap":"7"}`)
			s := b.swap(SwapRequest{Config: broken})
			require.Equal(t, SwapReturned, s.State)
			require.Contains(t, s.Reason, "trap")
			require.NotZero(t, s.First)
			require.Equal(t, old, b.engine.Plugins()[0].Current)
			captures, err := filepath.Glob(
				filepath.Join(b.dir, ".wasmflow", "captures", "swapped", "marks-*.wfb"))
			require.NoError(t, err)
			require.NotEmpty(t, captures, "what the new version failed on is kept")
			b.flow()
			good := b.swap(SwapRequest{Config: suffix("-v3")}, SwapProbation)
			require.Empty(t, good.Reason)
			b.flow()
			b.stop()
			versions := b.requireOneVersionPerEpoch()
			if !b.decided(broken) { // or no 7 was read in its first epoch
				require.Equal(t, 2, versions, "nothing of v2 was published")
				require.Equal(t, 1, b.engine.Status().Restarts, "no restart strategy is asked")
			}
			b.requireNothingLostOrDoubled()
		})
	}
}

func TestSwapReturnsWhenTheNewVersionAnswersNonsense(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps = "sample = 0, probation = 2"
	b.start()
	old := b.engine.Plugins()[0].Current
	liar := wasmtest.Guest{
		Description: `{"name":"liar","version":"1","functions":[{"name":"mark","role":"transform"}]}`,
		Process:     wasmtest.I32Const(-4), // its output would begin there
	}
	s := b.swap(SwapRequest{Path: b.write("liar.wasm", liar.Module())})
	require.Equal(t, SwapReturned, s.State)
	require.Contains(t, s.Reason, "failed: ")
	require.Equal(t, old, b.engine.Plugins()[0].Current)
	b.stop()
	require.LessOrEqual(t, b.requireOneVersionPerEpoch(), 1, "nothing of the liar was decided")
	require.Equal(t, 1, b.engine.Status().Restarts, "no restart strategy is asked")
	b.requireNothingLostOrDoubled()
}

func TestSwapReturnsWhileTheNewVersionProvesItself(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps = "sample = 0, probation = 1000"
	b.start()
	b.flow()
	// An instance works for many epochs before it traps.
	s := b.swap(SwapRequest{Config: json.RawMessage(`{"suffix":"-v2","after":10000}`)})
	require.Equal(t, SwapReturned, s.State)
	require.Regexp(t, `trapped [12] times on`, s.Reason, "both tasks may be there before the host looks")
	require.Greater(t, s.Back, s.First)
	b.stop()
	require.Equal(t, 2, b.requireOneVersionPerEpoch())
	b.requireNothingLostOrDoubled()
	require.Zero(t, b.engine.Status().Restarts)
}

func TestSwapReturnsByARestartWhenProvingFailsTheJob(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps, b.onError = "sample = 0, probation = 1000", "fail"
	b.start()
	from := 8*b.engine.Status().Stages["lines"].Out + 20_000
	s := b.swap(SwapRequest{Config: fmt.Appendf(nil, `{"suffix":"-v2","from":%d}`, from)})
	require.Equal(t, SwapReturned, s.State)
	b.stop()
	b.requireOneVersionPerEpoch()
	b.requireNothingLostOrDoubled()
	require.Equal(t, 1, b.engine.Status().Restarts)
}

func TestSwapBackToTheVersionBefore(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps = "sample = 10, probation = 0"
	b.start()
	_, err := b.engine.Swap(SwapRequest{Plugin: "marks", Back: true})
	require.ErrorIs(t, err, ErrSwapRefused)
	old := b.engine.Plugins()[0].Current
	b.flow()
	require.Equal(t, SwapDone, b.swap(SwapRequest{Config: suffix("-v2")}).State)
	b.flow()
	require.Equal(t, SwapDone, b.swap(SwapRequest{Back: true}).State)
	require.Equal(t, old, b.engine.Plugins()[0].Current)
	b.stop()
	require.Equal(t, 2, b.requireOneVersionPerEpoch())
	b.requireNothingLostOrDoubled()
}

func TestSwapRequestsThatAreRefusedAtOnce(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	defer b.stop()
	for _, tt := range []struct {
		name string
		r    SwapRequest
		want error
	}{
		{"unknown plugin", SwapRequest{Plugin: "x", Config: suffix("")}, ErrNoPlugin},
		{"nothing new", SwapRequest{Plugin: "marks"}, ErrSwapRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.engine.Swap(tt.r)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func TestRestartGoesOnWithTheVersionOfTheLastEpoch(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	first := b.engine.Plugins()[0].Current
	s := b.swap(SwapRequest{Path: b.write("next.wasm", moduleOf("v2")), Config: suffix("-v2")},
		SwapProbation)
	second := *s.To
	b.flow()
	b.stop()

	b.start()
	require.Equal(t, second.SHA256, b.engine.Plugins()[0].Current.SHA256)
	b.stop()
	require.Empty(t, b.engine.Plugins()[0].Swaps, "the job file names what it named before")

	b.write("marks.wasm", []byte("garbage"))
	b.start()
	require.Equal(t, second.SHA256, b.engine.Plugins()[0].Current.SHA256)
	refused := b.await(1)
	require.Equal(t, SwapRefused, refused.State)
	require.Equal(t, TriggerStart, refused.Trigger)
	b.stop()

	b.write("marks.wasm", moduleOf("v3"))
	b.start()
	third := b.await(1, SwapProbation)
	require.Equal(t, first.Config, third.To.Config, "the job file says so")
	require.Empty(t, third.Reason)
	b.flow()
	b.stop()
	require.Equal(t, 3, b.requireOneVersionPerEpoch())
	b.requireNothingLostOrDoubled()
}
