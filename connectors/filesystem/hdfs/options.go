package hdfs

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	hdfsclient "github.com/colinmarc/hdfs/v2"
)

// Ports of a NameNode where nothing says otherwise.
const (
	rpcPort = "8020"
	webPort = "9870"
)

// Options say which cluster a FileSystem is and how to speak to it.
type Options struct {
	// NameNodes are the addresses, host:port, of all NameNodes of the cluster, active or not.
	NameNodes []string
	// WebHDFS are the URLs of their HTTP servers, without a path.
	WebHDFS []string
	// User is who acts, on clusters without Kerberos.
	User string
	// Replication is the number of replicas of new files, and BlockSize the bytes of their blocks.
	// The server decides when both are 0.
	Replication int
	BlockSize   int64
	// Kerberos logs in; nil is a cluster without.
	Kerberos *Kerberos
	// Logger is told when calls wait for a NameNode, and when it is back; nil is nobody.
	Logger *slog.Logger
	// Private closes the folders that are made to other users.
	Private bool

	// guess is an authority that nothing else than a nameservice of Hadoop's configuration would be
	// written like, and that is none of it: it has to be the name of a host.
	guess string
	base  hdfsclient.ClientOptions // what Hadoop's files of properties say besides
}

func (o *Options) validate() error {
	if len(o.NameNodes) == 0 {
		return errors.New("no NameNode is named; write hdfs://host:port/path")
	}
	if o.User == "" && o.Kerberos == nil {
		return errors.New("no user is named; set HADOOP_USER_NAME")
	}
	return nil
}

// Split returns the authority and the path of a URL. The path is taken as it stands: it may be a
// glob, and names in HDFS may hold a percent sign.
func Split(location string) (authority, p string, err error) {
	rest, ok := strings.CutPrefix(location, Scheme+"://")
	if !ok {
		return "", "", fmt.Errorf("location %q is no URL; write hdfs://host:port/path", location)
	}
	authority, p, ok = strings.Cut(rest, "/")
	if !ok || strings.ContainsRune(p, 0) {
		return "", "", fmt.Errorf("location %q has no path; write hdfs://host:port/path", location)
	}
	if authority != "" {
		if _, _, err := nameNodes(authority); err != nil {
			return "", "", err
		}
	}
	return authority, path.Clean("/" + p), nil
}

// nameNodes returns the addresses of an authority: host, host:port, or several with commas. user is
// what stands before an at sign, or empty.
func nameNodes(authority string) (user string, addresses []string, err error) {
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, authority = authority[:at], authority[at+1:]
	}
	for host := range strings.SplitSeq(authority, ",") {
		u, err := url.Parse("//" + host)
		if err != nil || u.Hostname() == "" {
			return "", nil, fmt.Errorf("%q is no address of a NameNode; write host:port", host)
		}
		port := u.Port()
		if port == "" {
			port = rpcPort
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", nil, fmt.Errorf("port %s of NameNode %s is not between 1 and 65535", port,
				u.Hostname())
		}
		addresses = append(addresses, net.JoinHostPort(u.Hostname(), port))
	}
	return user, addresses, nil
}

// defaultWeb returns where NameNodes serve WebHDFS when nothing says otherwise.
func defaultWeb(addresses []string) []string {
	var urls []string
	for _, a := range addresses {
		host, _, err := net.SplitHostPort(a)
		if err == nil {
			urls = append(urls, "http://"+net.JoinHostPort(host, webPort))
		}
	}
	return slices.Compact(urls)
}
