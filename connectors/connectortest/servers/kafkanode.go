package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"syscall"
)

// ready is what a broker says when it serves.
const ready = "Kafka Server started"

// ErrNotRunning is returned by what needs a node that runs.
var ErrNotRunning = errors.New("the node does not run")

// Node is a broker that is a controller, too. Its methods must not be called at the same time.
type Node struct {
	ID int

	kafka                                            *Kafka
	client, internal, controller, tls, sasl, saslTLS int // ports
	advertised                                       int // the port clients are told, the proxy's when there is one
	proxy                                            *Proxy
	data, config, log, archive                       string

	process  *process // nil while it does not run
	dropped  bool     // the proxy refuses connections because of that
	training bool     // it writes the class archive when it stops
}

// Address returns the address that clients without TLS and login are told.
func (n *Node) Address() string { return address(n.advertised) }

// Proxy returns the proxy in front of the node, or nil.
func (n *Node) Proxy() *Proxy { return n.proxy }

// Log returns the path of what the node says.
func (n *Node) Log() string { return n.log }

// format makes the data folder.
func (n *Node) format(ctx context.Context) error {
	args := []string{"format", "-t", clusterID, "-c", n.config}
	o := n.kafka.options
	for _, name := range slices.Sorted(maps.Keys(o.Features)) {
		args = append(args, "--feature", fmt.Sprintf("%s=%d", name, o.Features[name]))
	}
	flags := []string{"-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"}
	flags = append(flags, n.kafka.java.shared()...)
	argv := n.kafka.java.command(flags, "kafka.tools.StorageTool", args...)
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting the folder of node %d: %w: %s", n.ID, err, out)
	}
	return nil
}

// Start starts the node, again after Kill or Stop, and waits until it serves.
func (n *Node) Start(ctx context.Context) error {
	if n.process != nil {
		return fmt.Errorf("starting node %d: it runs", n.ID)
	}
	flags := []string{
		heap, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
	}
	share := n.kafka.java.shared()
	training := share == nil && n.ID == 1 // one archive is enough
	if training {
		share = n.kafka.java.trains(n.archive)
	}
	flags = append(flags, share...)
	flags = append(flags, n.kafka.options.Flags...)
	if s := n.kafka.options.Security; s != nil {
		flags = append(flags, s.flags()...)
	}
	argv := n.kafka.java.command(flags, "kafka.Kafka", n.config)
	p, err := start(ctx, fmt.Sprintf("node %d", n.ID), n.log, ready, argv)
	if err != nil {
		return err
	}
	n.process, n.training = p, training
	if n.proxy != nil && n.dropped {
		n.dropped = false
		return n.proxy.Restore()
	}
	return nil
}

// Kill ends the node with SIGKILL, frozen or not.
func (n *Node) Kill() error {
	if n.process == nil {
		return fmt.Errorf("killing node %d: %w", n.ID, ErrNotRunning)
	}
	n.process.kill()
	n.gone()
	return nil
}

// gone takes note that the process has ended. The proxy refuses connections like the port of a
// process that is gone.
func (n *Node) gone() {
	n.process = nil
	if n.proxy != nil {
		n.proxy.Drop()
		n.dropped = true
	}
}

// Stop ends the node in good order: it hands its partitions to others first.
func (n *Node) Stop() error {
	if n.process == nil {
		return fmt.Errorf("stopping node %d: %w", n.ID, ErrNotRunning)
	}
	err := n.process.stop()
	n.gone()
	return err
}

// Pause freezes the node: its connections stay and nothing answers.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

func (n *Node) signal(s syscall.Signal) error {
	if n.process == nil {
		return fmt.Errorf("signalling node %d: %w", n.ID, ErrNotRunning)
	}
	return n.process.signal(s)
}

// close ends the node and its proxy. The one node that loaded its classes the long way writes them
// down for the next ones.
func (n *Node) close() error {
	var errs []error
	if n.process != nil && n.training {
		errs = append(errs, n.Stop(), n.kafka.java.keep(n.archive))
	}
	if n.process != nil {
		errs = append(errs, n.Kill())
	}
	if n.proxy != nil {
		errs = append(errs, n.proxy.Close())
	}
	return errors.Join(errs...)
}
