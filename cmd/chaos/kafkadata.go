package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
)

// What becomes of a record: every tenth goes to the side output, every hundredth is no JSON.
const (
	sideEvery, sideAt     = 10, 3
	poisonAt, keysInInput = 17, 64
)

// kind tells which topic a record ends in.
func kind(n int) string {
	switch {
	case n%poisonEvery == poisonAt:
		return topicDead
	case n%sideEvery == sideAt:
		return topicSide
	}
	return topicOut
}

// value returns record n of a partition: {"id":"1-00000042","level":"info"}
func value(partition int32, n int) string {
	level := "info"
	switch kind(n) {
	case topicDead:
		return fmt.Sprintf(`{"id":"%d-%08d" broken`, partition, n)
	case topicSide:
		level = "audit"
	}
	return fmt.Sprintf(`{"id":"%d-%08d","level":"%s"}`, partition, n, level)
}

// identify returns the place of a record in the input.
func identify(value []byte) (partition string, n int, ok bool) {
	const from, dash, to = len(`{"id":"`), len(`{"id":"0`), len(`{"id":"0-00000000`)
	if len(value) < to || value[dash] != '-' {
		return "", 0, false
	}
	n, err := strconv.Atoi(string(value[dash+1 : to]))
	return string(value[from:dash]), n, err == nil && n >= 0
}

// fill creates the topics and writes the input.
func (e *kafkaEnds) fill(ctx context.Context) error {
	for topic, n := range map[string]int32{
		topicIn: partitions, topicOut: partitions, topicSide: 1, topicDead: 1,
	} {
		if _, err := e.cluster.Admin().CreateTopic(ctx, n, -1, nil, topic); err != nil {
			return fmt.Errorf("creating topic %s: %w", topic, err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(e.cluster.Direct()...), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(topicIn))
	if err != nil {
		return fmt.Errorf("opening a client for the input: %w", err)
	}
	defer client.Close()
	failed := make(chan error, 1)
	for n := range e.records {
		for p := range int32(partitions) {
			r := &kgo.Record{
				Partition: p, Value: []byte(value(p, n)), Key: []byte("key" + strconv.Itoa(n%keysInInput)),
			}
			client.Produce(ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("writing the input: %w", err)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("writing the input: %w", err)
	default:
		return nil
	}
}

// files checks the folder: every record of the main output once, in the order of its partition
// within a file.
func (e *kafkaEnds) files() (string, error) {
	var records sequence.Checker
	index := make([]int, e.records) // of main records among themselves
	main := 0
	for n := range e.records {
		index[n] = main
		if kind(n) == topicOut {
			main++
		}
	}
	for p := range partitions {
		records.Expect(strconv.Itoa(p), main)
	}
	root := filepath.Join(e.dir, "files")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".wasmflow":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		return eachLine(path, func(line string) {
			p, n, ok := identify([]byte(line))
			if !ok || n >= e.records || kind(n) != topicOut {
				records.Strange(path, line)
				return
			}
			records.See(path, p, index[n])
		})
	})
	if err != nil {
		return "", err
	}
	return records.Verdict()
}
