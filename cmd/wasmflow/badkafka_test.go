package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// guardedJob copies a topic exactly once, as a user who needs a right for each step. What a
// restart may heal is tried again for ever: it is the default, and no case here may rely on it.
const guardedJob = `name = "guarded"
[checkpoint]
interval = "30ms"
[sources.in]
connector = "kafka"
brokers = ["ADDRESS"]
topics = ["in"]
start = "earliest"
sasl = { mechanism = "plain", username = "USER", password = { env = "PASSWORD" } }
[sinks.out]
connector = "kafka"
from = ["in"]
brokers = ["ADDRESS"]
topic = "out"
sasl = { mechanism = "plain", username = "USER", password = { env = "PASSWORD" } }
`

// The users of guardedCluster, whose passwords are their names.
const (
	userAdmin    = "admin"
	userReader   = "reader"   // may not write
	userNobody   = "nobody"   // may do nothing
	userUnfenced = "unfenced" // may not use the transactional id
	userBlind    = "blind"    // may not read
)

// guardedCluster is a cluster in this process where every right counts.
type guardedCluster struct {
	t       *testing.T
	fake    *kfake.Cluster
	address string
	client  *kgo.Client
	admin   *kadm.Client
}

func newGuardedCluster(t *testing.T, opts ...kfake.Opt) *guardedCluster {
	t.Helper()
	allow := func(kind kmsg.ACLResourceType, name string, what ...kmsg.ACLOperation) (out []kfake.ACL) {
		for _, o := range what {
			out = append(out, kfake.ACL{Resource: kind, Name: name, Operation: o, Allow: true,
				Pattern: kmsg.ACLResourcePatternTypeLiteral})
		}
		return out
	}
	const topic, id = kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeTransactionalId
	read := allow(topic, "in", kmsg.ACLOperationRead)
	commits := allow(topic, "wasmflow.guarded.commits", kmsg.ACLOperationRead, kmsg.ACLOperationWrite,
		kmsg.ACLOperationCreate)
	transactional := allow(id, "wasmflow.guarded.0", kmsg.ACLOperationWrite)
	see := allow(topic, "out", kmsg.ACLOperationDescribe)
	users := map[string][]kfake.ACL{
		userNobody:   nil,
		userReader:   slices.Concat(read, commits, transactional, see),
		userUnfenced: slices.Concat(read, commits, see),
		userBlind:    slices.Concat(commits, transactional, see),
	}
	if opts == nil {
		opts = []kfake.Opt{kfake.EnableSASL(), kfake.EnableACLs()}
	}
	opts = append(opts, kfake.NumBrokers(1), kfake.Superuser("PLAIN", userAdmin, userAdmin))
	for user, rights := range users {
		opts = append(opts, kfake.User("PLAIN", user, user, rights...))
	}
	fake, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	c := &guardedCluster{t: t, fake: fake, address: fake.ListenAddrs()[0]}
	c.client, err = kgo.NewClient(kgo.SeedBrokers(c.address), kgo.DefaultProduceTopic("in"),
		kgo.SASL(plain.Auth{User: userAdmin, Pass: userAdmin}.AsMechanism()))
	require.NoError(t, err)
	t.Cleanup(c.client.Close)
	c.admin = kadm.NewClient(c.client)
	return c
}

// topics creates in and out with one partition each, out for records of limit bytes, and writes
// values into in.
func (c *guardedCluster) topics(limit string, values ...string) {
	c.t.Helper()
	for topic, configs := range map[string]map[string]*string{
		"in": nil, "out": {"max.message.bytes": &limit},
	} {
		_, err := c.admin.CreateTopic(c.t.Context(), 1, 1, configs, topic)
		require.NoError(c.t, err)
	}
	for _, v := range values {
		require.NoError(c.t, c.client.ProduceSync(c.t.Context(), kgo.StringRecord(v)).FirstErr())
	}
}

func (c *guardedCluster) delete(topic string) {
	c.t.Helper()
	deleted, err := c.admin.DeleteTopics(c.t.Context(), topic)
	require.NoError(c.t, err)
	require.NoError(c.t, deleted.Error())
}

// awaitOutput waits until out has records that are committed.
func (c *guardedCluster) awaitOutput(job *exec.Cmd) {
	c.t.Helper()
	for {
		ends, err := c.admin.ListCommittedOffsets(c.t.Context(), "out")
		require.NoError(c.t, err)
		if ends["out"][0].Offset > 0 {
			return
		}
		require.NoError(c.t, job.Process.Signal(syscall.Signal(0)), "it has ended")
	}
}

// badKafka is a cluster that a job cannot work with.
type badKafka struct {
	name    string
	user    string            // "" is userAdmin
	change  map[string]string // of the job file
	secret  string            // the password; "" is the right one
	limit   string            // of records in out; "" is enough
	missing string            // topic that is not there
	cluster []kfake.Opt       // nil is one where rights count
	// prepare runs before the job, before when it has run once and has stopped, while when it works.
	prepare, before, while func(*guardedCluster)
	code                   int
	at                     string // begins the message: file, line and key
	says                   string // what is wrong
	remedy                 string // what is to be done
}

// TestBadKafka has `wasmflow run`, a process of its own with the restarts it has by default, meet
// each cluster. It has to end by itself and to name the line of the job file, what is wrong and
// what is to be done. Read the messages with go test -v.
func TestBadKafka(t *testing.T) {
	for _, b := range badClusters() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.run(t)
		})
	}
}

func (b *badKafka) run(t *testing.T) {
	c := newGuardedCluster(t, b.cluster...)
	limit := "1000000"
	if b.limit != "" {
		limit = b.limit
	}
	if b.cluster == nil {
		c.topics(limit, "short", strings.Repeat("long", 1000))
	}
	if b.missing != "" {
		c.delete(b.missing)
	}
	if b.prepare != nil {
		b.prepare(c)
	}
	job := guardedJob
	for from, to := range b.change {
		require.Contains(t, job, from)
		job = strings.ReplaceAll(job, from, to)
	}
	user := userAdmin
	if b.user != "" {
		user = b.user
	}
	job = strings.NewReplacer("ADDRESS", c.address, "USER", user).Replace(job)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "job.toml"), []byte(job), 0o600))
	secret := user
	if b.secret != "" {
		secret = b.secret
	}
	begin := func() (*exec.Cmd, *watcher) {
		stderr := newWatcher()
		cmd := child(t, dir, newWatcher(), stderr, "run", "job.toml")
		cmd.Env = append(cmd.Env, "PASSWORD="+secret)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() }) // it ended, unless the test failed
		return cmd, stderr
	}
	if b.before != nil {
		cmd, stderr := begin()
		c.awaitOutput(cmd)
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait(), stderr)
		b.before(c)
	}
	again := 1
	if b.before != nil {
		again = 2 // what is refused once is refused until a person acts
	}
	for range again {
		cmd, stderr := begin()
		if b.while != nil {
			c.awaitOutput(cmd)
			b.while(c)
		}
		_ = cmd.Wait() // an exit code is an error of it
		text := fmt.Sprint(stderr)
		t.Logf("exit code %d\n%s", cmd.ProcessState.ExitCode(), text)
		require.Equal(t, b.code, cmd.ProcessState.ExitCode())
		message := lineWith(text, b.at)
		require.NotEmpty(t, message, "no line begins with %s", b.at)
		require.Contains(t, message, b.says)
		require.Contains(t, message, b.remedy)
		require.NotContains(t, text, secret+`"`, "the password is a secret")
	}
}

func badClusters() []badKafka {
	const rights = "; let the user of this job use the topic, or log in as another one (sasl, tls.cert)"
	const commits = "the commits topic wasmflow.guarded.commits"
	login := `sasl = { mechanism = "plain", username = "USER", password = { env = "PASSWORD" } }`
	return []badKafka{
		{
			name: "wrong broker address", change: map[string]string{`"ADDRESS"`: `"127.0.0.1:1"`}, code: 3,
			at: "job.toml:13: sinks.out.brokers: ", says: "asking the Kafka cluster at 127.0.0.1:1: ",
			remedy: "; correct the address, or see that the brokers run and can be reached from here",
		}, {
			name: "wrong password", secret: "wrong", code: 3,
			prepare: refuseLogins,
			at:      "job.toml:15: sinks.out.sasl: ", says: "SASL_AUTHENTICATION_FAILED",
			remedy: "; check sasl.mechanism, sasl.username and sasl.password, or the token",
		}, {
			name: "broker too old", change: map[string]string{login: ""}, code: 3,
			cluster: []kfake.Opt{kfake.MaxVersions(kversion.V0_10_2())},
			at:      "job.toml:13: sinks.out.brokers: ", says: "broker is too old",
			remedy: "; the brokers are too old for this: name newer ones in brokers",
		}, {
			name: "unknown topic to read", missing: "in", code: 3,
			at: "job.toml:7: sources.in.topics: ", says: "topic in: no such topic",
			remedy: "; create it, or correct topics",
		}, {
			name: "unknown topic to write", missing: "out", code: 3,
			at: "job.toml:14: sinks.out.topic: ", says: "writing to topic out: no such topic",
			remedy: "; create it, or set create_topic",
		}, {
			name: "no right to read", user: userBlind, code: 3,
			at: "job.toml:4: sources.in: ", says: "looking at topic in: TOPIC_AUTHORIZATION_FAILED", remedy: rights,
		}, {
			name: "no right to write", user: userReader, code: 1,
			at: "job.toml:10: sinks.out: ", says: "writing to topic out, partition 0: ", remedy: rights,
		}, {
			name: "no right to the transactional id", user: userUnfenced, code: 3,
			at: "job.toml:10: sinks.out: ", says: "transactional id wasmflow.guarded.0: ",
			remedy: "; let the user of this job use the transactional id for writing and describing",
		}, {
			name: "no right to the commits topic", user: userNobody, code: 3,
			at: "job.toml:10: sinks.out: ", says: "looking at " + commits, remedy: rights,
		}, {
			name: "oversized record", limit: "1000", code: 1,
			at: "job.toml:10: sinks.out.batch_bytes_max: ", says: "writing to topic out, partition 0: ",
			remedy: "; raise the topic's max.message.bytes, or lower batch_bytes_max",
		}, {
			name: "output topic deleted while the job runs", code: 1,
			while: func(c *guardedCluster) {
				c.delete("out")
				require.NoError(c.t, c.client.ProduceSync(c.t.Context(), kgo.StringRecord("more")).FirstErr())
			},
			at: "job.toml:14: sinks.out.topic: ", says: "writing to topic out: no such topic",
			remedy: "; create it, or set create_topic",
		}, {
			name: "commits topic deleted between two runs", code: 2,
			before: func(c *guardedCluster) { c.delete("wasmflow.guarded.commits") },
			at:     "job.toml:10: sinks.out: ", says: "log kafka:out is empty, but it had record 1",
			remedy: "; bring topic wasmflow.guarded.commits back, or say that the job begins anew with --fresh",
		}, {
			name: "commits topic deleted while the job runs", code: 2,
			while: func(c *guardedCluster) { c.delete("wasmflow.guarded.commits") },
			at:    "job.toml:10: sinks.out: ", says: commits + ", which holds the place of the job, was deleted",
			remedy: "; restore it, or begin anew with --fresh, which reads all input again",
		},
	}
}

// refuseLogins answers as real brokers do: the library hangs up.
func refuseLogins(c *guardedCluster) {
	c.fake.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		answer := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return answer, nil, true
	})
}
