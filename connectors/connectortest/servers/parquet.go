package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	// parquetRelease is the release of parquet-mr, the reader that Spark, Hive and Trino grew from.
	parquetRelease = "1.15.2"
	// compilerRelease is a Java compiler that wants no more than a runtime: what is asked of a
	// machine that tests is a Java to run servers on.
	compilerRelease = "3.33.0"
	// javaLevel is the version of Java that programs for RunParquet are written in.
	javaLevel = "17"
)

// RunParquet compiles a Java program of one public class, which may use parquet-mr and Hadoop, runs
// it and returns what it prints.
func RunParquet(ctx context.Context, class, source string, args ...string) (_ string, err error) {
	hadoop, err := hdfsJars(ctx)
	if err != nil {
		return "", err
	}
	// Hadoop's own jars have what else this one refers to and the reader never comes to.
	alone := []exclusion{{"*", "*"}}
	lib, err := jars(ctx, "parquet-"+parquetRelease,
		artefact{"org.apache.parquet", "parquet-hadoop", parquetRelease, nil},
		artefact{"org.apache.hadoop", "hadoop-mapreduce-client-core", HDFSRelease, alone},
		artefact{"org.eclipse.jdt", "ecj", compilerRelease, nil})
	if err != nil {
		return "", err
	}
	j, err := newJava(ctx, lib)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "wasmflow-parquet-")
	if err != nil {
		return "", fmt.Errorf("making a folder for classes: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, class+".java")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return "", fmt.Errorf("writing %s: %w", file, err)
	}
	path := strings.Join([]string{
		filepath.Join(lib, "*"), filepath.Join(hadoop, "*"), dir,
	}, string(filepath.ListSeparator))
	// The compiler takes the class path of its own virtual machine.
	compile := j.command([]string{"-cp", path}, "org.eclipse.jdt.internal.compiler.batch.Main",
		"-source", javaLevel, "-target", javaLevel, "-nowarn", "-proc:none", "-d", dir, file)
	if _, err := output(ctx, compile); err != nil {
		return "", fmt.Errorf("compiling %s: %w", class, err)
	}
	flags := []string{"-cp", path, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"}
	out, err := output(ctx, j.command(flags, class, args...))
	if err != nil {
		return "", fmt.Errorf("running %s: %w", class, err)
	}
	return out, nil
}

// output runs a command and returns what it prints. Its errors have what it complains of.
func output(ctx context.Context, argv []string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.String(), nil
}
