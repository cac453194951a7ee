package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/position"
)

// The generator deals its sequence out in blocks to so many splits; the version of its positions
// fixes both.
const generatorSplits, generatorBlock = 64, 16

// storeEvery is the pause between two looks at the store. Epochs that the job forgets are kept for
// many times that.
const storeEvery = 100 * time.Millisecond

// filesTrial is a job from a generator into folders. rate is in records a second.
func filesTrial(dir string, rate int) (job string, l *ledger) {
	text := fmt.Sprintf(`
[sources.numbers]
connector = "generator"
template = "{seq}"
rate = %d
[transforms.marked]
from = ["numbers"]
plugin = "marks"
function = "mark"
on_error = "dead-letter"
[sinks.good]
connector = "bucketing"
from = ["marked"]
path = "output/good"
bucketer = "base-path"
[dead_letter]
connector = "bucketing"
path = "output/dead"
bucketer = "base-path"
`, rate)
	return text, newLedger(placeOfGenerator)
}

// placeOfGenerator reads a position of the generator.
func placeOfGenerator(s checkpoint.Split) (string, int, error) {
	numbers, err := position.Format{
		Version: 1, Count: 1, Invalid: errors.New("no position of a generator"),
	}.Decode(s.Position)
	if err != nil {
		return "", 0, err
	}
	split, n := generated(int(numbers[0]))
	if split != s.ID {
		return "", 0, fmt.Errorf("record %d is one of split %s", numbers[0], split)
	}
	return split, n, nil
}

// generated returns the split of a number of the generator, and its place there.
func generated(seq int) (split string, n int) {
	block := seq / generatorBlock
	return strconv.Itoa(block % generatorSplits),
		block/generatorSplits*generatorBlock + seq%generatorBlock
}

// followStore notes the epochs in the store of a job.
func followStore(dir, job string, l *ledger) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) {
		view, err := storelog.NewView(local.New(local.Options{}), filepath.Join(dir, "store"), job)
		if err != nil {
			return nil, fmt.Errorf("looking at the store: %w", err)
		}
		look := func() error {
			// The listing is in order, and what it names may be gone by now if it is known.
			numbers, err := view.Numbers(ctx)
			for _, n := range numbers {
				if n <= l.last() || err != nil {
					continue
				}
				var m checkpoint.Manifest
				if m, err = view.Record(ctx, n); err == nil {
					err = l.add(m)
				}
			}
			return err
		}
		return watching(ctx, storeEvery, look), nil
	}
}

// watching looks again and again until the returned function is called, which looks a last time.
func watching(ctx context.Context, every time.Duration, look func() error) func() error {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { // ends by cancel or an error
		var err error
		for err == nil && ctx.Err() == nil {
			if err = look(); err == nil {
				_ = wait(ctx, every) // it ends with ctx
			}
		}
		done <- err
	}()
	return func() error {
		cancel()
		if err := <-done; err != nil {
			return err
		}
		return look()
	}
}

// readFolders shows the judge the files of the output.
func readFolders(dir string) func(context.Context, *swapJudge) error {
	return func(_ context.Context, j *swapJudge) error {
		return filepath.WalkDir(filepath.Join(dir, "output"), func(
			path string, d fs.DirEntry, err error,
		) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == ".wasmflow":
				return filepath.SkipDir
			case d.IsDir():
				return nil
			}
			dead := filepath.Base(filepath.Dir(path)) == "dead"
			return eachLine(path, func(line string) {
				if !readLine(j, path, line, dead) {
					j.records.Strange(path, line)
				}
			})
		})
	}
}

// readLine shows the judge a line. It reports false for one that the job cannot have written.
func readLine(j *swapJudge, path, line string, dead bool) bool {
	value, mark, marked := strings.Cut(line, " ")
	var l letter
	if dead {
		if json.Unmarshal([]byte(line), &l) != nil {
			return false
		}
		value = l.Value
	}
	seq, err := strconv.Atoi(value)
	if err != nil || seq < 0 || dead != refused(value) {
		return false
	}
	split, n := generated(seq)
	if dead {
		j.letter(path, split, n, l.header("wasmflow-module"))
		return true
	}
	j.marked(path, split, n, mark)
	return marked
}

// refused tells the records that every version refuses.
func refused(value string) bool { return strings.HasSuffix(value, "17") }
