package hdfs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	hdfsclient "github.com/colinmarc/hdfs/v2"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// writeLanes is the number of connections that parts are written through, beside the one for
	// everything else. Calls of one connection go one after the other; four took three times the
	// files of one.
	writeLanes = 4
	// firstMax bounds the wait for a NameNode that has never answered: more likely its address is
	// wrong than that it is starting. It leaves time to ask twice.
	firstMax = 6 * time.Second
	// awayMax bounds the wait for a NameNode that was there before. A restart of a small one takes
	// ten seconds, a failover less. A longer absence ends the attempt, and the job's restart
	// strategy goes on waiting.
	awayMax = 2 * time.Minute
	// Pauses between two tries. The library does not ask a NameNode again within five seconds of a
	// failure, so that tries in between cost nothing.
	pauseMin = 50 * time.Millisecond
	pauseMax = 2 * time.Second
	// sayEvery is the time between two lines in the log about a wait that goes on.
	sayEvery = 30 * time.Second
)

// lane is one connection to the NameNodes, opened when it is first needed.
type lane struct {
	fs *FileSystem
	mu struct {
		sync.Mutex
		client *hdfsclient.Client
		closed bool
	}
}

// get returns the connection. Opening it is bounded by the deadlines of dial.
func (l *lane) get() (*hdfsclient.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return nil, errClosed
	}
	if l.mu.client == nil {
		c, err := l.fs.connect()
		if err != nil {
			return nil, err
		}
		l.mu.client = c
	}
	return l.mu.client, nil
}

func (l *lane) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.closed = true
	if l.mu.client == nil {
		return nil
	}
	c := l.mu.client
	l.mu.client = nil
	return c.Close()
}

// connect opens a client of the library.
func (f *FileSystem) connect() (*hdfsclient.Client, error) {
	o := f.options.base
	o.Addresses, o.User = f.options.NameNodes, f.user
	o.NamenodeDialFunc, o.DatanodeDialFunc = dial, dialData
	if f.kerberos != nil {
		if err := f.kerberos.login(); err != nil {
			return nil, err
		}
		o.KerberosClient = f.kerberos.client
		o.KerberosServicePrincipleName = f.options.Kerberos.Service
	}
	c, err := hdfsclient.NewClient(o)
	if err != nil {
		return nil, err
	}
	// The library keeps the answer without a lock, so it is asked before others see the client.
	if _, err := c.ServerDefaults(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// do calls try with the connection l until it succeeds or fails for another reason than that the
// NameNode is away. again tells try that an earlier call may have been carried out (D4).
func (f *FileSystem) do(
	ctx context.Context, l *lane, try func(c *hdfsclient.Client, again bool) error,
) error {
	bound := firstMax
	if f.met.Load() {
		bound = awayMax
	}
	waiting, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	pause := pauseMin
	for again := false; ; again = true {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.checkGuess(ctx); err != nil {
			return err
		}
		c, err := l.get()
		if err == nil {
			err = try(c, again)
		}
		if err == nil || !isAway(err) {
			f.met.Store(true)
			f.waits.end()
			return err
		}
		f.waits.say(err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-waiting.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return fmt.Errorf("%w while waiting for a NameNode: %w", ctx.Err(), err)
			}
			return fmt.Errorf("waited %s for a NameNode at %s: %w", bound, f.addresses(), err)
		}
		pause = min(2*pause, pauseMax)
	}
}

// checkGuess refuses a name that is neither a nameservice nor a host: waiting would not mend it.
func (f *FileSystem) checkGuess(ctx context.Context) error {
	if f.options.guess == "" || f.met.Load() {
		return nil
	}
	_, err := f.lookup(ctx, f.options.guess)
	var unknown *net.DNSError
	if !errors.As(err, &unknown) || !unknown.IsNotFound {
		return nil // whatever else is wrong may heal
	}
	return connectors.Permanent(fmt.Errorf("hdfs://%s: Hadoop's configuration has no nameservice %s "+
		"(dfs.ha.namenodes.%s), and there is no host of that name; set HADOOP_CONF_DIR, or write "+
		"hdfs://host:port/path", f.options.guess, f.options.guess, f.options.guess))
}

// waits tells a log that calls wait for a NameNode: at once, and then rarely. It is safe for
// concurrent use.
type waits struct {
	logger *slog.Logger // nil is none
	where  string
	mu     struct {
		sync.Mutex
		since, said time.Time // zero while nobody waits
	}
}

// say tells of a call that failed because the NameNode is away.
func (w *waits) say(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.mu.since.IsZero() {
		w.mu.since = now
	}
	if w.logger == nil || !w.mu.said.IsZero() && now.Sub(w.mu.said) < sayEvery {
		return
	}
	w.mu.said = now
	w.logger.Warn("waiting for a NameNode", "at", w.where,
		"since", now.Sub(w.mu.since).Round(time.Second).String(), "error", err)
}

// end tells that a NameNode answered.
func (w *waits) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.since.IsZero() {
		return
	}
	if w.logger != nil {
		w.logger.Info("the NameNode answers again", "at", w.where,
			"after", time.Since(w.mu.since).Round(time.Second).String())
	}
	w.mu.since, w.mu.said = time.Time{}, time.Time{}
}

// meta is do with the shared connection.
func (f *FileSystem) meta(
	ctx context.Context, try func(c *hdfsclient.Client, again bool) error,
) error {
	return f.do(ctx, f.shared, try)
}
