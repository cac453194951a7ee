package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Nameservice is the name of a pair of NameNodes.
const Nameservice = "lake"

// haAdmin is the tool that says which NameNode of a pair is active.
const haAdmin = "org.apache.hadoop.hdfs.tools.DFSHAAdmin"

// nameNode returns a NameNode with ports of its own.
func (h *HDFS) nameNode(what string) (*HDFSNode, error) {
	n := h.node(what)
	for _, port := range []*int{&n.rpc, &n.http} {
		var err error
		if *port, err = h.ports.take(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// addresses returns the properties that say where the NameNodes are. A pair shares its log of
// changes in a folder, as it would on a file server.
func (h *HDFS) addresses() map[string]string {
	if !h.options.Pair {
		return map[string]string{
			"fs.defaultFS":              "hdfs://" + h.Address(),
			"dfs.namenode.rpc-address":  h.Address(),
			"dfs.namenode.http-address": address(h.name.http),
		}
	}
	p := map[string]string{
		"fs.defaultFS":     "hdfs://" + Nameservice,
		"dfs.nameservices": Nameservice,
		"dfs.ha.namenodes." + Nameservice: filepath.Base(h.name.base) + "," +
			filepath.Base(h.standby.base),
		"dfs.namenode.shared.edits.dir":         "file://" + filepath.Join(h.dir, "shared"),
		"dfs.ha.fencing.methods":                "shell(/bin/true)", // the one before was killed
		"dfs.ha.automatic-failover.enabled":     "false",
		"dfs.client.failover.max.attempts":      "2",
		"dfs.client.failover.sleep.base.millis": "100",
		"dfs.client.failover.proxy.provider." + Nameservice: "org.apache.hadoop.hdfs.server." +
			"namenode.ha.ConfiguredFailoverProxyProvider",
	}
	for _, n := range []*HDFSNode{h.name, h.standby} {
		of := "." + Nameservice + "." + filepath.Base(n.base)
		p["dfs.namenode.rpc-address"+of] = address(n.rpc)
		p["dfs.namenode.http-address"+of] = address(n.http)
	}
	return p
}

// configureNames writes the configuration of every NameNode.
func (h *HDFS) configureNames() error {
	for _, n := range []*HDFSNode{h.name, h.standby} {
		if n == nil {
			continue
		}
		p := h.properties()
		p["dfs.namenode.name.dir"] = "file://" + n.base
		if h.options.Pair {
			p["dfs.nameservice.id"] = Nameservice
			p["dfs.ha.namenode.id"] = filepath.Base(n.base)
		}
		if err := n.configure(p); err != nil {
			return err
		}
	}
	return nil
}

// startStandby starts the second NameNode, which begins with what the first one was formatted to,
// and makes the first one active.
func (h *HDFS) startStandby(ctx context.Context) error {
	if err := os.CopyFS(h.standby.base, os.DirFS(h.name.base)); err != nil {
		return fmt.Errorf("copying the folder of the NameNode: %w", err)
	}
	// The first one locks its folder with a file of its own.
	if err := os.Remove(filepath.Join(h.standby.base, "in_use.lock")); err != nil {
		return fmt.Errorf("copying the folder of the NameNode: %w", err)
	}
	if err := h.standby.start(ctx); err != nil {
		return err
	}
	return h.activate(ctx)
}

func (h *HDFS) activate(ctx context.Context) error {
	_, err := h.tool(ctx, haAdmin, "-ns", Nameservice, "-transitionToActive", "--forceactive",
		filepath.Base(h.name.base))
	return err
}

// FailOver kills the active NameNode of a pair and makes the other one active. It works once.
func (h *HDFS) FailOver(ctx context.Context) error {
	if err := h.name.Kill(); err != nil {
		return err
	}
	h.name, h.standby = h.standby, h.name
	if err := h.activate(ctx); err != nil {
		return err
	}
	return h.Ready(ctx)
}
