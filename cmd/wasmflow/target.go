package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/host/admin"
	"github.com/wasmflow/wasmflow/host/config"
)

// storeDefault is where a job file keeps its store unless it says otherwise.
const storeDefault = ".wasmflow/store"

// answerMax is how long a job may take to answer. Its admin server does nothing but answer, so one
// that takes longer is stopped or stuck.
const answerMax = 3 * time.Second

// errNotRunning says that nobody runs the job as far as its store tells.
var errNotRunning = errors.New("the job does not run")

// reach says how to find a job and its admin server.
type reach struct {
	root                              string
	address, tokenFile, ca, cert, key string
}

// Environment variables that stand in for the flags of reach.
const (
	envAddress   = "WASMFLOW_ADMIN_ADDRESS"
	envToken     = "WASMFLOW_ADMIN_TOKEN"
	envTokenFile = "WASMFLOW_ADMIN_TOKEN_FILE"
	envCA        = "WASMFLOW_ADMIN_CA"
	envCert      = "WASMFLOW_ADMIN_CERT"
	envKey       = "WASMFLOW_ADMIN_KEY"
)

// reachFlags declares the flags of commands that ask a running job. A token is no flag: whoever
// lists the processes of the machine would read it.
func reachFlags(flags *flag.FlagSet) *reach {
	r := &reach{}
	flags.StringVar(&r.root, "store", storeDefault, "checkpoint `STORE` for a job given by name")
	flags.StringVar(&r.address, "address", "", "`HOST:PORT` of the job's admin server, or a URL; "+
		"also $"+envAddress)
	flags.StringVar(&r.tokenFile, "token-file", "", "`FILE` of the server's token; also $"+
		envTokenFile+", or it in $"+envToken)
	flags.StringVar(&r.ca, "ca", "", "PEM `FILE` of the authorities that sign for the server; also $"+
		envCA)
	flags.StringVar(&r.cert, "cert", "", "PEM `FILE` of the client certificate to show; also $"+
		envCert)
	flags.StringVar(&r.key, "key", "", "PEM `FILE` of the key of --cert; also $"+envKey)
	return r
}

// fromEnvironment fills in what no flag says.
func (r reach) fromEnvironment(lookup func(string) (string, bool)) reach {
	for _, x := range []struct {
		to   *string
		name string
	}{
		{&r.address, envAddress}, {&r.tokenFile, envTokenFile}, {&r.ca, envCA}, {&r.cert, envCert},
		{&r.key, envKey},
	} {
		if *x.to == "" {
			*x.to, _ = lookup(x.name)
		}
	}
	return r
}

// secret returns the token that flags or environment name; zero is none.
func (r reach) secret(lookup func(string) (string, bool)) (connectors.Secret, error) {
	if r.tokenFile == "" {
		token, _ := lookup(envToken)
		return connectors.NewSecret(token), nil
	}
	data, err := config.ReadFile(r.tokenFile, adminBytesMax)
	if err != nil {
		return connectors.Secret{}, &usageError{text: "--token-file: " + err.Error()}
	}
	return connectors.NewSecret(string(bytes.TrimSpace(data))), nil
}

// tls returns what the flags say about certificates; nil is nothing.
func (r reach) tls() (*tls.Config, error) {
	if r.ca == "" && r.cert == "" && r.key == "" && !strings.HasPrefix(r.address, "https://") {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.ca != "" {
		pem, err := config.ReadFile(r.ca, pemBytesMax)
		if err != nil {
			return nil, &usageError{text: "--ca: " + err.Error()}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &usageError{text: "--ca: " + r.ca + " holds no certificate in PEM"}
		}
	}
	if r.cert != "" || r.key != "" {
		pair, err := tls.LoadX509KeyPair(r.cert, r.key)
		if err != nil {
			return nil, &usageError{text: "--cert, --key: " + err.Error()}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// target is a job that may run elsewhere.
type target struct {
	job   string
	store *store
	token connectors.Secret // zero when unknown
	file  *config.Job       // the job file; nil when unknown
	tls   *tls.Config       // of the command line; nil is nothing
	// remote is the client of a server that the command line names; nil asks the store for it.
	remote *admin.Client
}

// find finds the job that a person names: by its file, or by its name and its store.
func (r reach) find(ctx context.Context, p *process, name string) (target, error) {
	t, err := findJob(ctx, p, name, r.root)
	if err != nil {
		return target{}, err
	}
	r = r.fromEnvironment(p.lookupEnv)
	if t.tls, err = r.tls(); err != nil {
		return target{}, err
	}
	token, err := r.secret(p.lookupEnv)
	if err != nil {
		return target{}, err
	}
	if !token.IsZero() {
		t.token = token
	}
	if r.address != "" {
		address := strings.TrimPrefix(strings.TrimPrefix(r.address, "https://"), "http://")
		t.remote = admin.NewClient(strings.TrimSuffix(address, "/"), t.token, t.tls)
	}
	return t, nil
}

func findJob(ctx context.Context, p *process, name, root string) (target, error) {
	if strings.HasSuffix(name, ".toml") {
		job, err := loadJob(p, name, false)
		if err != nil {
			return target{}, err
		}
		s, err := openStore(ctx, p, job)
		return target{job: job.Name, store: s, token: job.Admin.Token, file: job}, err
	}
	if !strings.Contains(root, ":") {
		abs, err := filepath.Abs(root)
		if err != nil {
			return target{}, fmt.Errorf("finding the store: %w", err)
		}
		root = abs
	}
	fs, path, err := fileSystems(p, true)(ctx, root)
	if err != nil {
		return target{}, &usageError{text: "--store: " + err.Error()}
	}
	s, err := newStore(fs, path, name)
	if err != nil {
		return target{}, &usageError{text: err.Error()}
	}
	return target{job: name, store: s}, nil
}

// silent says why a job cannot be asked: its process holds the lock and does not answer, or there
// is none, which is errNotRunning.
func (t target) silent() error {
	card, held, err := t.store.holder()
	switch {
	case err != nil:
		return fmt.Errorf("looking whether %s runs: %w", t.job, err)
	case !held:
		return t.notRunning()
	case card.PID == 0:
		return fmt.Errorf("%s runs but does not answer (or has no admin server); signal its process, "+
			"or use run --takeover", t.job)
	}
	return fmt.Errorf("%s runs as pid %d on %s but does not answer (or has no admin server); signal "+
		"it, or use run --takeover", t.job, card.PID, card.Host)
}

// notRunning is errNotRunning with what to do about it.
func (t target) notRunning() error {
	return fmt.Errorf("%w as far as the store %s tells; start it with `wasmflow run`, or name the "+
		"job file or the --store that it runs with", errNotRunning, t.store.root)
}

// client returns the client for the admin server of the job, or errNotRunning.
func (t target) client(ctx context.Context) (*admin.Client, admin.RunFile, error) {
	if t.remote != nil {
		return t.remote, admin.RunFile{}, nil
	}
	data, err := t.store.fs.ReadFile(ctx, t.store.adminPath(), adminBytesMax)
	if errors.Is(err, filesystem.ErrNotFound) {
		return nil, admin.RunFile{}, errNotRunning
	}
	if err != nil {
		return nil, admin.RunFile{}, fmt.Errorf("looking for the admin server of %s: %w", t.job, err)
	}
	file, err := admin.ParseRunFile(data)
	if err != nil {
		return nil, admin.RunFile{}, fmt.Errorf("reading %s: %w", t.store.adminPath(), err)
	}
	token := t.token
	if token.IsZero() {
		token = file.Token
	}
	secure := t.tls
	if secure == nil && file.Certificate != "" {
		secure = admin.PinnedTLS(file.Certificate)
	}
	return admin.NewClient(file.Address, token, secure), file, nil
}

// caller returns the client of a running job.
func (t target) caller(ctx context.Context) (*admin.Client, error) {
	if _, err := t.live(ctx); err != nil { // another program may have the port by now
		return nil, err
	}
	client, _, err := t.client(ctx)
	return client, err
}

// live asks the running job. A job that ended without tidying up is errNotRunning.
func (t target) live(ctx context.Context) (*admin.Status, error) {
	client, file, err := t.client(ctx)
	if errors.Is(err, errNotRunning) {
		return nil, t.silent()
	}
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, answerMax)
	defer cancel()
	s, err := client.Status(asking)
	silent := errors.Is(err, admin.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded)
	if t.remote != nil {
		return t.remoteLive(s, silent, err)
	}
	hostname, _ := os.Hostname() // only compared
	if silent || err == nil && s.Job != t.job {
		if held := t.silent(); !errors.Is(held, errNotRunning) {
			return nil, held
		}
	}
	switch {
	case silent && file.Host == hostname:
		return nil, t.notRunning()
	case silent:
		return nil, fmt.Errorf("asking job %s on %s: %w; run this command there", t.job, file.Host, err)
	case err != nil:
		return nil, fmt.Errorf("asking job %s: %w", t.job, err)
	case s.Job != t.job:
		return nil, t.notRunning() // another program has the port by now
	}
	return &s, nil
}

// remoteLive judges what a server said that the command line names.
func (t target) remoteLive(s admin.Status, silent bool, err error) (*admin.Status, error) {
	switch {
	case silent:
		return nil, fmt.Errorf("%w at the address that was given: %w", errNotRunning, err)
	case err != nil:
		return nil, fmt.Errorf("asking job %s: %w", t.job, err)
	case s.Job != t.job:
		return nil, fmt.Errorf("the address that was given is that of job %q, not of %q", s.Job, t.job)
	}
	return &s, nil
}
