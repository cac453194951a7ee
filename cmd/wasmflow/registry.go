package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/bucketing"
	"github.com/wasmflow/wasmflow/connectors/collection"
	"github.com/wasmflow/wasmflow/connectors/discard"
	"github.com/wasmflow/wasmflow/connectors/file"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/filesystem/s3"
	"github.com/wasmflow/wasmflow/connectors/format/builtin"
	"github.com/wasmflow/wasmflow/connectors/generator"
	"github.com/wasmflow/wasmflow/connectors/kafka"
	printsink "github.com/wasmflow/wasmflow/connectors/print"
	"github.com/wasmflow/wasmflow/connectors/socket"
	"github.com/wasmflow/wasmflow/connectors/stdin"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
)

// specs is the table of connectors. A new connector is one line here.
func specs(p *process) []connectors.Spec {
	return []connectors.Spec{
		bucketing.Spec(),
		collection.Spec(),
		discard.Spec(),
		file.Spec(),
		generator.Spec(),
		kafka.Spec(),
		printsink.SpecTo(p.stdout, p.stderr),
		socket.Spec(),
		stdin.SpecFrom(p.stdin),
	}
}

// printsRecords reports whether records of the job go to standard output.
func printsRecords(job *config.Job) bool {
	sinks := job.Sinks
	if job.DeadLetter != nil {
		sinks = append(slices.Clone(sinks), *job.DeadLetter)
	}
	return slices.ContainsFunc(sinks, func(s config.Sink) bool {
		c, ok := s.Config.(*printsink.Config)
		return ok && c.Stream == "stdout"
	})
}

// scheme is a row of the table of file systems.
type scheme struct {
	name string
	// split returns the system that location is on, such as a cluster, and the path inside it.
	split func(location string) (system, path string, err error)
	// open returns that system. private keeps what it makes from other users: for stores.
	open func(ctx context.Context, p *process, system string, private bool,
	) (filesystem.FileSystem, error)
}

// schemes is the table of file systems, by scheme of the URL. The first one has the plain paths.
func schemes() []scheme {
	return []scheme{
		{local.Scheme, splitLocal, openLocal},
		{hdfs.Scheme, hdfs.Split, openHDFS},
		{s3.Scheme, s3.Split, openS3},
	}
}

func splitLocal(location string) (system, path string, err error) {
	path, err = local.Path(location)
	return "", path, err
}

func openLocal(_ context.Context, p *process, _ string, private bool,
) (filesystem.FileSystem, error) {
	disk := p.disk
	if disk == nil && private {
		disk = local.PrivateOS()
	}
	return local.New(local.Options{Disk: disk}), nil
}

func openHDFS(_ context.Context, p *process, cluster string, private bool,
) (filesystem.FileSystem, error) {
	o, err := hdfs.FromEnvironment(p.lookupEnv, cluster)
	if err != nil {
		return nil, err
	}
	o.Private, o.Logger = private, p.logger
	return hdfs.New(o)
}

// openS3 takes no notice of private: who may read a bucket is not for its writers to say.
func openS3(ctx context.Context, p *process, bucket string, _ bool) (filesystem.FileSystem, error) {
	o, err := s3.FromEnvironment(ctx, p.lookupEnv, bucket)
	if err != nil {
		return nil, err
	}
	o.Logger = p.logger
	return s3.New(o)
}

// fileSystems returns a resolver that opens each system once. They stay open for as long as the
// process lives: a job may come back to any of them.
func fileSystems(p *process, private bool) filesystem.Resolver {
	table := schemes()
	var mu sync.Mutex
	open := map[string]filesystem.FileSystem{}
	return func(ctx context.Context, location string) (filesystem.FileSystem, string, error) {
		name, _, isURL := strings.Cut(location, ":")
		if !isURL || strings.Contains(name, "/") {
			name = table[0].name
		}
		for _, s := range table {
			if s.name != name {
				continue
			}
			system, path, err := s.split(location)
			if err != nil {
				return nil, "", err
			}
			mu.Lock()
			defer mu.Unlock()
			key := s.name + ":" + system
			if open[key] == nil {
				if open[key], err = s.open(ctx, p, system, private); err != nil {
					delete(open, key)
					return nil, "", fmt.Errorf("%s: %w", location, err)
				}
			}
			return open[key], path, nil
		}
		return nil, "", fmt.Errorf("%s: there is no file system for %s: here; there are %s",
			location, name, strings.Join(schemeNames(), ", "))
	}
}

func schemeNames() []string {
	var names []string
	for _, s := range schemes() {
		names = append(names, s.name)
	}
	return names
}

// checkURL returns what is wrong with the URL of a file, as far as the URL itself tells.
func checkURL(location string) error {
	name, _, _ := strings.Cut(location, "://")
	for _, s := range schemes() {
		if s.name == name {
			_, _, err := s.split(location)
			return err
		}
	}
	return nil
}

// registry is what job files may name.
func registry(p *process) config.Registry {
	return config.Registry{
		Connectors:    specs(p),
		Schemes:       schemeNames(),
		CheckURL:      checkURL,
		FileSystems:   hdfs.Reference + "\n" + s3.Reference,
		Deserializers: documented(builtin.Deserializers()),
		Serializers:   documented(builtin.Serializers()),
	}
}

// builtins is what the engine opens built-in functions with.
func builtins() host.Builtins {
	return host.Builtins{
		Deserializers: openers(builtin.Deserializers()),
		Serializers:   openers(builtin.Serializers()),
	}
}

func documented[T any](table []builtin.Function[T]) []config.Builtin {
	var out []config.Builtin
	for _, f := range table {
		out = append(out, config.Builtin{
			Name: f.Name, Doc: f.Doc, NewOptions: f.NewOptions, Keys: f.Keys,
		})
	}
	return out
}

func openers[T any](table []builtin.Function[T]) map[string]host.Opener[T] {
	out := make(map[string]host.Opener[T], len(table))
	for _, f := range table {
		out[f.Name] = host.Opener[T](f.Open)
	}
	return out
}
