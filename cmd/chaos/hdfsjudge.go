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

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
)

// readersOfLake is how many files are read at the same time: most of it is waiting.
const readersOfLake = 4

// Check implements chaos.Ends: every line is there once, in the folder of its bucket and in the
// order of the input within each file, and nothing is left that is not visible.
func (e *hdfsEnds) Check() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkMax)
	defer cancel()
	e.look.Lock()
	defer e.look.Unlock()
	files, err := e.visible(ctx)
	if err != nil {
		return "", err
	}
	left, err := e.leftOver(ctx)
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return "", fmt.Errorf("%d pending parts are left that no manifest will publish, such as %s",
			len(left), left[0])
	}
	var records lakeJudge
	records.lines = e.lines
	for i := range inputFiles {
		records.Expect(strconv.Itoa(i), (i+1)*e.lines/inputFiles-i*e.lines/inputFiles)
	}
	if err := e.readAll(ctx, slices.Sorted(maps.Keys(files)), records.see); err != nil {
		return "", err
	}
	summary, err := records.Verdict()
	return fmt.Sprintf("%s, in %d files; no file ever changed; nothing is pending", summary,
		len(files)), err
}

// readAll gives the content of every file to see, from several goroutines.
func (e *hdfsEnds) readAll(ctx context.Context, files []string, see func(file, text string)) error {
	next := make(chan string)
	errs := make([]error, readersOfLake)
	var wg sync.WaitGroup
	for i := range readersOfLake {
		wg.Go(func() { // ends with next
			for file := range next {
				text, err := e.read(ctx, file)
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

func (e *hdfsEnds) read(ctx context.Context, file string) (string, error) {
	r, err := e.fs.Open(ctx, file, 0)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), errors.Join(err, r.Close())
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
