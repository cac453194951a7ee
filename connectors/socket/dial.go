package socket

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

const (
	// dialTimeout bounds one attempt, handshake included, so that a server that swallows packets
	// counts as one that refuses.
	dialTimeout = 15 * time.Second
	// keepAlivePeriod is how soon a silent connection is asked whether it still stands.
	keepAlivePeriod = 15 * time.Second
)

// dialer connects to one address.
type dialer struct {
	address string
	tls     *tls.Config // nil for plain TCP
}

// dial connects once. Go's connections have Nagle's delay switched off.
func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	tcp := net.Dialer{KeepAlive: keepAlivePeriod}
	if d.tls == nil {
		return tcp.DialContext(ctx, "tcp", d.address)
	}
	secure := tls.Dialer{NetDialer: &tcp, Config: d.tls}
	return secure.DialContext(ctx, "tcp", d.address)
}

// backoffMax is the longest wait between two attempts, unless the first wait is longer still: a
// server that comes back is found within half a minute.
const backoffMax = 30 * time.Second

// row counts the connections that were refused or broke one after another.
type row struct {
	max    int           // 0 is no end
	base   time.Duration // wait before the second attempt
	random func() float64
	used   int
}

// ended notes the end of a connection, or that there was none. worked says that it did some work
// and so begins a new row. It returns whether another attempt may follow, and after what wait.
func (r *row) ended(worked bool) (again bool, wait time.Duration) {
	if worked {
		r.used = 0
	}
	r.used++
	if r.max > 0 && r.used >= r.max {
		return false, 0
	}
	limit := max(r.base, backoffMax)
	wait = r.base
	for i := 1; i < r.used && wait < limit; i++ {
		wait *= 2
	}
	// Servers that come back are not met by all their clients at once.
	wait = time.Duration(float64(min(wait, limit)) * (1 - r.random()/2))
	return true, wait
}
