package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	// warmUp is how long a job reads before its steady state is looked at.
	warmUp = time.Second
	// startPoll is how often a job that starts is asked whether it reads.
	startPoll = 50 * time.Millisecond
	// insideFor is how long it is looked at. The rest of the input lasts longer: on two processors
	// all of it takes five seconds and more.
	insideFor = 2 * time.Second
)

// inside is what only the running job (c) itself can tell.
type inside struct {
	allocations float64 // heap allocations a record in the steady state
	profile     []string
}

// lookInside runs (c) twice: once to count allocations and once to take a CPU profile, which costs
// allocations of its own.
func (b *bench) lookInside(ctx context.Context) (inside, error) {
	var out inside
	err := b.watch(ctx, func(address string) error {
		before, err := scrape(ctx, address)
		if err != nil {
			return err
		}
		if err := pause(ctx, insideFor); err != nil {
			return err
		}
		after, err := scrape(ctx, address)
		if err != nil {
			return err
		}
		records := after.records - before.records
		if records <= 0 {
			return errors.New("the job read nothing while it was watched; it needs more records")
		}
		out.allocations = (after.mallocs - before.mallocs) / records
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("counting allocations: %w", err)
	}
	err = b.watch(ctx, func(address string) error { return b.takeProfile(ctx, address) })
	if err != nil {
		return out, fmt.Errorf("taking a profile: %w", err)
	}
	out.profile, err = topOf(ctx, b.profile)
	return out, err
}

// watch runs (c) over the input and calls look once it is warm.
func (b *bench) watch(ctx context.Context, look func(address string) error) error {
	if err := b.cluster.renew(ctx, outTopic, partitions); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	cmd, err := b.find(letterC).start(ctx, b.dir, setting{brokers: b.brokers, every: time.Second,
		id: b.id(), admin: address})
	if err != nil {
		return err
	}
	defer cmd.kill()
	if err := awaitRecords(ctx, address); err != nil {
		return err
	}
	if err := pause(ctx, warmUp); err != nil {
		return err
	}
	return look(address)
}

// awaitRecords waits until the job reads.
func awaitRecords(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		s, err := scrape(ctx, address)
		if err == nil && s.records > 0 {
			return nil
		}
		if waitErr := pause(ctx, startPoll); waitErr != nil {
			return errors.Join(fmt.Errorf("waiting for the job to read: %w", waitErr), err)
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// sample is what a scrape of the job's metrics says.
type sample struct{ records, mallocs float64 }

func scrape(ctx context.Context, address string) (sample, error) {
	var s sample
	body, err := get(ctx, "http://"+address+"/metrics")
	if err != nil {
		return s, err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		var to *float64
		switch name {
		case "go_memstats_mallocs_total":
			to = &s.mallocs
		case `wasmflow_stage_records_out_total{stage="in"}`:
			to = &s.records
		default:
			continue
		}
		if _, err := fmt.Sscan(value, to); err != nil {
			return s, fmt.Errorf("reading metric %s: %w", name, err)
		}
	}
	return s, lines.Err()
}

func (b *bench) takeProfile(ctx context.Context, address string) (err error) {
	body, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", address,
		int(insideFor.Seconds())))
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.Create(b.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.Copy(f, body)
	return err
}

func get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("asking %s: %s", url, resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}
