package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
)

// topicPartitions is more than tasks have in some runs and fewer in others.
const topicPartitions = 4

// topicLine is a line of this trial. Lines of one stream stay in order.
type topicLine struct {
	Stream string `json:"stream"`
	Seq    int    `json:"seq"`
}

// newTopics returns the ends of a job that reads a topic and writes another one and a folder, in
// the transaction that decides the epoch. The broker is a process of its own and is not killed.
func newTopics(dir, binary, guests string, s scale) (*fileEnds, error) {
	e := &fileEnds{dir: dir, binary: binary, lines: s.lines, rate: s.rate}
	address, err := e.startBroker()
	if err != nil {
		return nil, err
	}
	plugin := filepath.Join(guests, "partition-by-field.wasm")
	e.line = func(n int) string {
		i := inputFileOf(n, e.lines)
		return fmt.Sprintf(`{"stream":"%d","seq":%d}`, i, n-i*e.lines/inputFiles)
	}
	e.job = func(parallelism int, limit string) string {
		return topicsJob("topics", plugin, parallelism) + fmt.Sprintf(`
[sources.lines]
connector = "kafka"
brokers = [%[1]q]
topics = ["lines"]
start = "earliest"
stop = "latest"
%[2]s
[sinks.out]
connector = "kafka"
from = ["lines"]
brokers = [%[1]q]
topic = "out"
partitioner = { plugin = "place", function = "partition_by_field" }
[sinks.lake]
connector = "bucketing"
from = ["lines"]
path = "output"
bucketer = "base-path"
`, address, limit)
	}
	e.judge = func(files []string, e *fileEnds) (string, error) {
		return judgeTopics(files, e, address)
	}
	if err := e.fill(plugin, address); err != nil {
		return nil, errors.Join(err, e.close())
	}
	if err := e.prepare(); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// topicsJob is the beginning of a job file with the plugin that keeps streams together.
func topicsJob(name, plugin string, parallelism int) string {
	return fmt.Sprintf(`
name = %q
[job]
parallelism = %d
batch = { records = 256 }
[checkpoint]
interval = "50ms"
store = "store"
[restart]
strategy = "none"
[plugins.place]
path = %q
config = { field = "stream" }
`, name, parallelism, plugin)
}

// startBroker starts the broker and returns its address. close ends it.
func (e *fileEnds) startBroker() (string, error) {
	cmd := exec.Command(e.binary, "dev-broker", "--address", "127.0.0.1:0", "--topics", "lines,out",
		"--partitions", strconv.Itoa(topicPartitions), filepath.Join(e.dir, "broker"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", fmt.Errorf("starting a broker: %w", err)
	}
	e.end = func() error {
		err := cmd.Process.Signal(os.Interrupt)
		return errors.Join(err, cmd.Wait())
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, rest, ok := strings.Cut(line, `["`)
	address, _, also := strings.Cut(rest, `"]`)
	if err != nil || !ok || !also {
		return "", errors.Join(fmt.Errorf("starting a broker: it said %q: %w", line, err), e.close())
	}
	return address, nil
}

// fill writes the input and copies it into the topic, every stream in its order.
func (e *fileEnds) fill(plugin, address string) error {
	if err := e.writeInput(); err != nil {
		return err
	}
	return e.runJob("fill.toml", topicsJob("fill", plugin, 1)+fmt.Sprintf(`
[sources.lines]
connector = "file"
path = "input"
[sinks.topic]
connector = "kafka"
from = ["lines"]
brokers = [%q]
topic = "lines"
partitioner = { plugin = "place", function = "partition_by_field" }
`, address))
}

// runJob runs a job of the trial's own to its end, from the beginning of its input.
func (e *fileEnds) runJob(name, text string) error {
	file := filepath.Join(e.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	if out, err := exec.Command(e.binary, "run", "--fresh", file).CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w: %s", name, err, out)
	}
	return nil
}

// judgeTopics checks that every line is once in the topic, as a reader of committed records sees
// it, and once in the folder, each stream in its order.
func judgeTopics(files []string, e *fileEnds, address string) (string, error) {
	const name = "seen"
	if err := os.RemoveAll(filepath.Join(e.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	err := e.runJob("read.toml", fmt.Sprintf(`
name = "read"
job = { parallelism = 1 }
checkpoint = { store = "store-of-reader" }
[sources.out]
connector = "kafka"
brokers = [%q]
topics = ["out"]
start = "earliest"
stop = "latest"
[sinks.seen]
connector = "file"
from = ["out"]
path = %q
`, address, name))
	if err != nil {
		return "", err
	}
	inTopic, err := judgeStreams([]string{filepath.Join(e.dir, name)}, e)
	if err != nil {
		return "", fmt.Errorf("topic out: %w", err)
	}
	inFolder, err := judgeStreams(files, e)
	if err != nil {
		return "", fmt.Errorf("folder output: %w", err)
	}
	return "topic: " + inTopic + "; folder: " + inFolder, nil
}

func judgeStreams(files []string, e *fileEnds) (string, error) {
	var records sequence.Checker
	for i := range inputFiles {
		records.Expect(strconv.Itoa(i), (i+1)*e.lines/inputFiles-i*e.lines/inputFiles)
	}
	for _, path := range files {
		err := eachLine(path, func(line string) {
			var l topicLine
			if json.Unmarshal([]byte(line), &l) != nil {
				records.Strange(path, line)
				return
			}
			records.See(path, l.Stream, l.Seq)
		})
		if err != nil {
			return "", err
		}
	}
	return records.Verdict()
}
