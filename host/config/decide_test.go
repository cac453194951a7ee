package config_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
)

// queueSink has the abilities of a sink that writes in transactions.
type queueSink struct {
	Broker   string `toml:"broker" doc:"Address."`
	Semantic string `toml:"semantic" doc:"What is promised."`
	Acks     string `toml:"acks" doc:"Who has to have a record."`
	Alone    bool   `toml:"alone" doc:"Whether it can prepare and commit."`
	expects  bool
}

func (c *queueSink) Validate(p *connectors.Problems) {
	if !c.expects {
		p.Require("broker", c.Broker, "name one")
	}
}

func (c *queueSink) TakeMode(mode connectors.Guarantee) {
	if c.Semantic == "" {
		c.Semantic = string(mode)
	}
}

func (c *queueSink) ExpectEmbedded() { c.expects = true }

func (c *queueSink) UseEmbedded(address string) {
	if c.Broker == "" {
		c.Broker = address
	}
}

func (c *queueSink) Guarantee() connectors.Guarantee { return connectors.Guarantee(c.Semantic) }
func (c *queueSink) Transactional() bool             { return c.Semantic == "exactly-once" }
func (c *queueSink) StandsAlone() bool               { return c.Alone }

func (c *queueSink) SameSystem(other connectors.SinkConfig) bool {
	o, ok := other.(*queueSink)
	return ok && o.Broker == c.Broker
}

func (c *queueSink) Differences(other connectors.SinkConfig) []string {
	if other.(*queueSink).Acks != c.Acks {
		return []string{"acks"}
	}
	return nil
}

func (c *queueSink) Open(context.Context, connectors.Env) (connectors.Sink, error) {
	return nil, errors.ErrUnsupported
}

// parseQueues parses a job with the given text between its source and its end.
func parseQueues(text string) (*config.Job, error) {
	reg := registry()
	reg.Connectors = append(reg.Connectors, connectors.Spec{
		Name: "queue", Doc: "Writes in transactions.",
		NewSink: func() connectors.SinkConfig { return &queueSink{} },
	})
	const head = "name = \"x\"\n[sources.in]\nconnector = \"generator\"\n"
	return config.Parse("job.toml", []byte(head+text), reg, outside())
}

// queue is a sink in four lines; more stands in its table, too.
func queue(name, broker string, more ...string) string {
	return "[sinks." + name + "]\nconnector = \"queue\"\nfrom = [\"in\"]\nbroker = \"" + broker + "\"\n" +
		strings.Join(append(more, ""), "\n")
}

const printer = "[sinks.out]\nconnector = \"print\"\nfrom = [\"in\"]\n"

func TestWhereEpochsAreDecided(t *testing.T) {
	const atLeastOnce = `semantic = "at-least-once"`
	dead := "[dead_letter]\nconnector = \"queue\"\nbroker = \"b1\"\n"
	logIs := func(log string) string { return "[checkpoint]\nlog = \"" + log + "\"\n" }
	cases := []struct {
		name, text, log string
		members         []string
		guarantee       connectors.Guarantee
	}{
		{"nothing transactional", printer, "store", nil, connectors.AtLeastOnce},
		{"the first of the file, not of the alphabet", queue("z", "b1") + queue("a", "b1"),
			"queue:z", []string{"z", "a"}, connectors.ExactlyOnce},
		{"dead letters join", dead + queue("out", "b1"), "queue:out",
			[]string{"out", "dead_letter"}, connectors.ExactlyOnce},
		{"dead letters alone", dead + printer, "queue:dead_letter", []string{"dead_letter"},
			connectors.AtLeastOnce},
		{"a named one", logIs("queue:a") + queue("z", "b1") + queue("a", "b1"), "queue:a",
			[]string{"z", "a"}, connectors.ExactlyOnce},
		{"one of them is weaker", queue("z", "b1", atLeastOnce) + queue("a", "b1"), "queue:a",
			[]string{"a"}, connectors.AtLeastOnce},
		{"the job is weaker", "[checkpoint]\nmode = \"at-least-once\"\n" + queue("out", "b1"), "store",
			nil, connectors.AtLeastOnce},
		{"another system stands alone", queue("z", "b1") + queue("a", "b2", "alone = true"),
			"queue:z", []string{"z"}, connectors.ExactlyOnce},
		{"the store, and all stand alone", logIs("store") + queue("a", "b2", "alone = true"),
			"store", nil, connectors.ExactlyOnce},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			job, err := parseQueues(c.text)
			require.NoError(t, err)
			require.Equal(t, c.log, job.Decider.Log)
			require.Equal(t, c.members, job.Decider.Members)
			require.Equal(t, c.guarantee, job.Guarantee())
			if c.log == config.LogStore {
				require.Nil(t, job.Decider.Sink)
				return
			}
			require.Equal(t, c.log, "queue:"+job.Decider.Sink.Name)
		})
	}
}

func TestLogsThatCannotBe(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"no such sink", "[checkpoint]\nlog = \"queue:uot\"\n" + queue("out", "b1"),
			`job.toml:5: checkpoint.log: unknown log "uot"`},
		{"not transactional", "[checkpoint]\nlog = \"print:out\"\n" + printer,
			"job.toml:5: checkpoint.log: sink out does not write in transactions"},
		{"different settings", queue("z", "b1") + queue("a", "b1", `acks = "all"`),
			"job.toml:12: sinks.a.acks: differs from sinks.z.acks (line 4), but both are written"},
		{"another system", queue("z", "b1") + queue("a", "b2"),
			"job.toml:8: sinks.a: its epochs are decided in the system of sinks.z"},
		{"the store", "[checkpoint]\nlog = \"store\"\n" + queue("z", "b1"),
			"job.toml:6: sinks.z: its epochs are decided in the store"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseQueues(c.text)
			require.ErrorContains(t, err, strings.Replace(c.want, `"uot"`, `"queue:uot"`, 1))
		})
	}
}

func TestASinkThatStandsAloneIsToldOf(t *testing.T) {
	job, err := parseQueues(queue("z", "b1") + queue("a", "b2", "alone = true"))
	require.NoError(t, err)
	require.Len(t, job.Warnings, 1)
	require.Contains(t, job.Warnings[0].String(),
		"job.toml:8: sinks.a: its epochs are decided in the system of sinks.z")
}

// TestAutoKeepsALogThatIsInUse stands for a job whose sinks changed their order in the file.
func TestAutoKeepsALogThatIsInUse(t *testing.T) {
	job, err := parseQueues(queue("z", "b1") + queue("a", "b1") + queue("c", "b2", "alone = true"))
	require.NoError(t, err)
	require.Len(t, job.Warnings, 1)
	require.Equal(t, "sinks.c", job.Warnings[0].Key)
	require.Contains(t, job.Warnings[0].Text, "raise that, or let checkpoint.log be queue:c")
	require.Equal(t, "queue:a", job.DeciderAt("a").Log)
	require.Equal(t, "a", job.DeciderAt("a").Sink.Name)
	require.Equal(t, job.Decider.Members, job.DeciderAt("a").Members)
	for _, other := range []string{"c", "none"} {
		require.Equal(t, job.Decider, job.DeciderAt(other))
	}
}

func TestAnEmbeddedBrokerServesTablesWithoutOne(t *testing.T) {
	without := strings.Replace(queue("z", ""), "broker = \"\"\n", "", 1) + queue("a", "b2", "alone = true")
	_, err := parseQueues(without)
	require.ErrorContains(t, err, "sinks.z.broker: required")

	job, err := parseQueues("[dev]\nembedded_broker = true\n" + without)
	require.NoError(t, err)
	require.True(t, job.EmbeddedBroker)
	job.UseEmbedded("127.0.0.1:7")
	require.Equal(t, "b2", job.Sinks[0].Config.(*queueSink).Broker)
	require.Equal(t, "127.0.0.1:7", job.Sinks[1].Config.(*queueSink).Broker)
}
