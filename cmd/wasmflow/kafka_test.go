package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors/kafka/devbroker"
)

// ordersJob reads a topic, has a guest enrich its records, and writes a topic, dead letters in
// another one and parts in a folder, all of them in the same epochs.
const ordersJob = `
name = "orders"
[job]
parallelism = %d
batch = { records = 64 }
[checkpoint]
interval = "30ms"
%s
[restart]
strategy = "none"
[plugins.orders]
path = "orders.wasm"
[sources.orders]
connector = "kafka"
brokers = [%[3]q]
topics = ["orders"]
start = "earliest"
[transforms.enrich]
from = ["orders"]
plugin = "orders"
function = "enrich"
on_error = "dead-letter"
[sinks.out]
connector = "kafka"
from = ["enrich"]
brokers = [%[3]q]
topic = "enriched"
[sinks.lake]
connector = "bucketing"
from = ["enrich"]
path = "lake"
bucketer = "base-path"
[dead_letter]
connector = "kafka"
brokers = [%[3]q]
topic = "dead"
`

// buildOrders builds the plugin once for all tests and returns its path.
func buildOrders(t *testing.T) string {
	t.Helper()
	path := filepath.Join(shared.path(t), "orders.wasm")
	ordersOnce.Do(func() {
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path,
			"../../guests/orders-enrich")
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
	return path
}

var ordersOnce sync.Once

// shop is a broker with the topics of ordersJob and a folder for the job.
type shop struct {
	t       *testing.T
	dir     string
	address string
	client  *kgo.Client
	orders  int
}

func newShop(t *testing.T) *shop {
	t.Helper()
	b, err := devbroker.Start(devbroker.Options{
		Address: anyPort, Partitions: 3, Topics: []string{"orders", "enriched", "dead"},
	})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return newShopAt(t, b.Address())
}

// newShopAt is newShop at a broker that has the topics.
func newShopAt(t *testing.T, address string) *shop {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic("orders"))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	s := &shop{t: t, dir: t.TempDir(), address: address, client: client}
	module, err := os.ReadFile(buildOrders(t))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "orders.wasm"), module, 0o600))
	return s
}

// Of ten orders one is cancelled and one has no quantity.
const (
	cancelledOf10 = 3
	brokenOf10    = 7
)

// sell writes n more orders.
func (s *shop) sell(n int) {
	s.t.Helper()
	var records []*kgo.Record
	for range n {
		state, quantity := "paid", 1+s.orders%4
		switch s.orders % 10 {
		case cancelledOf10:
			state = "cancelled"
		case brokenOf10:
			quantity = 0
		}
		records = append(records, &kgo.Record{
			Key: []byte(fmt.Sprint("customer-", s.orders%13)),
			Value: fmt.Appendf(nil, `{"order":%d,"country":"DE","item":"tea","quantity":%d,`+
				`"cents":450,"state":%q}`, s.orders, quantity, state),
		})
		s.orders++
	}
	require.NoError(s.t, s.client.ProduceSync(s.t.Context(), records...).FirstErr())
}

// job writes the job file.
func (s *shop) job(tasks int, checkpointKeys string) string {
	s.t.Helper()
	return s.write(fmt.Sprintf(ordersJob, tasks, checkpointKeys, s.address))
}

func (s *shop) write(text string) string {
	s.t.Helper()
	file := filepath.Join(s.dir, "job.toml")
	require.NoError(s.t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// finish runs the job until every order is where it belongs, then stops it.
func (s *shop) finish(args ...string) *started {
	s.t.Helper()
	job := start(s.t, append([]string{"run"}, args...)...)
	s.stop(job)
	return job
}

// stop stops the job once every order is where it belongs.
func (s *shop) stop(job *started) {
	s.t.Helper()
	s.awaitCommitted(job)
	job.signals <- os.Interrupt
	require.Equal(s.t, 0, <-job.code, job.stderr)
	s.requireExactlyOnce()
	s.requireNoOpenTransaction()
}

// awaitCommitted reads the topics of the job until they hold what comes of all orders.
func (s *shop) awaitCommitted(job *started) {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.address), kgo.ConsumeTopics("enriched", "dead"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	require.NoError(s.t, err)
	defer client.Close()
	for missing := s.orders * 9 / 10; missing > 0; {
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
		fetches := client.PollFetches(ctx)
		cancel()
		require.NoError(s.t, fetches.Err(), "%d records are missing\n%s", missing, job.stderr)
		missing -= fetches.NumRecords()
	}
}

// committed returns the committed values of a topic, in the order of each partition.
func (s *shop) committed(topic string) []string {
	s.t.Helper()
	admin := kadm.NewClient(s.client)
	ends, err := admin.ListEndOffsets(s.t.Context(), topic)
	require.NoError(s.t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.address), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	require.NoError(s.t, err)
	defer client.Close()
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	var out []string
	for len(left) > 0 {
		fetches := client.PollFetches(s.t.Context())
		require.NoError(s.t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out = append(out, string(r.Value))
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return out
}

// numbers returns the numbers of the orders in values, sorted.
func numbers(t *testing.T, values []string) []int {
	t.Helper()
	out := make([]int, len(values))
	for i, v := range values {
		_, rest, ok := strings.Cut(v, `"order":`)
		require.True(t, ok, v)
		n, err := strconv.Atoi(rest[:strings.IndexByte(rest, ',')])
		require.NoError(t, err, v)
		out[i] = n
	}
	slices.Sort(out)
	return out
}

// requireExactlyOnce checks that every order is where it belongs, once.
func (s *shop) requireExactlyOnce() {
	s.t.Helper()
	var good, bad []int
	for n := range s.orders {
		switch n % 10 {
		case cancelledOf10:
		case brokenOf10:
			bad = append(bad, n)
		default:
			good = append(good, n)
		}
	}
	require.Equal(s.t, good, numbers(s.t, s.committed("enriched")))
	require.Equal(s.t, bad, numbers(s.t, s.committed("dead")))
	require.Equal(s.t, good, numbers(s.t, published(s.t, filepath.Join(s.dir, "lake"))))
}

// admin returns what asks the broker about itself.
func (s *shop) admin() *kadm.Client { return kadm.NewClient(s.client) }

// requireNoOpenTransaction checks that readers of the topic are not held up.
func (s *shop) requireNoOpenTransaction() {
	s.t.Helper()
	admin := kadm.NewClient(s.client)
	ends, err := admin.ListEndOffsets(s.t.Context(), "enriched")
	require.NoError(s.t, err)
	stable, err := admin.ListCommittedOffsets(s.t.Context(), "enriched")
	require.NoError(s.t, err)
	require.Equal(s.t, ends.Offsets(), stable.Offsets())
}

// TestKafkaJobOverRestarts runs the job again and again, each time with another number of tasks.
func TestKafkaJobOverRestarts(t *testing.T) {
	s := newShop(t)
	for _, tasks := range []int{2, 1, 3} {
		s.sell(500)
		job := s.finish(s.job(tasks, ""))
		require.Contains(t, job.stderr.String(), "guarantee=exactly-once log=kafka:out")
		require.Contains(t, squeeze(job.stdout.String()), fmt.Sprintf(
			"transform enrich %d %d %d 0 %[3]d", s.orders, s.orders*8/10, s.orders/10))
	}
}

// TestKafkaJobIsKilled kills the job in the middle of its work, again and again.
func TestKafkaJobIsKilled(t *testing.T) {
	s := newShop(t)
	for i := range 4 {
		s.sell(2000)
		stderr := newWatcher()
		before := s.written("enriched")
		cmd := child(t, s.dir, newWatcher(), stderr, "run", s.job(1+i%3, ""))
		require.NoError(t, cmd.Start())
		for s.written("enriched") < before+300 {
		}
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
	}
	s.finish(s.job(2, ""))
}

// written returns how many offsets of a topic are taken, whatever by.
func (s *shop) written(topic string) int64 {
	s.t.Helper()
	ends, err := kadm.NewClient(s.client).ListEndOffsets(s.t.Context(), topic)
	require.NoError(s.t, err)
	sum := int64(0)
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

// TestKafkaJobIsTakenOver starts a second process while the first one works. The first ends, and
// nothing that it still does is seen.
func TestKafkaJobIsTakenOver(t *testing.T) {
	s := newShop(t)
	s.sell(3000)
	file := s.job(2, "")
	stderr := newWatcher()
	first := child(t, s.dir, newWatcher(), stderr, "run", file)
	require.NoError(t, first.Start())
	t.Cleanup(func() { _ = first.Process.Kill() }) // it ended, unless the test failed
	for s.written("enriched") < 100 {
	}
	second := start(t, "run", "--takeover", file)
	require.Error(t, first.Wait())
	require.Equal(t, exitFenced, first.ProcessState.ExitCode(), stderr)
	s.sell(500)
	s.stop(second)
}

// TestKafkaJobChangesItsLog moves the job from the store into Kafka and back.
func TestKafkaJobChangesItsLog(t *testing.T) {
	s := newShop(t)
	weaker := strings.NewReplacer(`topic = "enriched"`, `topic = "enriched"
semantic = "at-least-once"`, `topic = "dead"`, `topic = "dead"
semantic = "at-least-once"`).Replace(ordersJob)
	for _, log := range []string{"store", "kafka", "kafka", "store", "kafka"} {
		s.sell(200)
		text, want := ordersJob, "guarantee=exactly-once log=kafka:out"
		if log == "store" {
			text, want = weaker, "guarantee=at-least-once log=store"
		}
		job := s.finish(s.write(fmt.Sprintf(text, 2, "", s.address)))
		require.Contains(t, job.stderr.String(), want)
	}
}

// TestKafkaJobKeepsItsLogWhenSinksAreRenamed gives the log's sink another name, and one that
// it had before.
func TestKafkaJobKeepsItsLogWhenSinksAreRenamed(t *testing.T) {
	s := newShop(t)
	s.sell(100)
	file := s.job(2, "")
	s.finish(file)
	s.sell(100)
	text := fmt.Sprintf(ordersJob, 2, "", s.address)
	s.finish(s.write(strings.Replace(text, "[sinks.out]", "[sinks.result]", 1)))
	s.sell(100)
	s.finish(s.write(text))

	elsewhere, err := devbroker.Start(devbroker.Options{Address: anyPort})
	require.NoError(t, err)
	defer elsewhere.Close()
	moved := strings.Replace(text, "[sinks.out]", "[sinks.result]", 1)
	r := do(t, "run", s.write(strings.ReplaceAll(moved, s.address, elsewhere.Address())))
	require.Equal(t, exitRefused, r.code, r.stdout)
	require.Contains(t, r.stderr, "the job's last epochs are in kafka:out")
}

// TestKafkaJobOnAnotherMachine has a copy of the job file whose store knows nothing: it must not
// fence the job that runs elsewhere, unless it is told to.
func TestKafkaJobOnAnotherMachine(t *testing.T) {
	s := newShop(t)
	s.sell(100)
	s.finish(s.job(2, ""))
	s.sell(100)
	file := s.job(2, `store = "elsewhere"`)
	r := do(t, "run", file)
	require.Equal(t, exitRefused, r.code, r.stderr)
	require.Contains(t, r.stderr, "run --adopt")
	s.finish("--adopt", file)
	_, err := os.Stat(filepath.Join(s.dir, "elsewhere", "orders"))
	require.NoError(t, err)
}

// TestKafkaJobIsChecked has fsck look at a log that is in a topic.
func TestKafkaJobIsChecked(t *testing.T) {
	s := newShop(t)
	s.sell(100)
	file := s.job(2, "")
	s.finish(file)
	r := do(t, "fsck", file)
	require.Equal(t, 0, r.code, r.stdout+r.stderr)
	require.Contains(t, r.stdout, `the job has its log in "kafka:out"`)

	_, err := kadm.NewClient(s.client).DeleteTopic(t.Context(), "wasmflow.orders.commits")
	require.NoError(t, err)
	r = do(t, "fsck", file)
	require.Equal(t, exitOutside, r.code, r.stdout+r.stderr)
	require.Contains(t, r.stdout, "bring the topic back, or run with --epoch N or --fresh")
}

// TestKafkaJobFromAnOlderEpoch goes back in a log that is in a topic.
func TestKafkaJobFromAnOlderEpoch(t *testing.T) {
	s := newShop(t)
	s.sell(100)
	file := s.job(2, "")
	s.finish(file)
	r := do(t, "status", "--json", file)
	require.Equal(t, 0, r.code, r.stderr)
	var before jobStatus
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &before))
	require.Equal(t, "kafka:out", before.Store.Log)
	s.sell(100)
	s.finish(file)

	epoch := fmt.Sprint(before.Store.Epoch)
	job := start(t, "run", "--epoch", epoch, file)
	job.stderr.await("to epoch " + epoch)
	for len(s.committed("enriched")) < 240 {
	}
	job.signals <- os.Interrupt
	require.Equal(t, 0, <-job.code, job.stderr)
	require.Len(t, s.committed("enriched"), 240, "the second hundred came twice")
	r = do(t, "run", "--epoch", "99999", file)
	require.Equal(t, exitRefused, r.code, r.stderr)
}

// TestKafkaDeadLettersKeepTheRecord looks at one as its readers see it.
func TestKafkaDeadLettersKeepTheRecord(t *testing.T) {
	s := newShop(t)
	s.sell(10)
	s.finish(s.job(1, ""))
	client, err := kgo.NewClient(kgo.SeedBrokers(s.address), kgo.ConsumeTopics("dead"))
	require.NoError(t, err)
	defer client.Close()
	fetches := client.PollFetches(t.Context())
	require.NoError(t, fetches.Err())
	letter := fetches.Records()[0]
	require.Equal(t, "customer-7", string(letter.Key))
	require.Contains(t, string(letter.Value), `{"order":7,`)
	headers := map[string]string{}
	for _, h := range letter.Headers {
		headers[h.Key] = string(h.Value)
	}
	require.Equal(t, "enrich", headers["wasmflow-function"])
	require.Equal(t, "the quantity or the price is out of range", headers["wasmflow-error"])
}

// TestKafkaJobIsValidated looks at a job whose log is in a topic, before and after it ran.
func TestKafkaJobIsValidated(t *testing.T) {
	s := newShop(t)
	s.sell(10)
	file := s.job(1, "")
	r := do(t, "validate", "--connect", file)
	require.Equal(t, 0, r.code, r.stderr)
	require.Contains(t, r.stdout, "  guarantee  exactly-once\n"+
		"  log        kafka:out, in one transaction with the output of out, dead_letter\n")
	topics, err := kadm.NewClient(s.client).ListTopics(t.Context())
	require.NoError(t, err)
	require.False(t, topics.Has("wasmflow.orders.commits"), "nothing was changed")
	s.finish(file)

	r = do(t, "validate", "--connect", "--json", file)
	require.Equal(t, 0, r.code, r.stderr)
	var v verdict
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &v))
	require.Equal(t, "kafka:out", v.Log)
	require.Equal(t, []string{"out", "dead_letter"}, v.Together)

	renamed := strings.Replace(fmt.Sprintf(ordersJob, 1, "", s.address), "[sources.orders]",
		"[sources.sales]", 1)
	renamed = strings.Replace(renamed, `from = ["orders"]`, `from = ["sales"]`, 1)
	r = do(t, "validate", "--connect", s.write(renamed))
	require.Equal(t, exitRefused, r.code, r.stdout)
	require.Contains(t, r.stderr, "--drop-source orders")

	slow := strings.Replace(fmt.Sprintf(ordersJob, 1, "", s.address), `interval = "30ms"`,
		`interval = "40s"`, 1)
	r = do(t, "run", s.write(slow))
	require.Equal(t, exitOutside, r.code, r.stdout)
	require.Contains(t, r.stderr, "sinks.out")
	require.Contains(t, r.stderr, "raise transaction_timeout above")
}
