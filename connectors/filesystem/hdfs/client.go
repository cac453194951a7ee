package hdfs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	hdfsclient "github.com/colinmarc/hdfs/v2"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
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
	o.NamenodeDialFunc, o.DatanodeDialFunc = f.dial, dialData
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
	ctx context.Context, l *lane, call string, try func(c *hdfsclient.Client, again bool) error,
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
		connected, err := f.once(l, call, func(c *hdfsclient.Client) error { return try(c, again) })
		if err == nil || !isAway(err) {
			f.met.Store(true)
			f.waits.Answered()
			return err
		}
		if !connected && !f.met.Load() {
			err = f.notMet(err)
			if connectors.Classify(err) == connectors.Fatal {
				return err
			}
		}
		f.waits.Failed(call, err)
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

// once makes one try, and tells whether it got as far as to a connection.
func (f *FileSystem) once(
	l *lane, call string, try func(c *hdfsclient.Client) error,
) (connected bool, err error) {
	defer f.waits.Begin(call)()
	c, err := l.get()
	if err != nil {
		return false, err
	}
	return true, try(c)
}

// notMet words why there is no NameNode where none has ever answered. What speaks another protocol
// there is no NameNode that starts: where no other address is left, waiting would not mend it.
func (f *FileSystem) notMet(err error) error {
	words := filesystem.Explain(fmt.Sprintf("%v; check host and port of the URL, or fs.defaultFS in "+
		"Hadoop's configuration: the port is the NameNode's for RPC, mostly %s, not %s of its web pages",
		f.explain(err), rpcPort, webPort), err, nil)
	var stranger *strangerError
	if errors.As(err, &stranger) && len(f.options.NameNodes) == 1 {
		return connectors.Permanent(words)
	}
	return words
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

// meta is do with the shared connection.
func (f *FileSystem) meta(
	ctx context.Context, call string, try func(c *hdfsclient.Client, again bool) error,
) error {
	return f.do(ctx, f.shared, call, try)
}
