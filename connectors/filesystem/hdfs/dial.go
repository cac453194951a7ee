package hdfs

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// dialMax bounds connecting: a machine that is down does not refuse, it is silent.
	dialMax = 10 * time.Second
	// callMax bounds the wait for one answer of a NameNode, which may collect garbage for seconds.
	callMax = 30 * time.Second
	// firstAnswerMax is callMax where no NameNode has ever answered: more likely something else listens
	// there.
	firstAnswerMax = 10 * time.Second
	// frameBytesMax is from where on the length of an answer is none: Hadoop's own client draws the
	// line there. The library would take the memory.
	frameBytesMax = 128 << 20
	// lengthBytes is the length of the length that an answer begins with.
	lengthBytes = 4
	// strangeBytesMax is how much is shown of what is no answer.
	strangeBytesMax = 32
	// transferMax bounds one exchange with a DataNode. A pipeline of slow disks gets a minute, as
	// Hadoop's own client gives it.
	transferMax = time.Minute
)

// dial connects to a NameNode with deadlines on everything that follows (D5).
func (f *FileSystem) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := dialData(ctx, network, address)
	if err != nil {
		return nil, err
	}
	first := callMax
	if !f.met.Load() {
		first = firstAnswerMax
	}
	return &deadlineConn{Conn: c, address: address, first: first}, nil
}

// dialData connects to a DataNode. Its deadlines are set by whoever reads or writes a file: there
// an idle connection is no fault.
func dialData(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialMax}
	return d.DialContext(ctx, network, address)
}

// deadlineConn closes itself with the first error. The library would go on to use it: (1) a call
// runs into its deadline, (2) its answer arrives late, (3) the next call takes it for its own.
type deadlineConn struct {
	net.Conn
	address string
	closing sync.Once
	first   time.Duration // wait for the first answer; 0 when that was read
}

func (c *deadlineConn) Read(p []byte) (int, error) {
	wait, least := callMax, 1
	if c.first > 0 {
		wait, least = c.first, min(len(p), lengthBytes)
	}
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return 0, err
	}
	n, err := io.ReadAtLeast(c.Conn, p, least)
	if err == nil && c.first > 0 {
		c.first = 0
		if err = c.checkFirst(p[:n]); err != nil {
			n = 0 // whoever has all the bytes that it asked for looks at no error
		}
	}
	if err != nil {
		_ = c.Close() // the first error counts
	}
	return n, err
}

// Close implements net.Conn. It is idempotent: the library closes what failed, too.
func (c *deadlineConn) Close() (err error) {
	c.closing.Do(func() { err = c.Conn.Close() })
	return err
}

// checkFirst looks at what a NameNode answers first: its length.
func (c *deadlineConn) checkFirst(answer []byte) error {
	if len(answer) < lengthBytes || binary.BigEndian.Uint32(answer) <= frameBytesMax {
		return nil
	}
	shown := make([]byte, strangeBytesMax)
	n := copy(shown, answer)
	more, _ := c.Conn.Read(shown[n:]) // what cannot be read is not shown
	return &strangerError{c.address, shown[:n+more]}
}

func (c *deadlineConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(callMax)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Close() // the first error counts
	}
	return n, err
}
