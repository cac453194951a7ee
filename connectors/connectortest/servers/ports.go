package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Ports of servers lie between what system services take and what Linux gives to outgoing
// connections (32768 and up), so that a server finds its port free again after a restart.
const (
	portMin   = 15000
	portMax   = 32000
	portTries = 1000 // far more than there are servers on a machine
)

// ports are ports of this process. They stay its own until they are freed.
type ports struct{ locks []*os.File }

// take returns a port that nothing listens on and no other process takes.
func (p *ports) take() (int, error) {
	base, err := cacheDir()
	if err != nil {
		return 0, err
	}
	dir := filepath.Join(base, "ports")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, fmt.Errorf("making the folder of ports: %w", err)
	}
	for range portTries {
		port := portMin + rand.IntN(portMax-portMin)
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return 0, fmt.Errorf("taking port %d: %w", port, err)
		}
		if tryLock(f) != nil || !listens(port) {
			_ = f.Close()
			continue
		}
		p.locks = append(p.locks, f)
		return port, nil
	}
	return 0, fmt.Errorf("taking a port: none of %d is free", portTries)
}

// listens tells whether a port can be listened on.
func listens(port int) bool {
	l, err := net.Listen("tcp4", address(port))
	return err == nil && l.Close() == nil
}

// free gives the ports back. The files stay: removing one that another process has just opened
// would give two processes a lock each.
func (p *ports) free() error {
	var errs []error
	for _, f := range p.locks {
		errs = append(errs, f.Close())
	}
	p.locks = nil
	return errors.Join(errs...)
}

// address returns a loopback address.
func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
