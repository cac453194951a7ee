package fstest

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
)

// ErrCrashed is what every call of a dead process returns.
var ErrCrashed = errors.New("process crashed here")

// Kind names a call. Disk calls and file-system calls have kinds of their own.
type Kind string

// Kinds of disk calls.
const (
	Create  Kind = "create"
	Write   Kind = "write"
	Sync    Kind = "sync"
	Close   Kind = "close"
	Open    Kind = "open"
	Stat    Kind = "stat"
	ReadDir Kind = "read dir"
	Mkdir   Kind = "mkdir"
	Link    Kind = "link"
	Rename  Kind = "rename"
	Unlink  Kind = "unlink"
	SyncDir Kind = "sync dir"
)

// Kinds of file-system calls; Write, Close, Open and Stat are shared with disks.
const (
	CreatePending    Kind = "create pending"
	Abort            Kind = "abort"
	Publish          Kind = "publish"
	Discard          Kind = "discard"
	ListStrays       Kind = "list strays"
	List             Kind = "list"
	PublishExclusive Kind = "publish exclusive"
	ReadFile         Kind = "read file"
	WriteFile        Kind = "write file"
	Remove           Kind = "remove"
)

// Reads tells that a call of this kind changes nothing.
func (k Kind) Reads() bool {
	switch k {
	case Open, Stat, ReadDir, List, ListStrays, ReadFile:
		return true
	}
	return false
}

// Op is one call.
type Op struct {
	N     int // number of the call on its wrapper, from 1
	Kind  Kind
	Path  string
	To    string // second path of Link and Rename
	Bytes int    // length of a Write
}

// Fault says what becomes of a call. The zero value lets it pass.
type Fault struct {
	Err error
	// Done: the call is carried out and its answer lost.
	Done bool
	// Short is how many bytes of a failing disk Write reach the disk.
	Short int
	// Skip: the call is not carried out and answered with success, for tests that prove that
	// leaving it out would be noticed. It is for calls that answer with nothing but an error.
	Skip bool
}

// Hook sees a call before it is done. It may block, which makes the call slow. It must bear
// concurrent calls.
type Hook func(Op) Fault

// hooks numbers calls and asks every hook; the first fault counts.
type hooks struct {
	list  []Hook
	calls atomic.Int64
}

func (h *hooks) ask(op Op) Fault {
	op.N = int(h.calls.Add(1))
	var fault Fault
	for _, hook := range h.list {
		if f := hook(op); fault == (Fault{}) {
			fault = f
		}
	}
	return fault
}

// run asks the hooks about op and then does it, unless it is to fail.
func (h *hooks) run(op Op, do func() error) error {
	fault := h.ask(op)
	if fault.Skip || fault.Err != nil && !fault.Done {
		return fault.Err
	}
	if err := do(); err != nil {
		return err
	}
	return fault.Err
}

// FailWhen fails every call that match accepts, undone.
func FailWhen(match func(Op) bool, err error) Hook {
	return func(op Op) Fault {
		if match(op) {
			return Fault{Err: err}
		}
		return Fault{}
	}
}

// SkipWhen answers every call that match accepts with success without doing it.
func SkipWhen(match func(Op) bool) Hook {
	return func(op Op) Fault { return Fault{Skip: match(op)} }
}

// LoseReply carries out every call that match accepts and answers with err.
func LoseReply(match func(Op) bool, err error) Hook {
	return func(op Op) Fault {
		if match(op) {
			return Fault{Err: err, Done: true}
		}
		return Fault{}
	}
}

// Nth accepts the n-th call of a kind, from 1, and no other.
func Nth(kind Kind, n int) func(Op) bool {
	var seen atomic.Int64
	return func(op Op) bool { return op.Kind == kind && seen.Add(1) == int64(n) }
}

// CrashAt makes the n-th call and all later ones fail undone, as if the process had died.
func CrashAt(n int) Hook {
	return FailWhen(func(op Op) bool { return op.N >= n }, ErrCrashed)
}

// NoSpaceAfter lets so many bytes be written and fails the rest with ENOSPC.
func NoSpaceAfter(bytes int) Hook {
	var mu sync.Mutex
	return func(op Op) Fault {
		if op.Kind != Write {
			return Fault{}
		}
		mu.Lock()
		defer mu.Unlock()
		if op.Bytes <= bytes {
			bytes -= op.Bytes
			return Fault{}
		}
		short := bytes
		bytes = 0
		return Fault{Err: syscall.ENOSPC, Short: short}
	}
}
