package devbroker

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrNotLoopback is returned for an address that other machines could reach.
var ErrNotLoopback = errors.New("the broker has no access control, so it listens on loopback " +
	"addresses only; write 127.0.0.1 and a port")

// partitionsDefault is how many partitions a topic gets that nobody created.
const partitionsDefault = 4

// folderPermission keeps the topics from other users.
const folderPermission = 0o700

// Options say how a broker runs.
type Options struct {
	// Address is host:port on a loopback interface; port 0 takes a free one.
	Address string
	// Folder keeps topics, groups and transactions; empty keeps them in memory.
	Folder string
	// Topics are created when they are not there, with Partitions each.
	Topics []string
	// Partitions of created topics; 0 is 4.
	Partitions int
	// Trouble is told what goes wrong inside, a full disk for example: clients see no more than an
	// unknown error. It is called by several goroutines; nil tells nobody.
	Trouble func(text string)
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	address string
}

// Start starts a broker. The caller closes it.
func Start(o Options) (*Broker, error) {
	port, err := loopbackPort(o.Address)
	if err != nil {
		return nil, err
	}
	if o.Partitions == 0 {
		o.Partitions = partitionsDefault
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.Ports(port),
		kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(o.Partitions),
	}
	if o.Trouble != nil {
		opts = append(opts, kfake.WithLogger(&logger{trouble: o.Trouble}))
	}
	if o.Folder != "" {
		if err := os.MkdirAll(o.Folder, folderPermission); err != nil {
			return nil, fmt.Errorf("making the broker's folder: %w", err)
		}
		opts = append(opts, kfake.DataDir(o.Folder))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("starting a broker at %s: %w", o.Address, err)
	}
	cluster.ControlKey(int16(kmsg.Fetch), takeFetchWhole)
	b := &Broker{cluster: cluster, address: cluster.ListenAddrs()[0]}
	for _, topic := range o.Topics {
		if cluster.TopicInfo(topic) != nil {
			continue
		}
		if err := cluster.CreateTopic(topic, int32(o.Partitions), nil); err != nil {
			b.Close()
			return nil, fmt.Errorf("creating topic %s: %w", topic, err)
		}
	}
	return b, nil
}

// takeFetchWhole lifts the bound of a whole fetch, before the library sees the request; the bounds
// of its partitions stay. Where the whole is full in the middle of a partition, the library answers
// with the batches that fitted and without the list of aborted transactions among them, and a
// reader of committed records takes those for committed (B3).
func takeFetchWhole(r kmsg.Request) (kmsg.Response, error, bool) {
	if fetch, ok := r.(*kmsg.FetchRequest); ok {
		fetch.MaxBytes = math.MaxInt32
	}
	return nil, nil, false
}

// loopbackPort returns the port of address.
func loopbackPort(address string) (int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("reading the broker's address: %w", err)
	}
	// The library listens on 127.0.0.1 (B1).
	if host != "127.0.0.1" && host != "localhost" {
		return 0, fmt.Errorf("listening on %s: %w", address, ErrNotLoopback)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("reading the broker's address: %q is no port", text)
	}
	return int(port), nil
}

// Address returns the host:port that clients connect to.
func (b *Broker) Address() string { return b.address }

// Close stops the broker and waits until its folder holds everything.
func (b *Broker) Close() { b.cluster.Close() }
