package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/wasmflow/wasmflow/connectors"
)

// TestWhatBrokersAllow is read before a job begins.
func TestWhatBrokersAllow(t *testing.T) {
	for _, tt := range []struct {
		name     string
		opts     []kfake.Opt
		change   func(*SinkConfig)
		warnings []string // parts of them, in order
		refused  []string // parts of the error
	}{
		{name: "replicas", warnings: []string{"topic out has one replica"}},
		{name: "old transactions", opts: []kfake.Opt{kfake.MaxVersions(kversion.V3_9_0())},
			warnings: []string{"transactions of version", "one replica"}},
		{name: "a short limit",
			opts:    []kfake.Opt{kfake.BrokerConfigs(map[string]string{maxTimeoutSetting: "30000"})},
			refused: []string{"transaction_timeout is 1m0s", "transaction.max.timeout.ms = 30000 (30s)"}},
		{name: "a limit that is kept",
			opts:     []kfake.Opt{kfake.BrokerConfigs(map[string]string{maxTimeoutSetting: "30000"})},
			change:   func(c *SinkConfig) { c.Timeout = connectors.Duration(30 * time.Second) },
			warnings: []string{"one replica"}},
		{name: "in-sync replicas that are not there",
			opts:    []kfake.Opt{kfake.BrokerConfigs(map[string]string{minISRSetting: "2"})},
			refused: []string{"topic out has 1 replicas and min.insync.replicas = 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, append(tt.opts, kfake.NumBrokers(3))...)
			c.topic("out", 1)
			config := c.exactlyOnce("out")
			if tt.change != nil {
				tt.change(config)
			}
			warnings, err := config.CheckLog(t.Context(), testEnv("out", 1), SessionOptions{})
			if tt.refused == nil {
				require.NoError(t, err)
			}
			for _, text := range tt.refused {
				require.ErrorContains(t, err, text)
				require.Equal(t, connectors.Fatal, connectors.Classify(err))
			}
			require.Len(t, warnings, len(tt.warnings))
			for i, text := range tt.warnings {
				require.Contains(t, warnings[i], text)
			}
			checked := config.CheckConnect(t.Context(), testEnv("out", 1))
			_, opened := config.OpenSession(t.Context(), testEnv("out", 1), SessionOptions{})
			for _, text := range tt.refused {
				require.ErrorContains(t, checked, text, "and validate says so")
				require.ErrorContains(t, opened, text, "and a job does not start")
			}
		})
	}
}

// TestOneBrokerIsNoSurprise: nothing is said about replicas that cannot be.
func TestOneBrokerIsNoSurprise(t *testing.T) {
	c := newCluster(t)
	c.topic("out", 1)
	warnings, err := c.exactlyOnce("out").CheckLog(t.Context(), testEnv("out", 1), SessionOptions{})
	require.NoError(t, err)
	require.Empty(t, warnings)
}

func TestJudgeReplicas(t *testing.T) {
	for _, tt := range []struct {
		replicas, minISR int
		warning, refusal string
	}{
		{3, 2, "", ""},
		{1, 1, "one replica", ""},
		{3, 1, "min.insync.replicas = 1: records that one broker alone has", ""},
		{2, 3, "", "takes no record"},
	} {
		warning, err := judgeReplicas("t", tt.replicas, tt.minISR)
		require.Contains(t, warning, tt.warning)
		require.Equal(t, tt.warning == "", warning == "")
		if tt.refusal == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, tt.refusal)
		}
	}
}
