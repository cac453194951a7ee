package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// poisonEvery makes one line in a hundred bad: in turns one that a guest refuses and one that a
// guest traps on.
const poisonEvery = 100

// hostileModule is a plugin whose function trap traps on records that begin with "trap". It is
// committed, so it needs no toolchain; the command is run from the top of the repository.
const hostileModule = "guests/hostile/modules/records.wasm"

// newPoison returns the ends of a job with bad lines, which have to end in the dead letters, each
// once and with its place in the input, while every other line arrives.
func newPoison(dir, binary, guests string, s scale) (*fileEnds, error) {
	trap, err := filepath.Abs(hostileModule)
	if err != nil {
		return nil, err
	}
	e := &fileEnds{dir: dir, binary: binary, lines: s.lines, rate: s.rate}
	e.line = func(n int) string {
		switch poisonOf(n) {
		case "refused":
			return fmt.Sprintf(`%08d {"route": broken`, n)
		case "trap":
			return fmt.Sprintf(`trap %08d`, n)
		}
		return fmt.Sprintf(`{"seq":"%08d","route":"x"}`, n)
	}
	e.job = func(parallelism int, limit string) string {
		return fmt.Sprintf(`
name = "poison"
[job]
parallelism = %d
[checkpoint]
interval = "50ms"
store = "store"
[restart]
strategy = "none"
[plugins.trap]
path = %q
crash_budget = { traps = 0 }
[plugins.route]
path = %q
config = { field = "route", default = "main" }
[sources.lines]
connector = "file"
path = "input"
%s
[transforms.trapping]
from = ["lines"]
plugin = "trap"
function = "trap"
on_error = "dead-letter"
[transforms.refusing]
from = ["trapping"]
plugin = "route"
function = "json_route"
on_error = "dead-letter"
[sinks.good]
connector = "bucketing"
from = ["refusing"]
path = "output/good"
bucketer = "base-path"
[dead_letter]
connector = "bucketing"
path = "output/dead"
bucketer = "base-path"
`, parallelism, trap, filepath.Join(guests, "json-route.wasm"),
			limit)
	}
	e.judge = judgePoison
	return e, e.prepare()
}

// poisonOf tells what is wrong with line n.
func poisonOf(n int) string {
	switch n % (2 * poisonEvery) {
	case 17:
		return "refused"
	case 17 + poisonEvery:
		return "trap"
	}
	return ""
}

// letter is a dead letter as the envelope serializer writes it.
type letter struct {
	Value   string
	Headers []struct{ Key, Value string }
}

func (l *letter) header(key string) string {
	for _, h := range l.Headers {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// judgePoison checks that each line is in one place: a good one in the output, a bad one in the
// dead letters with the file and the offset where it stands.
func judgePoison(files []string, e *fileEnds) (string, error) {
	places := e.places()
	good, bad := make([]uint8, e.lines), make([]uint8, e.lines)
	var wrong []string
	for _, path := range files {
		dead := filepath.Base(filepath.Dir(path)) == "dead"
		err := eachLine(path, func(line string) {
			if !dead {
				if n, err := strconv.Atoi(strings.Trim(line[8:min(16, len(line))], `"`)); err == nil {
					good[n]++
					return
				}
			} else if n, ok := checkLetter(line, places); ok {
				bad[n]++
				return
			}
			wrong = append(wrong, path+": "+line)
		})
		if err != nil {
			return "", err
		}
	}
	letters := 0
	for n := range e.lines {
		isBad := poisonOf(n) != ""
		if isBad {
			letters++
		}
		if isBad && (bad[n] != 1 || good[n] != 0) || !isBad && (bad[n] != 0 || good[n] != 1) {
			wrong = append(wrong, fmt.Sprintf("line %d: %d times good, %d times dead", n, good[n], bad[n]))
		}
	}
	if len(wrong) > 0 {
		return "", fmt.Errorf("%d lines are wrong; for example %s", len(wrong), wrong[0])
	}
	return fmt.Sprintf("%d lines of which %d poison: every one in its place", e.lines, letters), nil
}

// checkLetter returns the number of the line that a dead letter is about, if the letter says
// rightly where that line stands.
func checkLetter(line string, places []int64) (int, bool) {
	var l letter
	if err := json.Unmarshal([]byte(line), &l); err != nil {
		return 0, false
	}
	digits := strings.TrimPrefix(l.Value, "trap ")
	n, err := strconv.Atoi(digits[:min(8, len(digits))])
	if err != nil || n >= len(places) || poisonOf(n) == "" {
		return 0, false
	}
	file := fmt.Sprintf("lines-%d.txt", inputFileOf(n, len(places)))
	return n, l.header("wasmflow-source") == "lines" &&
		strings.Contains(l.header("wasmflow-split"), file) &&
		l.header("wasmflow-position") == strconv.FormatInt(places[n], 10) &&
		l.header("wasmflow-error") != "" && l.header("wasmflow-module") != ""
}

// places returns the offset of every line in its file.
func (e *fileEnds) places() []int64 {
	out := make([]int64, e.lines)
	for i := range inputFiles {
		at := int64(0)
		for n := i * e.lines / inputFiles; n < (i+1)*e.lines/inputFiles; n++ {
			out[n] = at
			at += int64(len(e.line(n)) + 1)
		}
	}
	return out
}
