package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/wasmflow/wasmflow/connectors/kafka"
)

// lag returns the lag of every partition that offsets show prints.
func (s *shop) lag(file string) int64 {
	s.t.Helper()
	r := do(s.t, "offsets", "show", "--json", file)
	require.Equal(s.t, 0, r.code, r.stderr)
	var shown map[string][]kafka.Progress
	require.NoError(s.t, json.Unmarshal([]byte(r.stdout), &shown))
	sum := int64(0)
	require.Len(s.t, shown["orders"], 3)
	for _, p := range shown["orders"] {
		require.Empty(s.t, p.Problem)
		sum += p.Lag
	}
	return sum
}

func TestOffsetsAreShownAndReset(t *testing.T) {
	for _, log := range []string{"kafka:out", "store"} {
		t.Run(log, func(t *testing.T) {
			testOffsets(t, newShop(t), log)
		})
	}
}

func testOffsets(t *testing.T, s *shop, log string) {
	s.sell(200)
	text := fmt.Sprintf(ordersJob, 2, "", s.address)
	if log == "store" {
		text = strings.ReplaceAll(text, `"]
topic = `, `"]
semantic = "at-least-once"
topic = `)
		text = strings.ReplaceAll(text, "brokers = [\""+s.address+"\"]\ntopic = ",
			"brokers = [\""+s.address+"\"]\nsemantic = \"at-least-once\"\ntopic = ")
	}
	file := s.write(text)
	r := do(t, "offsets", "show", file)
	require.Equal(t, exitOutside, r.code)
	require.Contains(t, r.stderr, "job orders never ran")
	job := start(t, "run", file)
	job.stderr.await("log=" + log)
	s.awaitCommitted(job)
	// Output of sinks outside the log may precede an epoch, and before that nothing has to be reset.
	require.Eventually(t, func() bool {
		r = do(t, "offsets", "reset", "--to", "earliest", file)
		return r.code == exitOutside && strings.Contains(r.stderr, "is already running")
	}, time.Minute, 10*time.Millisecond)
	s.stop(job)
	require.Zero(t, s.lag(file))
	s.sell(100)
	require.EqualValues(t, 100, s.lag(file))

	r = do(t, "offsets", "reset", "--to", "earliest", "--dry-run", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.Contains(t, r.stdout, "nothing was changed")
	require.EqualValues(t, 100, s.lag(file))
	r = do(t, "offsets", "reset", "--to", "latest", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.Contains(t, r.stdout, "are left out")
	require.Zero(t, s.lag(file))
	r = do(t, "offsets", "reset", "--to", "orders-0=0,orders-1=0,orders-2=0", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.Contains(t, r.stdout, "are read again")
	require.Contains(t, r.stdout, "the next run goes on from there")
	require.EqualValues(t, 300, s.lag(file))

	job = start(t, "run", file)
	for len(s.committed("enriched")) < 160+240 {
	}
	job.signals <- os.Interrupt
	require.Equal(t, 0, <-job.code, job.stderr)
	require.Len(t, s.committed("enriched"), 160+240, "the first 200 came twice")
	require.Zero(t, s.lag(file))
}

// TestOffsetsOfAFinishedSource: a source that is read to its end says so, in place of an empty table.
func TestOffsetsOfAFinishedSource(t *testing.T) {
	s := newShop(t)
	s.sell(20)
	file := s.write(strings.ReplaceAll(fmt.Sprintf(ordersJob, 1, "", s.address),
		`start = "earliest"`, `start = "earliest"
stop = "latest"`))
	r := do(t, "run", file)
	require.Equal(t, 0, r.code, r.stderr)
	r = do(t, "offsets", "show", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.Contains(t, r.stdout, "source orders is read to its end and has no positions any more")
	require.NotContains(t, r.stdout, "PARTITION")
}

// stable returns how many offsets of a topic readers of committed records get past.
func (s *shop) stable(topic string) int64 {
	s.t.Helper()
	offsets, err := s.admin().ListCommittedOffsets(s.t.Context(), topic)
	require.NoError(s.t, err)
	sum := int64(0)
	offsets.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

func TestOffsetsCommandLine(t *testing.T) {
	s := newShop(t)
	file := s.job(1, "")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"offsets", file}, "write show or reset, then a job file"},
		{[]string{"offsets", "reset", file}, "reset needs --to"},
		{[]string{"offsets", "show", "--to", "latest", file}, "are for reset"},
		{[]string{"offsets", "reset", "--to", "yesterday", file}, `"yesterday" is none of earliest`},
		{[]string{"offsets", "show", "--source", "x", file}, "no source of that name"},
		{[]string{"txn", "list"}, "write list, describe or abort"},
		{[]string{"txn", "end", file}, `"end" is none of list`},
		{[]string{"txn", "abort", "--hanging", file, "x"}, "--hanging is for list"},
	} {
		r := do(t, c.args...)
		require.Equal(t, exitRefused, r.code, c.args)
		require.Contains(t, r.stderr, c.want)
	}
}

// TestTransactionsOfADeadJobAreAborted kills a job in the middle of an epoch. Its transaction holds
// readers up until it is aborted.
func TestTransactionsOfADeadJobAreAborted(t *testing.T) { testAbort(t, newShop(t)) }

func testAbort(t *testing.T, s *shop) {
	s.sell(2000)
	// No epoch ends before the job is killed, however slow the machine is.
	file := s.write(strings.NewReplacer(`interval = "30ms"`, `interval = "5m"`,
		`topic = "enriched"`, "topic = \"enriched\"\ntransaction_timeout = \"15m\"",
		`topic = "dead"`, "topic = \"dead\"\ntransaction_timeout = \"15m\"",
	).Replace(fmt.Sprintf(ordersJob, 1, "", s.address)))
	r := do(t, "txn", "list", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.Contains(t, r.stdout, `no transactional id begins with "wasmflow.orders."`)
	cmd := child(t, s.dir, newWatcher(), newWatcher(), "run", file)
	require.NoError(t, cmd.Start())
	for s.written("enriched") < 300 {
	}
	r = do(t, "txn", "abort", file)
	require.Equal(t, exitOutside, r.code, r.stdout)
	require.Contains(t, r.stderr, "the job runs")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	r = do(t, "txn", "list", file)
	require.Contains(t, r.stdout, "wasmflow.orders.0  Ongoing")
	r = do(t, "txn", "describe", file)
	require.Contains(t, r.stdout, "wasmflow.orders.0 is Ongoing")
	require.Contains(t, r.stdout, "enriched-")
	require.Equal(t, 0, do(t, "txn", "list", "--all", "--json", file).code)
	require.Zero(t, s.stable("enriched"), "readers wait")
	r = do(t, "txn", "abort", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.Contains(t, r.stdout, "aborted the transaction of wasmflow.orders.0")
	require.Equal(t, s.written("enriched"), s.stable("enriched"), "readers go on")
	r = do(t, "txn", "abort", file)
	require.Equal(t, exitOutside, r.code)
	require.Contains(t, r.stderr, "nothing to abort")
	r = do(t, "txn", "list", "--hanging", file)
	require.Contains(t, r.stdout, "nothing hangs", r.stderr)
	s.finish(s.job(2, ""))
}
