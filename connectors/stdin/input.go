package stdin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/delimited"
)

const (
	// chunkBytes is read at once: what a pipe holds.
	chunkBytes = 64 << 10
	// queueChunks bounds what is read ahead of the job (P2): enough to keep the writer at the
	// other end of the pipe busy during one guest call.
	queueChunks = 4
)

// input is an input of the process. It outlives the attempts of a job, which open it one after
// another (P3).
type input struct {
	r      io.Reader
	start  sync.Once
	chunks chan chunk
	free   chan []byte

	mu struct {
		sync.Mutex
		held bool
	}
	// The fields below belong to whoever holds the input.

	splitter *delimited.Splitter
	rest     []byte // of current, not given to the splitter yet
	current  []byte // buffer to be returned when rest is used up
	err      error  // how the input ended
	tailDone bool   // what stood behind the last delimiter was handed out
}

// chunk is the result of one Read.
type chunk struct {
	buf []byte
	n   int
	err error // the last chunk has one
}

func newInput(r io.Reader) *input {
	in := &input{r: r, chunks: make(chan chunk, queueChunks), free: make(chan []byte, queueChunks+2)}
	// One chunk is being read, one being taken.
	for range queueChunks + 2 {
		in.free <- nil
	}
	return in
}

// acquire makes the caller the only one to use the input (P1).
func (in *input) acquire(o delimited.Options) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.mu.held {
		return connectors.Permanent(ErrInUse)
	}
	if in.splitter == nil {
		s, err := delimited.New(o)
		if err != nil {
			return err
		}
		in.splitter = s
	}
	in.mu.held = true
	return nil
}

func (in *input) release() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.held = false
}

// run starts the goroutine that reads, the first time. A read of a pipe or a terminal cannot be
// interrupted, so no job can wait for the goroutine: it belongs to the process, as the input does,
// and ends with the input. While nobody takes its chunks it waits on the full queue.
func (in *input) run() {
	in.start.Do(func() {
		go in.read()
	})
}

func (in *input) read() {
	for {
		buf := <-in.free
		if buf == nil {
			buf = make([]byte, chunkBytes)
		}
		n, err := in.r.Read(buf)
		in.chunks <- chunk{buf: buf, n: n, err: err}
		if err != nil {
			return
		}
	}
}

// next returns the next record, which is valid until the next wait, or false when more input is
// needed.
func (in *input) next() ([]byte, bool, error) {
	record, ok, err := in.splitter.Next()
	if ok || err != nil || !errors.Is(in.err, io.EOF) || len(in.rest) > 0 || in.tailDone {
		return record, ok, err
	}
	in.tailDone = true
	tail := in.splitter.Tail()
	return tail, len(tail) > 0, nil
}

// ended reports whether all of the input was handed out.
func (in *input) ended() bool { return in.tailDone }

// wait takes in more input, waiting for it until expired or the end of ctx. It returns false
// when there was none.
func (in *input) wait(ctx context.Context, expired <-chan time.Time) (bool, error) {
	if len(in.rest) == 0 {
		if in.err != nil {
			return false, connectors.Permanent(fmt.Errorf("reading standard input: %w", in.err))
		}
		select {
		case c := <-in.chunks:
			in.rest, in.current, in.err = c.buf[:c.n], c.buf, c.err
		case <-expired:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	n := copy(in.splitter.Room(), in.rest)
	in.splitter.Filled(n)
	if in.rest = in.rest[n:]; len(in.rest) == 0 {
		if in.err == nil {
			in.free <- in.current
		} else {
			in.splitter.EndOfStream()
		}
		in.current = nil
	}
	return true, nil
}
