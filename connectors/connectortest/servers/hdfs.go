package servers

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// HDFSRelease is the release of HDFS that is started.
	HDFSRelease = "3.5.0"
	// hdfsHeap is enough for a NameNode or DataNode with some thousand files.
	hdfsHeap = "-Xmx256m"
	// hdfsAskEvery is how often the NameNode is asked whether it serves: it takes seconds.
	hdfsAskEvery = 50 * time.Millisecond
	// loginFilter makes WebHDFS ask for tickets.
	loginFilter = "org.apache.hadoop.hdfs.web.AuthFilterInitializer"
	// fsShell is Hadoop's own client.
	fsShell = "org.apache.hadoop.fs.FsShell"
	// HDFSUser is the superuser. Other users are whoever says so.
	HDFSUser = "admin"
)

// HDFSOptions says what cluster to start. The zero value is one NameNode and one DataNode.
type HDFSOptions struct {
	DataNodes int // 1 when 0; every file has as many replicas unless it says otherwise
	// Properties of every node, over those that the harness sets.
	Properties map[string]string
	// Pair adds a second NameNode, for FailOver. Clients know both as the nameservice Nameservice.
	Pair bool
	// Kerberos makes everybody log in. The cluster does not close it.
	Kerberos *KDC
}

// HDFS is a cluster that runs.
type HDFS struct {
	options HDFSOptions
	dir     string
	java    *java
	ports   ports
	name    *HDFSNode // the active one
	standby *HDFSNode // nil without Pair
	data    []*HDFSNode
}

// StartHDFS starts a cluster and waits until it takes files. It ends with Close.
func StartHDFS(ctx context.Context, o HDFSOptions) (h *HDFS, err error) {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	o.DataNodes = max(o.DataNodes, 1)
	h = &HDFS{options: o}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("starting HDFS %s: %w", HDFSRelease, err), h.Close())
			h = nil
		}
	}()
	lib, err := hdfsJars(ctx)
	if err != nil {
		return h, err
	}
	if h.java, err = newJava(ctx, lib); err != nil {
		return h, err
	}
	if h.dir, err = os.MkdirTemp("", "wasmflow-hdfs-"); err != nil {
		return h, fmt.Errorf("making the data folder: %w", err)
	}
	if err := h.lay(); err != nil {
		return h, err
	}
	if err := h.format(ctx); err != nil {
		return h, err
	}
	if err := h.name.start(ctx); err != nil {
		return h, err
	}
	if o.Pair {
		if err := h.startStandby(ctx); err != nil {
			return h, err
		}
	}
	errs := make([]error, len(h.data))
	var wg sync.WaitGroup
	for i, n := range h.data {
		wg.Go(func() { errs[i] = n.start(ctx) }) // ends when the node serves or ctx does
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return h, err
	}
	return h, h.Ready(ctx)
}

func hdfsJars(ctx context.Context) (string, error) {
	without := []exclusion{{"org.slf4j", "slf4j-reload4j"}} // it wants a file that configures it
	artefacts := []artefact{{"org.slf4j", "slf4j-simple", "1.7.36", nil}}
	for _, name := range []string{"hadoop-common", "hadoop-hdfs", "hadoop-hdfs-client"} {
		artefacts = append(artefacts, artefact{"org.apache.hadoop", name, HDFSRelease, without})
	}
	return cached(ctx, "hdfs-"+HDFSRelease, func(dir string) error {
		if err := fetch(ctx, dir, artefacts); err != nil {
			return err
		}
		return extras(filepath.Join(dir, "extras.jar"))
	})
}

// extras writes a jar with what the servers look for on their class path and the released jars
// lack: folders of web pages, of which empty ones do for all but people, and a file of properties,
// which the client wants even where it is told another.
func extras(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("making %s: %w", file, err)
	}
	w := zip.NewWriter(f)
	for name, text := range map[string]string{
		"webapps/": "", "webapps/hdfs/": "", "webapps/datanode/": "", "webapps/static/": "",
		"core-site.xml": "<configuration/>",
	} {
		entry, e := w.Create(name)
		if e == nil && text != "" {
			_, e = io.WriteString(entry, text)
		}
		err = errors.Join(err, e)
	}
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// lay chooses ports and writes the configuration of every node.
func (h *HDFS) lay() error {
	var err error
	if h.name, err = h.nameNode("namenode"); err != nil {
		return err
	}
	if h.options.Pair {
		if h.standby, err = h.nameNode("namenode-2"); err != nil {
			return err
		}
	}
	if err := h.configureNames(); err != nil {
		return err
	}
	if err := os.Mkdir(h.Conf(), 0o755); err != nil {
		return fmt.Errorf("making the folder of clients: %w", err)
	}
	client := &HDFSNode{what: "clients", config: filepath.Join(h.Conf(), "hdfs-site.xml")}
	if err := client.configure(h.properties()); err != nil {
		return err
	}
	for i := range h.options.DataNodes {
		n := h.node(fmt.Sprintf("datanode-%d", i+1))
		p := h.properties()
		p["dfs.datanode.data.dir"] = "file://" + n.base
		p["dfs.datanode.hostname"] = "127.0.0.1"
		for _, key := range []string{"address", "http.address", "ipc.address"} {
			port, err := h.ports.take()
			if err != nil {
				return err
			}
			p["dfs.datanode."+key] = address(port)
		}
		if err := n.configure(p); err != nil {
			return err
		}
		h.data = append(h.data, n)
	}
	return nil
}

// properties are those of every node. The edit log is not synced: it is to survive a kill, not a
// power failure, and disks of test machines are slow.
func (h *HDFS) properties() map[string]string {
	p := map[string]string{
		"hadoop.tmp.dir":                                       filepath.Join(h.dir, "tmp"),
		"dfs.replication":                                      strconv.Itoa(h.options.DataNodes),
		"dfs.namenode.fs-limits.min-block-size":                "1048576",
		"dfs.namenode.safemode.extension":                      "0",
		"dfs.namenode.redundancy.interval.seconds":             "1s",
		"dfs.namenode.heartbeat.recheck-interval":              "1000",
		"dfs.heartbeat.interval":                               "1",
		"dfs.namenode.lease-recheck-interval-ms":               "500",
		"dfs.namenode.edits.noeditlogchannelflush":             "true",
		"dfs.datanode.directoryscan.interval":                  "-1",
		"dfs.namenode.datanode.registration.ip-hostname-check": "false",
	}
	maps.Copy(p, h.addresses())
	if h.options.Kerberos != nil {
		maps.Copy(p, h.options.Kerberos.hdfs())
	}
	maps.Copy(p, h.options.Properties)
	return p
}

// hdfs returns the properties of a cluster where everybody logs in, on ports that are not root's.
func (d *KDC) hdfs() map[string]string {
	p := map[string]string{
		"hadoop.security.authentication":                "kerberos",
		"hadoop.http.filter.initializers":               loginFilter,
		"dfs.block.access.token.enable":                 "true",
		"dfs.data.transfer.protection":                  "authentication",
		"ignore.secure.ports.for.testing":               "true",
		"dfs.web.authentication.kerberos.principal":     webPrincipal + "@" + Realm,
		"dfs.web.authentication.kerberos.keytab":        d.Keytab(),
		"hadoop.http.authentication.type":               "kerberos",
		"hadoop.http.authentication.kerberos.principal": webPrincipal + "@" + Realm,
		"hadoop.http.authentication.kerberos.keytab":    d.Keytab(),
	}
	for _, node := range []string{"namenode", "datanode"} {
		p["dfs."+node+".kerberos.principal"] = HDFSPrincipal + "@" + Realm
		p["dfs."+node+".keytab.file"] = d.Keytab()
	}
	return p
}

// format makes the folder of the NameNode.
func (h *HDFS) format(ctx context.Context) error {
	argv := h.name.command(h.java.shared(), "-format", "-nonInteractive")
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting the NameNode: %w: %s", err, out)
	}
	return nil
}

// Ready waits until the NameNode has left safe mode and knows all DataNodes that run.
func (h *HDFS) Ready(ctx context.Context) error {
	if h.options.Kerberos != nil {
		return nil // its pages ask for a login; a new cluster serves once its nodes are known
	}
	live := 0
	for _, n := range h.data {
		if n.process != nil {
			live++
		}
	}
	ticker := time.NewTicker(hdfsAskEvery)
	defer ticker.Stop()
	for {
		text, err := h.state(ctx)
		if err == nil && strings.Contains(text, `"FSState" : "Operational"`) &&
			strings.Contains(text, fmt.Sprintf(`"NumLiveDataNodes" : %d,`, live)) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for HDFS: %w: %w: it says %s", ctx.Err(), err, text)
		}
	}
}

func (h *HDFS) state(ctx context.Context) (string, error) {
	bean := url.QueryEscape("Hadoop:service=NameNode,name=FSNamesystemState")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		h.Web()+"/jmx?qry="+bean, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(resp.Body)
	return string(text), errors.Join(err, resp.Body.Close())
}

// Conf returns the folder of a client's files of properties, for HADOOP_CONF_DIR.
func (h *HDFS) Conf() string { return filepath.Join(h.dir, "conf") }

// Address returns where the NameNode takes calls.
func (h *HDFS) Address() string { return address(h.name.rpc) }

// Web returns the URL of the NameNode's WebHDFS, without a path.
func (h *HDFS) Web() string { return "http://" + address(h.name.http) }

// NameNode returns the NameNode, of a pair the active one.
func (h *HDFS) NameNode() *HDFSNode { return h.name }

// DataNodes returns the DataNodes.
func (h *HDFS) DataNodes() []*HDFSNode { return h.data }

// Dir returns the folder with the data and the logs of the nodes, namenode.log and so on.
func (h *HDFS) Dir() string { return h.dir }

// Shell runs a command of Hadoop's own client, such as "-text", as the superuser and returns what
// it prints.
func (h *HDFS) Shell(ctx context.Context, args ...string) (string, error) {
	return h.tool(ctx, fsShell, args...)
}

// ShellCommand returns the command line of the same client as people start it, without what makes a
// virtual machine start fast and run slowly: for those who measure it.
func (h *HDFS) ShellCommand(args ...string) []string {
	argv := []string{
		h.java.program, "-DHADOOP_USER_NAME=" + HDFSUser,
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-cp", filepath.Join(h.java.jars, "*"), fsShell, "-conf", h.name.config,
	}
	return append(argv, args...)
}

// Admin runs a command of the administrator's tool, such as "-safemode", "enter".
func (h *HDFS) Admin(ctx context.Context, args ...string) (string, error) {
	return h.tool(ctx, "org.apache.hadoop.hdfs.tools.DFSAdmin", args...)
}

func (h *HDFS) tool(ctx context.Context, class string, args ...string) (string, error) {
	args = append([]string{"-conf", h.name.config}, args...)
	argv := h.java.command(append(hdfsFlags("error"), h.java.shared()...), class, args...)
	out, err := output(ctx, argv)
	if err != nil {
		return out, fmt.Errorf("running %s: %w", strings.Join(args[2:], " "), err)
	}
	return out, nil
}

// Close ends all nodes and removes their data.
func (h *HDFS) Close() error {
	var errs []error
	for _, n := range append(slices.Clone(h.data), h.name, h.standby) {
		if n != nil {
			errs = append(errs, n.close())
		}
	}
	errs = append(errs, h.ports.free())
	if h.dir != "" {
		errs = append(errs, os.RemoveAll(h.dir))
	}
	return errors.Join(errs...)
}

// HDFSNode is a NameNode or a DataNode. Its methods must not be called at the same time.
type HDFSNode struct {
	hdfs                       *HDFS
	what                       string
	base, config, log, archive string
	rpc, http                  int // ports of a NameNode

	process  *process // nil while it does not run
	training bool     // it writes the class archive when it stops
}

func (h *HDFS) node(what string) *HDFSNode {
	base := filepath.Join(h.dir, what)
	return &HDFSNode{
		hdfs: h, what: what, base: base, config: base + ".xml", log: base + ".log",
		archive: base + ".jsa",
	}
}

// configure writes the node's file of properties.
func (n *HDFSNode) configure(properties map[string]string) error {
	type property struct {
		Name  string `xml:"name"`
		Value string `xml:"value"`
	}
	file := struct {
		XMLName    xml.Name   `xml:"configuration"`
		Properties []property `xml:"property"`
	}{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		file.Properties = append(file.Properties, property{name, properties[name]})
	}
	text, err := xml.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the configuration of %s: %w", n.what, err)
	}
	if err := os.WriteFile(n.config, text, 0o600); err != nil {
		return fmt.Errorf("writing the configuration of %s: %w", n.what, err)
	}
	return nil
}

func hdfsFlags(level string) []string {
	return []string{
		hdfsHeap, "-Djava.net.preferIPv4Stack=true", "-DHADOOP_USER_NAME=" + HDFSUser,
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=" + level,
	}
}

// command returns the command line of the node.
func (n *HDFSNode) command(flags []string, args ...string) []string {
	class := "org.apache.hadoop.hdfs.server.datanode.DataNode"
	if n.rpc != 0 {
		class = "org.apache.hadoop.hdfs.server.namenode.NameNode"
	}
	flags = append(hdfsFlags("warn"), flags...)
	if d := n.hdfs.options.Kerberos; d != nil {
		flags = append(flags, "-Djava.security.krb5.conf="+d.Config())
	}
	flags = append(flags, "-Dorg.slf4j.simpleLogger.log."+class+"=info",
		"-Dorg.slf4j.simpleLogger.showDateTime=true")
	return n.hdfs.java.command(flags, class, append([]string{"-conf", n.config}, args...)...)
}

func (n *HDFSNode) start(ctx context.Context) error {
	if n.process != nil {
		return fmt.Errorf("starting %s: it runs", n.what)
	}
	ready := "successfully registered with NN"
	if n.rpc != 0 {
		ready = "RPC up at"
	}
	share := n.hdfs.java.shared()
	n.training = share == nil && n == n.hdfs.name // the classes of both are mostly the same
	if n.training {
		share = n.hdfs.java.trains(n.archive)
	}
	p, err := start(ctx, "the "+n.what, n.log, ready, n.command(share))
	if err != nil {
		return err
	}
	n.process = p
	return nil
}

// Start starts the node, again after Kill, and waits until the cluster takes files.
func (n *HDFSNode) Start(ctx context.Context) error {
	if err := n.start(ctx); err != nil {
		return err
	}
	return n.hdfs.Ready(ctx)
}

// Kill ends the node with SIGKILL, frozen or not.
func (n *HDFSNode) Kill() error {
	if n.process == nil {
		return fmt.Errorf("killing %s: %w", n.what, ErrNotRunning)
	}
	n.process.kill()
	n.process = nil
	return nil
}

// Pause freezes the node: its connections stay and nothing answers.
func (n *HDFSNode) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (n *HDFSNode) Resume() error { return n.signal(syscall.SIGCONT) }

func (n *HDFSNode) signal(s syscall.Signal) error {
	if n.process == nil {
		return fmt.Errorf("signalling %s: %w", n.what, ErrNotRunning)
	}
	return n.process.signal(s)
}

// close ends the node. One that loaded its classes the long way writes them down for the next.
func (n *HDFSNode) close() error {
	if n.process == nil {
		return nil
	}
	if !n.training {
		return n.Kill()
	}
	err := n.process.stop()
	n.process = nil
	return errors.Join(err, n.hdfs.java.keep(n.archive))
}
