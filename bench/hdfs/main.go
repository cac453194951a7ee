package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stderr)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-hdfs:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	binary, guest, results, tmp string
	mebibytes, rounds           int
}

func run(ctx context.Context, args []string, log io.Writer) (err error) {
	flags := flag.NewFlagSet("bench-hdfs", flag.ContinueOnError)
	var o options
	flags.StringVar(&o.binary, "binary", "build/wasmflow", "the wasmflow to measure")
	flags.StringVar(&o.guest, "guest", "build/guests/bucket-by-field.wasm", "names 100 buckets")
	flags.StringVar(&o.results, "results", "bench/HDFS.md", "file to write")
	flags.StringVar(&o.tmp, "tmp", "", "folder for the input; by default the system's")
	flags.IntVar(&o.mebibytes, "mebibytes", 1024, "size of the input")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds that count; one more is thrown away")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, p := range []*string{&o.binary, &o.guest, &o.results} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp(o.tmp, "wasmflow-bench-hdfs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cluster, err := servers.StartHDFS(ctx, servers.HDFSOptions{Properties: map[string]string{
		// The NameNode takes the whole of an open block for taken: with small ones a part in each of
		// a hundred folders fits on a disk.
		"dfs.blocksize": strconv.Itoa(blockBytes),
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	fs, err := hdfs.New(hdfs.Options{
		NameNodes: []string{cluster.Address()}, WebHDFS: []string{cluster.Web()},
		User: servers.HDFSUser,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	b := &bench{
		options: o, dir: dir, cluster: cluster, fs: fs,
		progress: func(text string) { fmt.Fprintln(log, "bench-hdfs:", text) },
	}
	page, err := b.all(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(log, page)
	return os.WriteFile(o.results, []byte(page), 0o644)
}
