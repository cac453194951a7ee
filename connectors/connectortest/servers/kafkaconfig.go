package servers

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// properties returns the configuration of a node as a properties file.
func (n *Node) properties(voters string) (string, error) {
	k := n.kafka.options
	replicas, inSync := 1, 1
	if k.Nodes >= 3 {
		replicas, inSync = 3, 2
	}
	r, s := strconv.Itoa(replicas), strconv.Itoa(inSync)
	p := map[string]string{
		"process.roles":            "broker,controller",
		"node.id":                  strconv.Itoa(n.ID),
		"controller.quorum.voters": voters,
		"listeners": fmt.Sprintf("PLAIN://%s,INTERNAL://%s,CONTROLLER://%s",
			address(n.client), address(n.internal), address(n.controller)),
		"advertised.listeners": fmt.Sprintf("PLAIN://%s,INTERNAL://%s",
			address(n.advertised), address(n.internal)),
		"listener.security.protocol.map": "PLAIN:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.listener.names":      "CONTROLLER",
		"inter.broker.listener.name":     "INTERNAL",
		"log.dirs":                       n.data,

		"num.partitions":             "4",
		"default.replication.factor": r,
		"min.insync.replicas":        s,
		"auto.create.topics.enable":  "false",
		// Few partitions in the internal topics make their first use quick.
		"offsets.topic.replication.factor":                 r,
		"offsets.topic.num.partitions":                     "4",
		"transaction.state.log.replication.factor":         r,
		"transaction.state.log.min.isr":                    s,
		"transaction.state.log.num.partitions":             "4",
		"share.coordinator.state.topic.replication.factor": r,
		"share.coordinator.state.topic.min.isr":            s,
		"group.initial.rebalance.delay.ms":                 "0",
		// The default takes 128 MiB of heap.
		"log.cleaner.dedupe.buffer.size": "4194304",
		"log.segment.bytes":              "268435456",
		// A broker that was killed is missed after this, not after the default of 9 s.
		"broker.session.timeout.ms": "6000",
	}
	if k.Security != nil {
		if err := k.Security.apply(n, p); err != nil {
			return "", err
		}
	}
	maps.Copy(p, k.Properties)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&b, "%s=%s\n", name, p[name])
	}
	return b.String(), nil
}
