package hdfs

import (
	"context"
	"net"
	"time"
)

const (
	// dialMax bounds connecting: a machine that is down does not refuse, it is silent.
	dialMax = 10 * time.Second
	// callMax bounds the wait for one answer of a NameNode, which may collect garbage for seconds.
	callMax = 30 * time.Second
	// transferMax bounds one exchange with a DataNode. A pipeline of slow disks gets a minute, as
	// Hadoop's own client gives it.
	transferMax = time.Minute
)

// dial connects to a NameNode with deadlines on everything that follows (D5).
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := dialData(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &deadlineConn{c}, nil
}

// dialData connects to a DataNode. Its deadlines are set by whoever reads or writes a file: there
// an idle connection is no fault.
func dialData(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialMax}
	return d.DialContext(ctx, network, address)
}

// deadlineConn closes itself with the first error. The library would go on to use it: (1) a call
// runs into its deadline, (2) its answer arrives late, (3) the next call takes it for its own.
type deadlineConn struct{ net.Conn }

func (c *deadlineConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(callMax)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if err != nil {
		_ = c.Close() // the first error counts
	}
	return n, err
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
