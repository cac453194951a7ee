package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"
)

// provenAfter is how long a connection must stand before it is trusted. A server that refuses after
// the handshake, by closing or by a TLS alert, is heard of a round trip later; what was sent by
// then is lost, though sending it met no error.
const provenAfter = 200 * time.Millisecond

// errPeerEnded is how a connection ends whose peer ended its side in order.
var errPeerEnded = errors.New("the server closed the connection")

// link is the one connection of a sink, made anew when it breaks. Whoever took it from Sink.turn
// may use it.
type link struct {
	dialer     *dialer
	row        row
	logger     *slog.Logger
	peer       *peer  // nil between connections
	generation uint64 // counts connections
	notBefore  time.Time
}

// openSink tries to connect once and returns the sink. If the row allows more attempts, they are
// left to the first Write: a job that waits for a server can be stopped, one that is being opened
// cannot.
func openSink(ctx context.Context, c *SinkConfig, d *dialer, logger *slog.Logger) (*Sink, error) {
	l := &link{dialer: d, row: c.newRow(c.Attempts), logger: logger}
	if err := l.dial(ctx); err != nil {
		return nil, err
	}
	s := &Sink{delimiter: c.Delimiter, turn: make(chan *link, 1)}
	s.turn <- l
	return s, nil
}

// connect sees to it that there is a connection not known to be broken. It waits and tries again
// as the row allows.
func (l *link) connect(ctx context.Context) error {
	if l.peer != nil {
		err := l.broken()
		if err == nil {
			return nil
		}
		if err := l.broke(ctx, err); err != nil {
			return err
		}
	}
	for l.peer == nil {
		if err := l.pause(ctx); err != nil {
			return err
		}
		if err := l.dial(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dial makes one attempt. A refusal is an error only when no other attempt may follow.
func (l *link) dial(ctx context.Context) error {
	conn, err := l.dialer.dial(ctx)
	if err != nil {
		return l.broke(ctx, err)
	}
	l.peer = newPeer(conn)
	l.generation++
	return nil
}

// pause waits for the time of the next attempt.
func (l *link) pause(ctx context.Context) error {
	wait := time.Until(l.notBefore)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// broke notes that the connection broke or was refused. It returns an error when no other attempt
// may follow. A proven connection is followed by the next at once, as it is most likely that the
// server was only restarted.
func (l *link) broke(ctx context.Context, cause error) error {
	proven := l.peer != nil && l.peer.proven()
	if l.peer != nil {
		// The cause says more than an error of closing what is broken.
		_ = l.peer.close()
		l.peer = nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	again, wait := l.row.ended(proven)
	if !again {
		return &GaveUpError{
			Doing: "sending messages to", Address: l.dialer.address,
			Attempts: l.row.used, Err: cause,
		}
	}
	if proven {
		wait = 0
	}
	l.notBefore = time.Now().Add(wait)
	l.logger.Warn("connection broke; connecting again",
		"address", l.dialer.address, "cause", cause, "attempt", l.row.used, "wait", wait)
	return nil
}

// send writes all of p. The end of ctx ends it and leaves the connection unusable.
func (l *link) send(ctx context.Context, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	// A peer that does not read makes Write wait; a deadline in the past ends that.
	conn := l.peer.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := conn.Write(p)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	return err
}

// settle waits until the connection is proven or known to be broken.
func (l *link) settle(ctx context.Context) error {
	wait := provenAfter - time.Since(l.peer.since)
	if wait <= 0 {
		return l.broken()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-l.peer.done:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return l.broken()
}

// broken returns why nothing should be sent any more, as far as that is known. A peer that ended
// its side may still read, but most often it is about to go; so it counts as gone where a new
// connection is allowed.
func (l *link) broken() error {
	select {
	case <-l.peer.done:
	default:
		return nil
	}
	if l.peer.err == nil && l.row.max != 1 {
		return errPeerEnded
	}
	return l.peer.err
}

func (l *link) close() error {
	if l.peer == nil {
		return nil
	}
	err := l.peer.close()
	l.peer = nil
	if err != nil {
		return fmt.Errorf("closing the connection to %s: %w", l.dialer.address, err)
	}
	return nil
}

// peer is a connection together with the goroutine that listens to it.
type peer struct {
	conn  net.Conn
	since time.Time
	done  chan struct{}
	err   error // set before done is closed; nil when the peer ended its side in order
}

func newPeer(conn net.Conn) *peer {
	p := &peer{conn: conn, since: time.Now(), done: make(chan struct{})}
	// What the peer sends is thrown away, for it may wait to be read. Reading is also the way to
	// hear of a reset soon, and of an alert with which a TLS peer refuses the client's
	// certificate. The goroutine ends when the peer ends its side or close closes the
	// connection.
	go func() {
		defer close(p.done)
		_, p.err = io.Copy(io.Discard, conn)
	}()
	return p
}

// proven reports whether the connection stood long enough to begin a new row.
func (p *peer) proven() bool { return time.Since(p.since) >= provenAfter }

// close closes the connection and waits for the goroutine.
func (p *peer) close() error {
	err := p.conn.Close()
	<-p.done
	return err
}
