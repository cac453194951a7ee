package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// lakeEvery is the least time between two looks at all files, of which there are thousands.
	lakeEvery = 300 * time.Millisecond
	// lakeMax bounds one look, a restart of the NameNode included.
	lakeMax = 3 * time.Minute
	// readersOfLake is how many files are read at the same time: most of it is waiting.
	readersOfLake = 4
)

// lake is the place where a job writes, as a reader sees it.
type lake struct {
	fs    filesystem.FileSystem
	root  string
	count atomic.Int64 // files that are visible

	look struct {
		sync.Mutex
		at   time.Time
		seen map[string]filesystem.Info // every file that was ever visible
	}
}

// Visible implements chaos.Progress.
func (l *lake) Visible() int64 { return l.count.Load() }

// Watch implements chaos.Ends: a file that was visible stays as it was.
func (l *lake) Watch() error {
	l.look.Lock()
	defer l.look.Unlock()
	if time.Since(l.look.at) < lakeEvery {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lakeMax)
	defer cancel()
	_, err := l.visible(ctx)
	l.look.at = time.Now()
	return err
}

// check returns the verdict on a job that is done, when leftOver names nothing. what says what it
// would name.
func (l *lake) check(
	lines int, what string, leftOver func(ctx context.Context) ([]string, error),
) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkMax)
	defer cancel()
	l.look.Lock()
	defer l.look.Unlock()
	left, err := leftOver(ctx)
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return "", fmt.Errorf("%d %s, such as %s", len(left), what, left[0])
	}
	return l.verdict(ctx, lines)
}

// close ends the client, if there is one yet, and the servers.
func (l *lake) close(servers io.Closer) error {
	var errs []error
	if l.fs != nil {
		errs = append(errs, l.fs.Close())
	}
	return errors.Join(append(errs, servers.Close())...)
}

// visible returns the files that readers see, after it has compared them with those that they saw
// before. The caller holds the lock.
func (l *lake) visible(ctx context.Context) (map[string]filesystem.Info, error) {
	now := map[string]filesystem.Info{}
	for info, err := range l.fs.List(ctx, l.root, true) {
		if errors.Is(err, filesystem.ErrNotFound) {
			break // nothing was written so far
		}
		if err != nil {
			return nil, fmt.Errorf("looking at what is visible: %w", err)
		}
		if !info.Dir && !strings.Contains(info.Path, "/"+filesystem.StagingFolder+"/") {
			now[info.Path] = info
		}
	}
	if err := unchanged(l.look.seen, now); err != nil {
		return nil, err
	}
	l.look.seen = now
	l.count.Store(int64(len(now)))
	return now, nil
}

// unchanged holds that every file that was visible is there, and is the same one.
func unchanged(seen, now map[string]filesystem.Info) error {
	for file, was := range seen {
		if is, ok := now[file]; !ok {
			return fmt.Errorf("visible file %s vanished", file)
		} else if is.Size != was.Size || is.Identity != was.Identity || !is.ModTime.Equal(was.ModTime) {
			return fmt.Errorf("visible file %s changed from %+v to %+v", file, was, is)
		}
	}
	return nil
}

// readAll gives the content of every file to see, from several goroutines.
func (l *lake) readAll(ctx context.Context, files []string, see func(file, text string)) error {
	next := make(chan string)
	errs := make([]error, readersOfLake)
	var wg sync.WaitGroup
	for i := range readersOfLake {
		wg.Go(func() { // ends with next
			for file := range next {
				text, err := l.read(ctx, file)
				if err != nil {
					errs[i] = errors.Join(errs[i], err)
					continue
				}
				see(file, text)
			}
		})
	}
	for _, file := range files {
		next <- file
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

func (l *lake) read(ctx context.Context, file string) (string, error) {
	r, err := l.fs.Open(ctx, file, 0)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), errors.Join(err, r.Close())
}

// verdict returns a line for people when every line of the input is there once, in the folder of its
// bucket and in the order of the input within each file. The caller holds the lock.
func (l *lake) verdict(ctx context.Context, lines int) (string, error) {
	files, err := l.visible(ctx)
	if err != nil {
		return "", err
	}
	records := lakeJudge{lines: lines}
	for i := range inputFiles {
		records.Expect(strconv.Itoa(i), (i+1)*lines/inputFiles-i*lines/inputFiles)
	}
	if err := l.readAll(ctx, slices.Sorted(maps.Keys(files)), records.see); err != nil {
		return "", err
	}
	summary, err := records.Verdict()
	return fmt.Sprintf("%s, in %d files; no file ever changed; nothing is pending", summary,
		len(files)), err
}

// lakeJudge takes files from several goroutines.
type lakeJudge struct {
	lines int
	mu    sync.Mutex
	sequence.Checker
}

func (j *lakeJudge) see(file, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	bucket := path.Base(path.Dir(file))
	for line := range strings.Lines(text) {
		n, capitals, ok := parseLine(strings.TrimSuffix(line, "\n"))
		if !ok || capitals || n >= j.lines || bucket != "b"+strconv.Itoa(n%buckets) ||
			!strings.HasSuffix(line, "}\n") {
			j.Strange(file, line)
			continue
		}
		i := inputFileOf(n, j.lines)
		j.See(file, strconv.Itoa(i), n-i*j.lines/inputFiles)
	}
}
