package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// s3Program and s3Release are the server: the smallest one that was found to keep objects and
	// uploads over a kill and to let one of many conditional puts win. It builds in a minute.
	s3Program = "github.com/versity/versitygw/cmd/versitygw"
	s3Release = "v1.8.0"
	// s3Ready is what the server says just before it listens.
	s3Ready = "service listening on"
	// s3AskEvery is the pause between two attempts to connect to it.
	s3AskEvery = 10 * time.Millisecond
	// S3AccessKey and S3SecretKey are what its only user logs in with.
	S3AccessKey = "wasmflow"
	S3SecretKey = "wasmflow-secret"
	// S3Region is the region it says it is.
	S3Region = "us-east-1"
)

// S3 is a server that speaks the protocol of S3. Its methods must not be called at the same time.
type S3 struct {
	binary, dir string
	ports       ports
	port        int
	process     *process // nil while it does not run
}

// StartS3 starts a server without buckets. It ends with Close.
func StartS3(ctx context.Context) (s *S3, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchMax)
	defer cancel()
	s = &S3{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("starting S3: %w", err), s.Close())
			s = nil
		}
	}()
	built, err := cached(ctx, "versitygw-"+s3Release, func(dir string) error {
		return install(ctx, dir, s3Program+"@"+s3Release)
	})
	if err != nil {
		return s, err
	}
	s.binary = filepath.Join(built, "versitygw")
	if s.dir, err = os.MkdirTemp("", "wasmflow-s3-"); err != nil {
		return s, fmt.Errorf("making the data folder: %w", err)
	}
	for _, dir := range []string{s.data(), s.about()} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return s, fmt.Errorf("making %s: %w", dir, err)
		}
	}
	if s.port, err = s.ports.take(); err != nil {
		return s, err
	}
	return s, s.Start(ctx)
}

// install builds a Go program into dir.
func install(ctx context.Context, dir, program string) error {
	golang, err := tool("go", "golang")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, golang, "install", "-trimpath", "-ldflags=-s -w", program)
	cmd.Dir = dir // outside this module
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", program, err, out)
	}
	return nil
}

func (s *S3) data() string  { return filepath.Join(s.dir, "data") }
func (s *S3) about() string { return filepath.Join(s.dir, "about") } // what it keeps beside objects

// Start starts the server, again after Kill, and waits until it serves.
func (s *S3) Start(ctx context.Context) error {
	if s.process != nil {
		return errors.New("starting S3: it runs")
	}
	p, err := start(ctx, "the S3 server", filepath.Join(s.dir, "log"), s3Ready, []string{
		s.binary, "--port", address(s.port), "--access", S3AccessKey, "--secret", S3SecretKey,
		"--region", S3Region, "--keep-alive", "posix", "--sidecar", s.about(), s.data(),
	})
	if err != nil {
		return err
	}
	s.process = p
	return s.listening(ctx)
}

// listening waits until the server takes connections.
func (s *S3) listening(ctx context.Context) error {
	ticker := time.NewTicker(s3AskEvery)
	defer ticker.Stop()
	for {
		c, err := net.Dial("tcp4", address(s.port))
		if err == nil {
			return c.Close()
		}
		select {
		case <-ticker.C:
		case <-s.process.ended:
			return fmt.Errorf("starting S3: it ended: its log ends with:\n%s", s.process.out.tail())
		case <-ctx.Done():
			return fmt.Errorf("waiting for S3: %w: %w", ctx.Err(), err)
		}
	}
}

// Kill ends the server with SIGKILL.
func (s *S3) Kill() error {
	if s.process == nil {
		return fmt.Errorf("killing S3: %w", ErrNotRunning)
	}
	s.process.kill()
	s.process = nil
	return nil
}

// Endpoint returns the URL of the server.
func (s *S3) Endpoint() string { return "http://" + address(s.port) }

// MakeBucket makes a bucket.
func (s *S3) MakeBucket(name string) error {
	if err := os.Mkdir(filepath.Join(s.data(), name), 0o755); err != nil {
		return fmt.Errorf("making bucket %s: %w", name, err)
	}
	return nil
}

// Environment returns the variables, as name=value, by which programs find the server.
func (s *S3) Environment() []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=" + s.Endpoint(), "AWS_REGION=" + S3Region,
		"AWS_ACCESS_KEY_ID=" + S3AccessKey, "AWS_SECRET_ACCESS_KEY=" + S3SecretKey,
		// What the machine says of other accounts is not for tests.
		"AWS_CONFIG_FILE=" + filepath.Join(s.dir, "none"),
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(s.dir, "none"),
	}
}

// Setenv calls set with every variable of Environment.
func (s *S3) Setenv(set func(name, value string)) {
	for _, v := range s.Environment() {
		name, value, _ := strings.Cut(v, "=")
		set(name, value)
	}
}

// Dir returns the folder with the data and the log of the server.
func (s *S3) Dir() string { return s.dir }

// Close ends the server and removes its data.
func (s *S3) Close() error {
	var errs []error
	if s.process != nil {
		errs = append(errs, s.Kill())
	}
	errs = append(errs, s.ports.free())
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
