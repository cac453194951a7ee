package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/delimited"
	"github.com/wasmflow/wasmflow/connectors/position"
)

// lingerMin is the shortest time a read is given: with a deadline in the past not even bytes that
// have arrived are read.
const lingerMin = time.Millisecond

// reader reads one connection after another.
type reader struct {
	source   *Source
	limits   connectors.Limits
	splitter *delimited.Splitter
	row      row
	timer    *time.Timer

	conn      net.Conn  // nil between connections
	carried   bool      // conn brought bytes
	notBefore time.Time // of the next attempt
	dialing   *dialing  // attempt under way, or nil

	run   position.Run // K5
	ended bool         // no further connection; what is left is the tail
}

// dialing is one attempt to connect. Its goroutine ends when the attempt does, at the latest
// after dialTimeout, or soon after cancel; then done is closed.
type dialing struct {
	cancel context.CancelFunc
	done   chan struct{}
	conn   net.Conn
	err    error
}

// AddSplits takes over the only split and begins a new run.
func (r *reader) AddSplits(_ context.Context, splits []checkpoint.Split) error {
	return r.run.AddSplits(splits, r.source.now())
}

// Poll returns the records at hand; with none it connects if need be and reads.
func (r *reader) Poll(ctx context.Context, dst *connectors.Batch) error {
	if !r.run.Active() {
		return connectors.ErrEndOfInput
	}
	linger := max(lingerMin, time.Duration(r.limits.LingerMillis)*time.Millisecond)
	deadline := time.Now().Add(linger)
	for {
		if err := r.take(dst); err != nil || dst.Len() > 0 {
			return err
		}
		if r.ended {
			r.run.End()
			return connectors.ErrEndOfInput
		}
		more, err := r.advance(ctx, deadline)
		if err != nil || !more {
			return err
		}
	}
}

// take appends the records that are complete, up to the limits. Their bytes are lent.
func (r *reader) take(dst *connectors.Batch) error {
	if err := r.run.Fill(dst, r.limits, r.next); err != nil {
		return fmt.Errorf("receiving from %s: record %d of this run: %w",
			r.source.config.Address, r.run.Count(), err)
	}
	return nil
}

// next returns the next record at hand. At the end of the input what is left is one (K2).
func (r *reader) next() (value []byte, ok bool, err error) {
	value, ok, err = r.splitter.Next()
	if err == nil && !ok && r.ended {
		value = r.splitter.Tail()
		ok = len(value) > 0
	}
	return value, ok, err
}

// advance does what comes next: wait for the time of the next attempt, connect, read. It returns
// false when the deadline passed without result.
func (r *reader) advance(ctx context.Context, deadline time.Time) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case r.conn != nil:
		return r.receive(deadline)
	case r.dialing != nil:
		return r.awaitConnection(ctx, deadline)
	case time.Now().Before(r.notBefore):
		return r.pause(ctx, deadline)
	}
	r.dial(ctx)
	return true, nil
}

// dial starts an attempt. It outlives the Poll that started it, since a handshake takes longer
// than any linger.
func (r *reader) dial(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &dialing{cancel: cancel, done: make(chan struct{})}
	r.dialing = d
	// The goroutine ends with the attempt; Close cancels it and waits.
	go func() {
		defer close(d.done)
		d.conn, d.err = r.source.dialer.dial(ctx)
	}()
}

func (r *reader) awaitConnection(ctx context.Context, deadline time.Time) (bool, error) {
	r.timer.Reset(time.Until(deadline))
	defer r.timer.Stop()
	select {
	case <-r.dialing.done:
	case <-r.timer.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
	d := r.dialing
	d.cancel()
	r.dialing = nil
	if d.err != nil {
		return true, r.lost(d.err)
	}
	r.conn, r.carried = d.conn, false
	return true, nil
}

// pause waits for the time of the next attempt, at most until deadline.
func (r *reader) pause(ctx context.Context, deadline time.Time) (bool, error) {
	until, more := r.notBefore, true
	if deadline.Before(until) {
		until, more = deadline, false
	}
	r.timer.Reset(time.Until(until))
	defer r.timer.Stop()
	select {
	case <-r.timer.C:
		return more, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// receive reads once.
func (r *reader) receive(deadline time.Time) (bool, error) {
	if err := r.conn.SetReadDeadline(deadline); err != nil {
		return true, r.lost(err)
	}
	n, err := r.conn.Read(r.splitter.Room())
	r.splitter.Filled(n)
	r.carried = r.carried || n > 0
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n > 0, nil
	}
	return true, r.lost(err)
}

// lost notes that a connection ended or was refused, and what is to follow. It returns an error
// when nothing is.
func (r *reader) lost(cause error) error {
	clean := r.conn != nil && errors.Is(cause, io.EOF)
	if r.conn != nil {
		// The cause says more than an error of closing what is broken.
		_ = r.conn.Close()
		r.conn = nil
		r.splitter.EndOfStream()
	}
	again, wait := r.row.ended(r.carried)
	r.carried = false
	address := r.source.config.Address
	switch {
	case again:
		r.notBefore = time.Now().Add(wait)
		r.source.logger.Warn("connection ended; connecting again",
			"address", address, "cause", cause, "attempt", r.row.used, "wait", wait)
		return nil
	case clean:
		r.ended = true
		return nil
	}
	return &GaveUpError{
		Doing: "receiving from", Address: address, Attempts: r.row.used, Err: cause,
	}
}

// Snapshot returns the split until the input has ended.
func (r *reader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	return r.run.Snapshot(), nil
}

// Close ends an attempt under way and closes the connection.
func (r *reader) Close() error {
	r.run.End()
	if d := r.dialing; d != nil {
		d.cancel()
		<-d.done
		r.conn, r.dialing = d.conn, nil
	}
	if r.conn == nil {
		return nil
	}
	err := r.conn.Close()
	r.conn = nil
	if err != nil {
		return fmt.Errorf("closing the connection to %s: %w", r.source.config.Address, err)
	}
	return nil
}

var _ connectors.SourceReader = (*reader)(nil)
