package servers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// javaPackage has a Java that all servers run on.
const javaPackage = "default-jre-headless"

// java is a Java runtime with a class path.
type java struct {
	program string
	jars    string // folder of the class path
	archive string // classes that were loaded and checked before, for quick starts
}

// newJava finds Java and the archive that an earlier server left.
func newJava(ctx context.Context, jars string) (*java, error) {
	program, err := tool("java", javaPackage)
	if err != nil {
		return nil, err
	}
	version, err := exec.CommandContext(ctx, program, "-version").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("asking Java for its version: %w: %s", err, version)
	}
	// An archive is good for the Java that wrote it and for one class path.
	sum := sha256.Sum256(version)
	return &java{program, jars, jars + "-" + hex.EncodeToString(sum[:6]) + ".jsa"}, nil
}

// command returns a command line. flags are those of the virtual machine; the small ones for a
// quick start are there already.
func (j *java) command(flags []string, class string, args ...string) []string {
	argv := []string{
		j.program, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-cp", filepath.Join(j.jars, "*"),
	}
	return append(append(append(argv, flags...), class), args...)
}

// shared returns the flags that make a program start with the archive; none when there is none.
func (j *java) shared() []string {
	if _, err := os.Stat(j.archive); err != nil {
		return nil
	}
	return []string{"-XX:SharedArchiveFile=" + j.archive}
}

// trains returns the flags that make a program write an archive to path when it stops.
func (j *java) trains(path string) []string { return []string{"-XX:ArchiveClassesAtExit=" + path} }

// keep puts an archive that a server wrote into the cache.
func (j *java) keep(fresh string) error {
	if _, err := os.Stat(fresh); errors.Is(err, fs.ErrNotExist) {
		return nil // this Java writes none
	}
	// The cache may be on another file system, so the archive is copied beside its place.
	b, err := os.ReadFile(fresh)
	if err != nil {
		return fmt.Errorf("reading the class archive: %w", err)
	}
	part, err := os.CreateTemp(filepath.Dir(j.archive), "archive-")
	if err != nil {
		return fmt.Errorf("keeping the class archive: %w", err)
	}
	_, err = part.Write(b)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), j.archive)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keeping the class archive: %w", err), os.Remove(part.Name()))
	}
	return nil
}
