package hdfs

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	hdfsclient "github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

// Properties of Hadoop's configuration that this package adds: Hadoop's own programs leave the
// login to whoever started them.
const (
	keyPrincipal = "wasmflow.kerberos.principal"
	keyKeytab    = "wasmflow.kerberos.keytab"
)

// Reference says for the reference page how jobs find clusters.
const Reference = "`hdfs://host:port/path`, `hdfs://user@host:port/path`, " +
	"`hdfs://host1:port,host2:port/path`, `hdfs://nameservice/path` or `hdfs:///path` is a place in " +
	"HDFS: for sources, sinks and the checkpoint store. The port is 8020 by default. What a URL " +
	"does not say comes from `core-site.xml` and `hdfs-site.xml` in the folder `HADOOP_CONF_DIR`, " +
	"or in `HADOOP_HOME/etc/hadoop`, as for Hadoop's own programs.\n\n" +
	"| property or variable | meaning |\n|---|---|\n" +
	"| `fs.defaultFS` | cluster of `hdfs:///path` |\n" +
	"| `dfs.ha.namenodes.X`, `dfs.namenode.rpc-address.X.Y`, `dfs.namenode.http-address.X.Y` | " +
	"NameNodes of nameservice X; with `dfs.http.policy` HTTPS_ONLY " +
	"`dfs.namenode.https-address.X.Y` |\n" +
	"| `dfs.namenode.http-address` | where WebHDFS is, which a checkpoint store needs; by default " +
	"port 9870 of the NameNode |\n" +
	"| `dfs.replication`, `dfs.blocksize` | of new files; by default those of the server |\n" +
	"| `dfs.client.use.datanode.hostname`, `dfs.data.transfer.protection`, " +
	"`dfs.encrypt.data.transfer` | as in Hadoop |\n" +
	"| `HADOOP_USER_NAME` | user on a cluster without Kerberos; by default that of the process |\n" +
	"| `hadoop.security.authentication` | kerberos logs in, with `dfs.namenode.kerberos.principal` " +
	"as the name of the NameNodes |\n" +
	"| `" + keyPrincipal + "`, `" + keyKeytab + "` | principal and keytab to log in with; " +
	"without them the tickets that kinit left where `KRB5CCNAME` says |\n" +
	"| `KRB5_CONFIG` | file of Kerberos' realms; by default /etc/krb5.conf |\n"

// FromEnvironment returns the options of the cluster that the authority of a URL names, completed
// with Hadoop's files of properties. lookup finds environment variables.
func FromEnvironment(lookup func(string) (string, bool), authority string) (Options, error) {
	conf, err := loadConf(lookup)
	if err != nil {
		return Options{}, err
	}
	if authority == "" {
		authority, _, err = Split(strings.TrimSuffix(conf["fs.defaultFS"], "/") + "/")
		if err != nil || authority == "" {
			return Options{}, errors.New("the URL names no NameNode and no fs.defaultFS does; " +
				"write hdfs://host:port/path or set HADOOP_CONF_DIR")
		}
	}
	o := Options{base: hdfsclient.ClientOptionsFromConf(conf)}
	if err := o.findNameNodes(conf, authority); err != nil {
		return Options{}, err
	}
	if err := o.findFiles(conf); err != nil {
		return Options{}, err
	}
	if o.base.KerberosClient != nil {
		o.base.KerberosClient = nil // an empty one: the library's way to say that one is due
		o.Kerberos = kerberosOf(conf, lookup, o.base.KerberosServicePrincipleName)
		return o, nil
	}
	if o.User == "" {
		o.User, _ = lookup("HADOOP_USER_NAME")
	}
	if o.User == "" {
		u, err := user.Current()
		if err != nil {
			return Options{}, fmt.Errorf("finding who runs this: %w; set HADOOP_USER_NAME", err)
		}
		o.User = u.Username
	}
	return o, nil
}

// loadConf reads the files of properties. None is no error.
func loadConf(lookup func(string) (string, bool)) (hadoopconf.HadoopConf, error) {
	dir, ok := lookup("HADOOP_CONF_DIR")
	if !ok || dir == "" {
		home, ok := lookup("HADOOP_HOME")
		if !ok || home == "" {
			return nil, nil
		}
		dir = filepath.Join(home, "etc", "hadoop")
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("reading Hadoop's configuration: %w; check HADOOP_CONF_DIR", err)
	}
	conf, err := hadoopconf.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("reading Hadoop's configuration in %s: %w", dir, err)
	}
	return conf, nil
}

// findNameNodes sets the addresses of the NameNodes that authority names.
func (o *Options) findNameNodes(conf hadoopconf.HadoopConf, authority string) error {
	scheme, webKey := "http", "dfs.namenode.http-address"
	if conf["dfs.http.policy"] == "HTTPS_ONLY" {
		scheme, webKey = "https", "dfs.namenode.https-address"
	}
	name := authority[strings.LastIndexByte(authority, '@')+1:]
	if members := conf["dfs.ha.namenodes."+name]; members != "" {
		o.User = strings.TrimSuffix(authority[:len(authority)-len(name)], "@")
		for member := range strings.SplitSeq(members, ",") {
			key := "." + name + "." + strings.TrimSpace(member)
			rpc, web := conf["dfs.namenode.rpc-address"+key], conf[webKey+key]
			if rpc == "" {
				return fmt.Errorf("nameservice %s: no dfs.namenode.rpc-address%s in Hadoop's "+
					"configuration", name, key)
			}
			o.NameNodes = append(o.NameNodes, rpc)
			if web != "" {
				o.WebHDFS = append(o.WebHDFS, scheme+"://"+web)
			}
		}
		if len(o.WebHDFS) == 0 {
			o.WebHDFS = defaultWeb(o.NameNodes)
		}
		return nil
	}
	var err error
	if o.User, o.NameNodes, err = nameNodes(authority); err != nil {
		return err
	}
	if !strings.ContainsAny(name, ".:,[") {
		o.guess = name
	}
	o.WebHDFS = defaultWeb(o.NameNodes)
	if web := conf[webKey]; web != "" && slices.Contains(o.NameNodes, theNameNode(conf)) {
		host, port, err := net.SplitHostPort(web)
		if err != nil {
			return fmt.Errorf("reading %s %q: %w", webKey, web, err)
		}
		if host == "0.0.0.0" || host == "" {
			host, _, _ = net.SplitHostPort(o.NameNodes[0]) // nameNodes has made it
		}
		o.WebHDFS = []string{scheme + "://" + net.JoinHostPort(host, port)}
	}
	return nil
}

// theNameNode returns the address that a configuration of one NameNode is about.
func theNameNode(conf hadoopconf.HadoopConf) string {
	if a := conf["dfs.namenode.rpc-address"]; a != "" {
		return a
	}
	authority, _, err := Split(strings.TrimSuffix(conf["fs.defaultFS"], "/") + "/")
	if err != nil {
		return ""
	}
	_, addresses, err := nameNodes(authority)
	if err != nil {
		return ""
	}
	return addresses[0]
}

// findFiles sets what new files are like.
func (o *Options) findFiles(conf hadoopconf.HadoopConf) error {
	if text := conf["dfs.replication"]; text != "" {
		n, err := strconv.ParseInt(text, 10, 16)
		if err != nil || n < 1 {
			return fmt.Errorf("dfs.replication %q is no number of replicas", text)
		}
		o.Replication = int(n)
	}
	if text := conf["dfs.blocksize"]; text != "" {
		var err error
		if o.BlockSize, err = parseSize(text); err != nil {
			return fmt.Errorf("dfs.blocksize %q is no size; write bytes, or 128m", text)
		}
	}
	return nil
}

// parseSize reads a size as Hadoop writes it: bytes, or a number with one of the letters kmgtpe.
func parseSize(text string) (int64, error) {
	digits, shift := strings.ToLower(text), 0
	if i := len(digits) - 1; i > 0 {
		if unit := strings.IndexByte("kmgtpe", digits[i]); unit >= 0 {
			digits, shift = digits[:i], 10*(unit+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return n << shift, nil
}

func kerberosOf(
	conf hadoopconf.HadoopConf, lookup func(string) (string, bool), service string,
) *Kerberos {
	k := &Kerberos{Keytab: conf[keyKeytab], Service: service, Config: "/etc/krb5.conf"}
	k.Principal, k.Realm, _ = strings.Cut(conf[keyPrincipal], "@")
	if path, ok := lookup("KRB5_CONFIG"); ok && path != "" {
		k.Config = path
	}
	if k.Keytab == "" {
		k.Cache = cacheFile(lookup)
	}
	return k
}
