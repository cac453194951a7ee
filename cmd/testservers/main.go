package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testservers:", err)
		os.Exit(1)
	}
}

// releases are what -version takes.
func releases() map[string]string {
	return map[string]string{"4.3": servers.Kafka43, "3.9": servers.Kafka39}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	names := strings.Join(slices.Sorted(maps.Keys(releases())), " or ")
	flags := flag.NewFlagSet("testservers", flag.ContinueOnError)
	nodes := flags.Int("nodes", 1, "number of brokers; with 3, topics and files have three replicas")
	version := flags.String("version", "4.3", "release of Kafka: "+names)
	hdfs := flags.Bool("hdfs", false, "start HDFS instead, with -nodes DataNodes")
	s3 := flags.Bool("s3", false, "start an S3 server instead, with the bucket lake")
	secure := flags.Bool("secure", false, "also listen for TLS and logins, and check rights")
	properties := map[string]string{}
	flags.Func("property", "name=value for every node; may be given again", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q is not name=value", s)
		}
		properties[name] = value
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *hdfs {
		return runHDFS(ctx, servers.HDFSOptions{DataNodes: *nodes, Properties: properties}, out)
	}
	if *s3 {
		return runS3(ctx, out)
	}
	release, ok := releases()[*version]
	if !ok {
		return fmt.Errorf("-version %q is not known; write %s", *version, names)
	}
	o := servers.KafkaOptions{Version: release, Nodes: *nodes, Properties: properties}
	if *secure {
		dir, err := os.MkdirTemp("", "wasmflow-kafka-keys-")
		if err != nil {
			return fmt.Errorf("making a folder for keys: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		if o.Security, err = servers.NewSecurity(dir); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "starting Kafka %s ...\n", release)
	k, err := servers.StartKafka(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	if err := describe(out, k, o.Security); err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(out, "stopping; everything in it is removed")
	return nil
}

func runHDFS(ctx context.Context, o servers.HDFSOptions, out io.Writer) (err error) {
	fmt.Fprintln(out, "starting HDFS ...")
	h, err := servers.StartHDFS(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	fmt.Fprintf(out, "export HADOOP_CONF_DIR=%s HADOOP_USER_NAME=%s\n", h.Conf(), servers.HDFSUser)
	fmt.Fprintf(out, "path = \"hdfs://%s/folder\"\n", h.Address())
	fmt.Fprintf(out, "logs and data are in %s; interrupt to stop\n", h.Dir())
	<-ctx.Done()
	fmt.Fprintln(out, "stopping; everything in it is removed")
	return nil
}

func runS3(ctx context.Context, out io.Writer) (err error) {
	fmt.Fprintln(out, "starting S3; the first time it is built, which takes a minute ...")
	s, err := servers.StartS3(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.MakeBucket("lake"); err != nil {
		return err
	}
	fmt.Fprintf(out, "export %s\n", strings.Join(s.Environment(), " "))
	fmt.Fprintf(out, "path = \"s3://lake/folder\"\n")
	fmt.Fprintf(out, "logs and data are in %s; interrupt to stop\n", s.Dir())
	<-ctx.Done()
	fmt.Fprintln(out, "stopping; everything in it is removed")
	return nil
}

// describe tells a person how to reach the cluster.
func describe(out io.Writer, k *servers.Kafka, s *servers.Security) error {
	fmt.Fprintf(out, "brokers = %s\n", list(k.Bootstrap()))
	if s != nil {
		if err := describeSecurity(out, k, s); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "logs and data are in %s; interrupt to stop\n", k.Dir())
	return nil
}

func describeSecurity(out io.Writer, k *servers.Kafka, s *servers.Security) error {
	client, err := s.Authority.Issue(servers.UserAdmin)
	if err != nil {
		return err
	}
	tls, err := k.TLS()
	if err != nil {
		return err
	}
	login, err := k.SASL()
	if err != nil {
		return err
	}
	both, err := k.SASLTLS()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "brokers = %s with tls = { ca = %q, cert = %q, key = %q }\n",
		list(tls), s.Authority.Cert, client.Cert, client.Key)
	fmt.Fprintf(out, "brokers = %s with a login as %s or %s, password %q\n",
		list(login), servers.UserAdmin, servers.UserNobody, servers.Password)
	fmt.Fprintf(out, "brokers = %s with a login over tls = { ca = %q }\n", list(both),
		s.Authority.Cert)
	return nil
}

func list(addrs []string) string { return `["` + strings.Join(addrs, `", "`) + `"]` }
