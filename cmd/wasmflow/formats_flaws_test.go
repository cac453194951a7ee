package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFlawS1_PoisonRecordIsADeadLetter has a record that does not parse. With Flink it restarts the
// job for ever, or is gone without a word. Here the policy of its source decides, what follows it
// arrives, and the dead letter holds all of it, its place and the reason.
func TestFlawS1_PoisonRecordIsADeadLetter(t *testing.T) {
	f := newFormatted(t)
	job := f.job(t, "dead-letter", f.sink()+"[dead_letter]\nconnector = \"kafka\"\nbrokers = [\""+
		f.broker+"\"]\ntopic = \"dead\"\nsemantic = \"at-least-once\"\nserializer = \"bytes\"\ncreat"+
		"e_topic = { partitions = 1 }\n")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(job), "order.proto"),
		[]byte(orderProto), 0o644))
	got := do(t, "run", job)
	require.Zero(t, got.code, got.stderr)
	out := f.read(t, "out", 3)
	key, value := f.headerOf(t, "out-key"), f.headerOf(t, "out-value")+"\x00"
	require.Equal(t, key+`"a"`, string(out[0].Key))
	require.Equal(t, value+"\x08\x01", string(out[0].Value))
	require.Equal(t, key+`"c"`, string(out[1].Key))
	require.Nil(t, out[1].Value) // the tombstone is still one
	require.Equal(t, key+`"d"`, string(out[2].Key))
	require.Equal(t, value+"\x08\x02\x12\x02hi", string(out[2].Value))
	letter := f.read(t, "dead", 1)[0]
	require.Equal(t, `"b"`, string(letter.Key))
	require.Equal(t, "poison", string(letter.Value))
	headers := map[string]string{}
	for _, h := range letter.Headers {
		headers[h.Key] = string(h.Value)
	}
	require.Equal(t, "v", headers["h"])
	require.Equal(t, "orders-0", headers["wasmflow-split"])
	require.Equal(t, "1", headers["wasmflow-position"])
	require.Contains(t, headers["wasmflow-error"], "the message begins with byte 0x70")
}

// TestFlawS1_PoisonRecordIsSkippedAndCounted goes on without the record, as Flink does for a null
// of its schema. Here that is asked for, and it is counted.
func TestFlawS1_PoisonRecordIsSkippedAndCounted(t *testing.T) {
	f := newFormatted(t)
	job := f.job(t, "skip", "[sinks.out]\nconnector = \"discard\"\nfrom = [\"orders\"]\n")
	got := do(t, "run", job)
	require.Equal(t, 0, got.code, got.stderr)
	require.Contains(t, got.stdout+got.stderr, "1 skipped")
}

// TestFlawS2_ErrorNamesItsPlace fails on the record. Flink's error has the text of the parser and
// no place. Here it has topic, partition and offset, and the job does not come back to them for
// ever.
func TestFlawS2_ErrorNamesItsPlace(t *testing.T) {
	f := newFormatted(t)
	job := f.job(t, "fail", "[sinks.out]\nconnector = \"discard\"\nfrom = [\"orders\"]\n")
	got := do(t, "run", job)
	require.Equal(t, 1, got.code, got.stderr)
	require.Contains(t, got.stderr, "orders refused the record at orders-0 position 1: "+
		"the message begins with byte 0x70, not with byte 0 and the id of a schema")
	require.NotContains(t, got.stderr, "restarting")
}
