package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestFlawS3_TombstonesPassEveryConnector sends records without a value, and without a key, from
// the job file to a topic, and from there to sinks of every kind. Flink's SimpleStringSchema
// crashes on the first of them. Here what can carry a null does, what has a word for it says that,
// and for what has neither it is the record's fault: its dead letter is the tombstone, with its
// key.
func TestFlawS3_TombstonesPassEveryConnector(t *testing.T) {
	f := newFormatted(t)
	dir := folder(t, map[string]string{
		"into.toml": strings.ReplaceAll(intoTopic, "BROKER", f.broker),
		"out.toml":  strings.ReplaceAll(outOfTopic, "BROKER", f.broker),
	})
	into := do(t, "run", filepath.Join(dir, "into.toml"))
	require.Zero(t, into.code, into.stderr)
	want := []string{"key k, value null", "key null, value v", `key "", value ""`, "key l, value w"}
	require.Equal(t, want, shown(f.read(t, "nulls", 4)), "a topic carries them")

	out := do(t, "run", filepath.Join(dir, "out.toml"))
	require.Zero(t, out.code, out.stderr)
	require.Equal(t, want, shown(f.read(t, "copy", 4)), "and so does a sink of topics")
	require.Equal(t, "null\nv\n\nw\n", out.stdout, "print has a word for it")
	require.ElementsMatch(t, []string{
		`{"value":null,"key":"k"}`, `{"value":"v"}`, `{"value":"","key":""}`, `{"value":"w","key":"l"}`,
	}, withoutTimes(published(t, filepath.Join(dir, "whole"))), "and so has the envelope")
	require.Equal(t, []string{"v", "", "w"}, published(t, filepath.Join(dir, "lines")),
		"a line has none")
	require.Equal(t, []string{"key k, value null"}, shown(f.read(t, "dead", 1)))
}

// intoTopic has every combination of nulls, empty values and others.
const intoTopic = `
name = "into"
job.parallelism = 1
[sources.in]
connector = "collection"
records   = [{ key = "k" }, { value = "v" }, { key = "", value = "" }, { key = "l", value = "w" }]
[sinks.topic]
connector = "kafka"
from      = ["in"]
brokers   = ["BROKER"]
topic     = "nulls"
semantic  = "at-least-once"
create_topic = { partitions = 1 }
`

const outOfTopic = `
name = "out"
job.parallelism = 1
[sources.in]
connector    = "kafka"
brokers      = ["BROKER"]
topics       = ["nulls"]
start        = "earliest"
stop         = "latest"
deserializer = "string"
[sinks.copy]
connector  = "kafka"
from       = ["in"]
brokers    = ["BROKER"]
topic      = "copy"
semantic   = "at-least-once"
serializer = "string"
create_topic = { partitions = 1 }
[sinks.show]
connector = "print"
from      = ["in"]
[sinks.whole]
connector  = "bucketing"
from       = ["in"]
path       = "whole"
bucketer   = "base-path"
serializer = "envelope"
[sinks.lines]
connector = "bucketing"
from      = ["in"]
path      = "lines"
bucketer  = "base-path"
on_error  = "dead-letter"
[dead_letter]
connector    = "kafka"
brokers      = ["BROKER"]
topic        = "dead"
semantic     = "at-least-once"
serializer   = "bytes"
create_topic = { partitions = 1 }
`

// shown tells nulls from empty values.
func shown(records []*kgo.Record) (out []string) {
	word := func(b []byte) string {
		switch {
		case b == nil:
			return "null"
		case len(b) == 0:
			return `""`
		}
		return string(b)
	}
	for _, r := range records {
		out = append(out, fmt.Sprintf("key %s, value %s", word(r.Key), word(r.Value)))
	}
	return out
}

// withoutTimes takes the timestamps out of envelopes.
func withoutTimes(lines []string) []string {
	out := slices.Clone(lines)
	for i, line := range out {
		before, _, _ := strings.Cut(line, `,"timestamp":`)
		out[i] = before + "}"
	}
	return out
}
