package servers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// The registry: the last release that runs on the Java that Debian has. It needs no broker.
const (
	registryVersion  = "2.6.13.Final"
	registryArtefact = "io.apicurio:apicurio-registry-app:" + registryVersion + ":tar.gz:all"
	registryJar      = "apicurio-registry-app-" + registryVersion + "-runner.jar"
	// registryReady is what the registry says when it listens.
	registryReady = "Listening on:"
	// registryAPI is where the API of Confluent's registry is.
	registryAPI = "/apis/ccompat/v7"
	// registryAnswer bounds an answer to the first question.
	registryAnswer = 30 * time.Second
)

// Registry is a schema registry with the API of Confluent's, which keeps its schemas in memory.
type Registry struct {
	process *process
	ports   ports
	dir     string
	port    int
}

// StartRegistry starts a registry and returns when it answers.
func StartRegistry(ctx context.Context) (_ *Registry, err error) {
	app, err := cached(ctx, "apicurio-"+registryVersion, func(dir string) error {
		return unpack(ctx, dir, registryArtefact)
	})
	if err != nil {
		return nil, err
	}
	program, err := tool("java", javaPackage)
	if err != nil {
		return nil, err
	}
	r := &Registry{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if r.port, err = r.ports.take(); err != nil {
		return nil, err
	}
	if r.dir, err = os.MkdirTemp("", "wasmflow-registry-"); err != nil {
		return nil, fmt.Errorf("making a folder for the registry: %w", err)
	}
	r.process, err = start(ctx, "the schema registry", filepath.Join(r.dir, "log"), registryReady,
		[]string{
			program, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Djava.io.tmpdir=" + r.dir, "-Dquarkus.http.host=127.0.0.1",
			"-Dquarkus.http.port=" + strconv.Itoa(r.port), "-jar", filepath.Join(app, registryJar),
		})
	if err != nil {
		return nil, err
	}
	return r, r.answers(ctx)
}

// unpack has Maven fetch an archive and unpack it into dir.
func unpack(ctx context.Context, dir, artefact string) error {
	mvn, err := tool("mvn", "maven")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchMax)
	defer cancel()
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "dependency:unpack", "-Dartifact="+artefact,
		"-DoutputDirectory="+dir)
	cmd.Dir = dir // outside of any project
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetching %s with Maven: %w: %s", artefact, err, out)
	}
	return nil
}

// answers waits for a first answer.
func (r *Registry) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registryAnswer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/subjects", nil)
	if err != nil {
		return fmt.Errorf("asking the schema registry: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the schema registry: %w", err)
	}
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("asking the schema registry: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the schema registry: it answers %s", resp.Status)
	}
	return nil
}

// URL returns the address for clients.
func (r *Registry) URL() string { return "http://" + address(r.port) + registryAPI }

// Close stops the registry and removes its files. It is idempotent.
func (r *Registry) Close() error {
	if r.process != nil {
		r.process.kill() // it keeps nothing
		r.process = nil
	}
	err := r.ports.free()
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
		r.dir = ""
	}
	return err
}
