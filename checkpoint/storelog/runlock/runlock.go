package runlock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// cardBytesMax bounds what is read of a card.
const cardBytesMax = 4096

// lockAttemptsMax bounds the retries when the file is replaced between open and lock, or is held
// by somebody who only looks: either passes at once.
const lockAttemptsMax = 10

// visitWait is the pause before asking again: Holder keeps its lock for microseconds.
const visitWait = 5 * time.Millisecond

// Card says who holds a lock.
type Card struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
	// Address is where the admin server listens; empty when there is none.
	Address string `json:"address,omitempty"`
}

// String formats c for messages.
func (c Card) String() string {
	if c.PID == 0 {
		return "an unknown process"
	}
	return fmt.Sprintf("pid %d on %s, running since %s", c.PID, c.Host,
		c.Started.UTC().Format(time.RFC3339))
}

// Lock is the lock of one process. It is safe for concurrent use.
type Lock struct {
	path string
	mu   struct {
		sync.Mutex
		file *os.File // nil when not locked
		card Card
	}
}

// New returns the lock at path, not yet taken. card is written when it is.
func New(path string, card Card) *Lock {
	l := &Lock{path: path}
	l.mu.card = card
	return l
}

// Lock takes the lock. When another process holds it the error wraps checkpoint.ErrBusy and names
// that process; with takeover the lock moves to this one, whatever the other does.
func (l *Lock) Lock(_ context.Context, takeover bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return fmt.Errorf("creating the folder of %s: %w", l.path, err)
	}
	file, err := lockFile(l.path)
	if errors.Is(err, checkpoint.ErrBusy) && takeover {
		file, err = replaceFile(l.path)
	}
	if err != nil {
		return err
	}
	if err := writeCard(file, l.mu.card); err != nil {
		return errors.Join(err, file.Close())
	}
	l.mu.file = file
	return nil
}

// SetAddress writes where the admin server listens into the card, now or when the lock is taken.
func (l *Lock) SetAddress(address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.card.Address = address
	if l.mu.file == nil {
		return nil
	}
	return writeCard(l.mu.file, l.mu.card)
}

// Unlock gives the lock back. The file stays: removing it would race with the next process that
// opened it already.
func (l *Lock) Unlock() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.file == nil {
		return nil
	}
	err := l.mu.file.Close() // drops the lock
	l.mu.file = nil
	return err
}

// lockFile opens and locks the file at path.
func lockFile(path string) (*os.File, error) {
	for attempt := range lockAttemptsMax {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening lock: %w", err)
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) && attempt < lockAttemptsMax-1 {
			time.Sleep(visitWait)
			if err := file.Close(); err != nil {
				return nil, fmt.Errorf("closing %s: %w", path, err)
			}
			continue
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			holder := readCard(file)
			return nil, errors.Join(fmt.Errorf("%w: %s is held by %s; stop it, or go on without "+
				"waiting for it with --takeover", checkpoint.ErrBusy, path, holder), file.Close())
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
		}
		if leadsTo(path, file) {
			return file, nil
		}
		// R1: another process replaced the file between the two calls.
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("closing %s: %w", path, err)
		}
	}
	return nil, fmt.Errorf("locking %s: %w: it was replaced %d times meanwhile",
		path, checkpoint.ErrBusy, lockAttemptsMax)
}

// replaceFile puts a new, locked file at path.
func replaceFile(path string) (*os.File, error) {
	temp := path + ".takeover-" + strconv.Itoa(os.Getpid())
	file, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating lock: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("taking over %s: %w", path, err), file.Close(),
			os.Remove(temp))
	}
	return file, nil
}

// leadsTo tells whether path is the name of the open file.
func leadsTo(path string, file *os.File) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(open, named)
}

func writeCard(file *os.File, card Card) error {
	data, err := json.Marshal(card)
	if err != nil {
		return fmt.Errorf("encoding the card of %s: %w", file.Name(), err)
	}
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("writing the card of %s: %w", file.Name(), err)
	}
	if _, err := file.WriteAt(append(data, '\n'), 0); err != nil {
		return fmt.Errorf("writing the card of %s: %w", file.Name(), err)
	}
	return nil
}

// readCard reads a card; one that cannot be read is the zero Card (R2).
func readCard(file *os.File) Card {
	var card Card
	data, err := io.ReadAll(io.LimitReader(file, cardBytesMax))
	if err != nil || json.Unmarshal(data, &card) != nil {
		return Card{}
	}
	return card
}

// Holder tells whether a process holds the lock at path, and which. A file that is not there is
// held by nobody.
func Holder(path string) (Card, bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Card{}, false, nil
	}
	if err != nil {
		return Card{}, false, fmt.Errorf("opening lock: %w", err)
	}
	defer file.Close()
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return readCard(file), true, nil
	}
	if err != nil {
		return Card{}, false, fmt.Errorf("asking for lock %s: %w", path, err)
	}
	return Card{}, false, nil
}
