package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

const (
	storeRoot = "/store"
	outRoot   = "/out"
	jobName   = "job"
	sinkName  = "out"
	source    = "in"

	// stepsMax bounds a run: a healthy one needs a few thousand calls to the disk.
	stepsMax = 100_000
	// processesMax bounds the processes that live at once: an owner, one that sleeps, one that
	// takes over, one more.
	processesMax = 4
	// faultsMax bounds the faults of a run; then the job must finish.
	faultsMax = 24
)

// errIO is what a disk that fails says.
var errIO = errors.New("input/output error")

// Options choose a run.
type Options struct {
	Seed uint64
	Bug  Bug
	// Trace gets a line for everything of note; nil for none.
	Trace func(line string)
}

// Result counts what happened in a run.
type Result struct {
	Steps, Processes, Kills, PowerFailures, Sleeps, Faults int
	Epochs, Fenced, Unknown, Taken, Late                   int
	Moves, Outages, LateRequests, Staged, TopicsLost       int
	Rests                                                  int // turns in which a pause rested
	Lost                                                   int // epochs, with their transactions
}

// logs says which commit log the job file names.
type logs int

const (
	storeOnly logs = iota
	topicOnly
	changing // now the one and now the other
)

// transactionTimeout is short beside an outage or a long sleep, and long beside an epoch.
const transactionTimeout = 1200 * turnTime

// fence is the last time that a process fenced the others.
type fence struct {
	p       *process
	over    int  // the process that had fenced before
	claimed bool // its claim has ended since
}

// split is a part of the model's input: records 0 .. records-1.
type split struct {
	id           string
	records      int
	round        int // of the enumeration that finds it
	acknowledged int // records before this one are gone from the input
}

// world is everything outside the processes.
type world struct {
	Options
	ctx    context.Context
	rng    *rand.Rand
	disk   *fstest.Disk
	splits []*split
	rounds int // enumerations until the source is done

	alive     []*process
	faults    int  // still to come
	heir      bool // another process is to start
	consumer  bool // takes files away once their epoch is applied
	processes int
	nonces    uint32

	visible map[string]string // every file ever seen under its final name
	taken   map[string]string // those the consumer has
	late    []publication     // still on their way
	touched []string          // final names that a call is about to change
	epochs  map[string]uint64 // final name to the epoch that published it
	applied uint64

	logs      logs
	lastLog   string // of the last claim
	config    string // the log that the job file names now
	cluster   *broker.Broker
	clock     time.Duration
	awayUntil int // step
	fencer    fence
	standing  map[string]bool   // nonces of claims that are known to stand
	lost      *broker.Partition // the commits, while they are taken away

	finished  bool
	violation error
	result    Result
}

// Run plays the run of a seed to its end. The error is what the judge has against it, nil when
// every record came out exactly once.
func Run(o Options) (result Result, err error) {
	w := newWorld(o)
	defer func() {
		if r := recover(); r != nil {
			result, err = w.result, fmt.Errorf("panic: %v", r)
		}
		for _, p := range w.alive {
			p.stop()
		}
	}()
	for w.violation == nil && w.step() {
		w.result.Steps++
		if w.result.Steps > stepsMax {
			w.fail("the job does not finish: %d steps", stepsMax)
		}
	}
	if w.violation == nil {
		w.settleBroker()
		w.judge()
	}
	return w.result, w.violation
}

func newWorld(o Options) *world {
	w := &world{
		Options: o,
		ctx:     context.Background(),
		rng:     rand.New(rand.NewPCG(o.Seed, 0x5eed)),
		disk:    fstest.NewDisk(),
		visible: map[string]string{}, taken: map[string]string{}, epochs: map[string]uint64{},
	}
	w.rounds = 1 + w.rng.IntN(3)
	for i := range 1 + w.rng.IntN(6) {
		w.splits = append(w.splits, &split{
			id: fmt.Sprintf("s%d", i), records: w.rng.IntN(60), round: w.rng.IntN(w.rounds),
		})
	}
	w.faults = w.rng.IntN(faultsMax)
	w.consumer = w.chance(4)
	w.logs = logsOf(o)
	w.config = storelog.Name
	if w.logs == topicOnly {
		w.config = topicLog
	}
	w.standing = map[string]bool{}
	w.cluster = broker.New(broker.Options{
		Now: func() time.Duration { return w.clock }, TransactionTimeout: transactionTimeout,
		Delays: true, Version1: w.Bug == BugOldBroker || w.Bug == BugRetryEndLater,
	})
	return w
}

// logsOf chooses the logs of a run: for a bug those that it can show in.
func logsOf(o Options) logs {
	kind, b := logs(rand.New(rand.NewPCG(o.Seed, 0x109)).IntN(3)), o.Bug
	switch {
	case b == BugImportWithoutSeal:
		return changing
	case b == BugEmptyIsFresh:
		return topicOnly
	case slices.Contains(StoreBugs(), b):
		return storeOnly
	case slices.Contains(TopicBugs(), b) && kind == storeOnly:
		return topicOnly
	}
	return kind
}

// publication is a record whose writer was told that it failed.
type publication struct {
	path string
	data []byte
}

// delay puts a publication off and tells whether it did.
func (w *world) delay(p string, data []byte) bool {
	if w.faults == 0 || !w.chance(30) {
		return false
	}
	w.faults--
	w.result.Late++
	w.trace("publication of %s is on its way", p)
	w.late = append(w.late, publication{path: p, data: bytes.Clone(data)})
	return true
}

// arrive lets the publications that were put off happen, at any time and in any order, also when
// their writers are long gone.
func (w *world) arrive() {
	i := w.rng.IntN(len(w.late))
	p := w.late[i]
	w.late = append(w.late[:i], w.late[i+1:]...)
	w.nonces++
	remote := local.New(local.Options{Disk: w.disk, Nonce: fmt.Sprintf("late%d", w.nonces)})
	err := remote.PublishExclusive(w.ctx, p.path, p.data)
	if err != nil && !errors.Is(err, filesystem.ErrExists) {
		w.fail("publishing %s late: %v", p.path, err)
	}
	w.trace("publication of %s arrives: %v", p.path, err)
}

// chance is true once in n.
func (w *world) chance(n int) bool { return w.rng.IntN(n) == 0 }

func (w *world) trace(format string, args ...any) {
	if w.Trace != nil {
		w.Trace(fmt.Sprintf(format, args...))
	}
}

// fail notes the first thing that the judge has against the run.
func (w *world) fail(format string, args ...any) {
	if w.violation == nil {
		w.violation = fmt.Errorf(format, args...)
		w.trace("VIOLATION %v", w.violation)
	}
}

func (w *world) split(id string) *split {
	for _, s := range w.splits {
		if s.id == id {
			return s
		}
	}
	return nil
}

// step lets one process go to its next call to the disk, or something from outside happen. It
// returns false when the job is over.
func (w *world) step() bool {
	if w.faults > 0 && w.chance(150) {
		w.faults--
		w.strike()
	}
	if w.logs != storeOnly {
		w.brokerSteps()
	}
	if w.heir && len(w.alive) < processesMax {
		w.start()
	}
	w.heir = false
	if len(w.late) > 0 && w.chance(200) {
		w.arrive()
	}
	if w.consumer && w.chance(100) {
		w.consume()
	}
	awake := w.awake()
	if len(awake) == 0 {
		if w.finished && len(w.alive) == 0 {
			return false
		}
		if len(w.alive) > 0 {
			w.wake()
			return true
		}
		w.loseTopic()
		w.start()
		return true
	}
	p := awake[w.rng.IntN(len(awake))]
	if !p.resume() {
		w.remove(p)
	}
	w.look()
	return true
}

// awake returns the processes that run, and brings those that slept long enough nearer to it.
func (w *world) awake() []*process {
	var out []*process
	for _, p := range w.alive {
		if p.asleep > 0 {
			p.asleep--
		}
		if p.asleep == 0 {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) wake() {
	for _, p := range w.alive {
		p.asleep = 0
	}
}

func (w *world) remove(p *process) {
	for i, q := range w.alive {
		if q == p {
			w.alive = append(w.alive[:i], w.alive[i+1:]...)
		}
	}
}

func (w *world) start() {
	w.processes++
	w.result.Processes++
	if w.logs == changing && w.chance(3) {
		w.changeLog()
	}
	p := newProcess(w, w.processes)
	w.alive = append(w.alive, p)
	w.trace("p%d starts with %d tasks", p.id, p.parallelism)
}

// changeLog has the job file name the other log; processes that run keep theirs.
func (w *world) changeLog() {
	if w.config == topicLog {
		w.config = storelog.Name
	} else {
		w.config = topicLog
	}
	w.trace("the job file says log = %s", w.config)
}

// strike lets something from outside happen to the processes.
func (w *world) strike() {
	var p *process
	if len(w.alive) > 0 {
		p = w.alive[w.rng.IntN(len(w.alive))]
	}
	switch n := w.rng.IntN(10); {
	case n < 3 && p != nil:
		w.trace("p%d is killed", p.id)
		w.result.Kills++
		p.kill()
		w.remove(p)
	case n < 4:
		w.powerFailure()
	case n < 7 && p != nil:
		w.sleep(p)
	case len(w.alive) < processesMax:
		w.start()
	}
}

// sleep stops a process for a while, like SIGSTOP, and lets another take over most of the time.
func (w *world) sleep(p *process) {
	p.asleep = 1 + w.rng.IntN(3000)
	p.disturbed = true
	w.trace("p%d sleeps for %d steps", p.id, p.asleep)
	w.result.Sleeps++
	w.heir = !w.chance(4)
}

// doze lets a process fall asleep right after it has read a folder: what it knows then gets old,
// and chance alone would hit that moment rarely.
func (w *world) doze(p *process, op fstest.Op) {
	if op.Kind == fstest.ReadDir && w.faults > 0 && w.chance(60) {
		w.faults--
		w.sleep(p)
	}
}

// powerFailure ends every process and leaves on the disk what was synced, and of the rest what
// the dice say.
func (w *world) powerFailure() {
	for _, p := range w.alive {
		p.kill()
	}
	w.alive = nil
	keep := []int{0, 50, 90}[w.rng.IntN(3)]
	w.trace("the power fails, %d%% of what was not synced is kept", keep)
	w.result.PowerFailures++
	w.disk = w.disk.CrashClone(w.rng.Uint64(), keep)
	for p := range w.visible {
		w.touched = append(w.touched, p)
	}
	w.look()
}

// rawFS is the disk as an observer sees it, without faults.
func (w *world) rawFS() *local.FileSystem {
	return local.New(local.Options{Disk: w.disk, Nonce: "observer"})
}

// look compares the final names that were touched with what was seen under them before.
func (w *world) look() {
	touched := w.touched
	w.touched = nil
	for _, p := range touched {
		data, err := w.rawFS().ReadFile(w.ctx, p, 1<<20)
		if errors.Is(err, filesystem.ErrNotFound) {
			continue // not there yet, or its name was not durable: it must come back the same
		}
		before, known := w.visible[p]
		switch {
		case err != nil:
			w.fail("reading %s: %v", p, err)
		case w.taken[p] != "":
			w.fail("%s is back after the consumer took it", p)
		case known && before != string(data):
			w.fail("visible file %s changed from %q to %q", p, before, data)
		}
		w.visible[p] = string(data)
	}
}

// consume takes a visible file away, as a reader does that moves finished files on. It waits for
// the applied mark: before that a missing file is a loss.
func (w *world) consume() {
	for _, p := range w.finalNames() {
		if w.epochs[p] == 0 || w.epochs[p] > w.applied || !w.chance(3) {
			continue
		}
		w.trace("the consumer takes %s", p)
		w.taken[p] = w.visible[p]
		w.result.Taken++
		if err := errors.Join(w.disk.Unlink(p), w.disk.SyncDir(path.Dir(p))); err != nil {
			w.fail("taking %s: %v", p, err)
		}
		return
	}
}

// finalNames lists the visible files in order.
func (w *world) finalNames() []string {
	var names []string
	for info, err := range w.rawFS().List(w.ctx, outRoot, true) {
		if errors.Is(err, filesystem.ErrNotFound) {
			return nil
		}
		if err != nil {
			w.fail("listing %s: %v", outRoot, err)
			return nil
		}
		if !info.Dir && isFinal(info.Path) {
			names = append(names, info.Path)
		}
	}
	return names
}

// isFinal tells a final name from a temporary or a pending one.
func isFinal(p string) bool {
	return strings.HasPrefix(p, outRoot+"/b") && strings.Contains(p, "/part-")
}

// onCall is asked before every call of a process to the disk.
func (w *world) onCall(op fstest.Op) fstest.Fault {
	for _, p := range []string{op.Path, op.To} {
		if isFinal(p) && !op.Kind.Reads() {
			w.touched = append(w.touched, p)
		}
	}
	if w.faults == 0 || !w.chance(400) {
		return fstest.Fault{}
	}
	w.faults--
	w.result.Faults++
	done := w.chance(2)
	w.trace("%s %s %s fails, done: %v", op.Kind, op.Path, op.To, done)
	return fstest.Fault{Err: errIO, Done: done}
}
