package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The releases of Kafka that are started. Both speak KRaft; Kafka43 has transactions of the second
// version (KIP-890), Kafka39 of the first.
const (
	Kafka43 = "4.3.1"
	Kafka39 = "3.9.2"
)

const (
	// startMax bounds the start of a cluster on a machine that is busy otherwise.
	startMax = 3 * time.Minute
	// clusterID is any; all nodes of a cluster have the same.
	clusterID = "5L6g3nShT-eMCtK--X86sw"
	// heap is enough for a broker with a small cleaner buffer, and three fit a small machine.
	heap = "-Xmx384m"
)

// KafkaOptions says what cluster to start. The zero value is one node of Kafka43.
type KafkaOptions struct {
	Version string
	Nodes   int // 1 when 0; with 3, topics have three replicas and need two
	// Properties of every broker, over those that the harness sets.
	Properties map[string]string
	// Features are levels of features other than the release's, such as "transaction.version".
	Features map[string]int
	// Security adds listeners that ask for TLS or a login, and checks rights; see Secure.
	Security *Security
	// Proxied puts a Proxy in front of every broker. Clients are told its address, brokers among
	// themselves do not use it.
	Proxied bool
	// Flags are further ones of the virtual machine, such as "-Xmx1g".
	Flags []string
}

// Kafka is a cluster that runs.
type Kafka struct {
	options KafkaOptions
	dir     string
	java    *java
	ports   ports
	nodes   []*Node
	client  *kgo.Client // speaks to the brokers past the proxies
	admin   *kadm.Client
}

// StartKafka starts a cluster and waits until all its brokers take part. It ends with Close.
func StartKafka(ctx context.Context, o KafkaOptions) (k *Kafka, err error) {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	if o.Version == "" {
		o.Version = Kafka43
	}
	o.Nodes = max(o.Nodes, 1)
	k = &Kafka{options: o}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("starting Kafka %s: %w", o.Version, err), k.Close())
			k = nil
		}
	}()
	lib, err := kafkaJars(ctx, o.Version)
	if err != nil {
		return k, err
	}
	if k.java, err = newJava(ctx, lib); err != nil {
		return k, err
	}
	if k.dir, err = os.MkdirTemp("", "wasmflow-kafka-"); err != nil {
		return k, fmt.Errorf("making the data folder: %w", err)
	}
	if err := k.lay(); err != nil {
		return k, err
	}
	if err := k.each(func(n *Node) error { return n.format(ctx) }); err != nil {
		return k, err
	}
	if err := k.each(func(n *Node) error { return n.Start(ctx) }); err != nil {
		return k, err
	}
	return k, k.connect(ctx)
}

func kafkaJars(ctx context.Context, version string) (string, error) {
	// The default logging of a broker wants a file that configures it; slf4j-simple does not.
	without := []exclusion{
		{"org.slf4j", "slf4j-reload4j"}, {"org.apache.logging.log4j", "log4j-slf4j-impl"},
	}
	return jars(ctx, "kafka-"+version,
		artefact{"org.apache.kafka", "kafka_2.13", version, without},
		artefact{"org.apache.kafka", "kafka-tools", version, without}, // the console tools
		artefact{"org.slf4j", "slf4j-simple", "1.7.36", nil})
}

// lay chooses ports and writes the configuration of every node.
func (k *Kafka) lay() error {
	for id := 1; id <= k.options.Nodes; id++ {
		n, err := k.newNode(id)
		if err != nil {
			return err
		}
		k.nodes = append(k.nodes, n)
	}
	var voters []string
	for _, n := range k.nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", n.ID, address(n.controller)))
	}
	for _, n := range k.nodes {
		text, err := n.properties(strings.Join(voters, ","))
		if err != nil {
			return err
		}
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			return fmt.Errorf("writing the configuration of node %d: %w", n.ID, err)
		}
	}
	return nil
}

// each does something with all nodes at once: no broker is ready before most of them are.
func (k *Kafka) each(do func(*Node) error) error {
	errs := make([]error, len(k.nodes))
	var wg sync.WaitGroup
	for i, n := range k.nodes {
		wg.Go(func() { errs[i] = do(n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// connect opens the harness's own client and waits until every broker is known to the others.
func (k *Kafka) connect(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Direct()...), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(askEvery), kgo.RetryTimeout(lookMax))
	if err != nil {
		return fmt.Errorf("opening a client: %w", err)
	}
	k.client, k.admin = client, kadm.NewClient(client)
	err = k.until(ctx, "all brokers to take part", func(ctx context.Context) (bool, error) {
		brokers, err := k.admin.ListBrokers(ctx)
		return len(brokers) == len(k.nodes), err
	})
	if err != nil || k.options.Security == nil {
		return err
	}
	return k.addUsers(ctx)
}

// Bootstrap returns the addresses for clients that neither encrypt nor log in.
func (k *Kafka) Bootstrap() []string {
	var addrs []string
	for _, n := range k.nodes {
		addrs = append(addrs, n.Address())
	}
	return addrs
}

// Direct returns the addresses that brokers use among themselves, past the proxies: for those who
// watch and are not to suffer.
func (k *Kafka) Direct() []string {
	var addrs []string
	for _, n := range k.nodes {
		addrs = append(addrs, address(n.internal))
	}
	return addrs
}

// Nodes returns the nodes; that with id i is at i-1.
func (k *Kafka) Nodes() []*Node { return k.nodes }

// Dir returns the folder with the data and the logs of the nodes, node-1.log and so on.
func (k *Kafka) Dir() string { return k.dir }

// Close ends all nodes and removes their data. They are killed: nobody reads the data again.
func (k *Kafka) Close() error {
	var errs []error
	if k.client != nil {
		k.client.Close()
	}
	for _, n := range k.nodes {
		errs = append(errs, n.close())
	}
	errs = append(errs, k.ports.free())
	if k.dir != "" {
		errs = append(errs, os.RemoveAll(k.dir))
	}
	return errors.Join(errs...)
}

// newNode chooses the ports of a node.
func (k *Kafka) newNode(id int) (*Node, error) {
	n := &Node{ID: id, kafka: k}
	for _, port := range []*int{&n.client, &n.internal, &n.controller, &n.tls, &n.sasl, &n.saslTLS} {
		var err error
		if *port, err = k.ports.take(); err != nil {
			return nil, err
		}
	}
	n.advertised = n.client
	base := filepath.Join(k.dir, fmt.Sprintf("node-%d", id))
	n.data, n.config, n.log, n.archive = base, base+".properties", base+".log", base+".jsa"
	if k.options.Proxied {
		var err error
		if n.advertised, err = k.ports.take(); err != nil {
			return nil, err
		}
		if n.proxy, err = NewProxy(address(n.advertised), address(n.client)); err != nil {
			return nil, err
		}
	}
	return n, nil
}
