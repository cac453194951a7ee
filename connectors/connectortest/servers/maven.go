package servers

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// fetchMax bounds fetching artefacts over a slow line.
const fetchMax = 10 * time.Minute

// artefact is a library to fetch with what it depends on.
type artefact struct {
	Group      string      `xml:"groupId"`
	Artefact   string      `xml:"artifactId"`
	Version    string      `xml:"version"`
	Exclusions []exclusion `xml:"exclusions>exclusion"`
}

type exclusion struct {
	Group    string `xml:"groupId"`
	Artefact string `xml:"artifactId"`
}

// project is what Maven is told to resolve.
type project struct {
	XMLName      xml.Name   `xml:"project"`
	Model        string     `xml:"modelVersion"`
	Group        string     `xml:"groupId"`
	Artefact     string     `xml:"artifactId"`
	Version      string     `xml:"version"`
	Packaging    string     `xml:"packaging"`
	Dependencies []artefact `xml:"dependencies>dependency"`
}

// jars returns a folder of the cache with artefacts and everything they need.
func jars(ctx context.Context, name string, artefacts ...artefact) (string, error) {
	return cached(ctx, name, func(dir string) error { return fetch(ctx, dir, artefacts) })
}

func fetch(ctx context.Context, dir string, artefacts []artefact) error {
	mvn, err := tool("mvn", "maven")
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "wasmflow-servers-pom-")
	if err != nil {
		return fmt.Errorf("making a folder for Maven: %w", err)
	}
	defer os.RemoveAll(work)
	pom, err := xml.MarshalIndent(project{
		Model: "4.0.0", Group: "wasmflow", Artefact: "test-servers", Version: "1",
		Packaging: "pom", Dependencies: artefacts,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the project: %w", err)
	}
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o644); err != nil {
		return fmt.Errorf("writing the project: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchMax)
	defer cancel()
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+dir)
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetching artefacts with Maven: %w: %s", err, out)
	}
	return nil
}

// tool returns the path of a program, or an error that names the Debian package with it.
func tool(name, debian string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %s, which the test servers need; on Debian: apt-get install %s",
			ErrMissingTool, name, debian)
	}
	return path, nil
}
