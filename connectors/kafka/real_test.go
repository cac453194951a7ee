package kafka

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// real is the real broker of this package's tests. It starts when the first test wants it.
var real = servers.Shared{Secure: true, Options: servers.KafkaOptions{
	Proxied:    true,
	Properties: map[string]string{"message.max.bytes": "20000000"}, // testBigRecordJob
}}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := real.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "closing the real broker:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// realCluster returns the real broker with no topic and no group.
func realCluster(t *testing.T) *cluster {
	t.Helper()
	broker, err := real.Kafka(t.Context())
	require.NoError(t, err)
	c := &cluster{t: t, addrs: broker.Bootstrap()}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(askMetadataAge))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	c.admin = kadm.NewClient(client)
	c.clear()
	return c
}

// clear removes what earlier tests left.
func (c *cluster) clear() {
	c.t.Helper()
	groups, err := c.admin.ListGroups(c.t.Context())
	require.NoError(c.t, err)
	if len(groups) > 0 {
		deleted, err := c.admin.DeleteGroups(c.t.Context(), groups.Groups()...)
		require.NoError(c.t, err)
		require.NoError(c.t, deleted.Error())
	}
	topics, err := c.admin.ListTopics(c.t.Context()) // none of the broker's own
	require.NoError(c.t, err)
	if len(topics) > 0 {
		c.delete(topics.Names()...)
	}
}

// TestRealUpstream runs Flink's tests against the real broker.
func TestRealUpstream(t *testing.T) {
	for _, file := range upstreamFiles() {
		t.Run(file.Name, func(t *testing.T) {
			for _, u := range file.Tests {
				if u.Run != nil {
					t.Run(u.Name, u.Run)
				}
			}
		})
	}
}

// TestReal runs what else speaks to a broker.
func TestReal(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"FlawS6_StateWinsOverAnIncompleteAnswer", TestFlawS6_StateWinsOverAnIncompleteAnswer},
		{"FlawS8_StartOfNewPartitionsIsAnOption", TestFlawS8_StartOfNewPartitionsIsAnOption},
		{"FlawS9_MissingTopicIsNamed", TestFlawS9_MissingTopicIsNamed},
		{"StopAtTimestamp", TestStopAtTimestamp},
		{"FlawS13_LagReachesZeroOnTransactionalTopics", TestFlawS13_LagReachesZeroOnTransactionalTopics},
		{"OpenTransactionsAreNotShown", TestOpenTransactionsAreNotShown},
		{"RecreatedTopicIsRefused", TestRecreatedTopicIsRefused},
		{"RecordsAreSharedOutInBatches", TestRecordsAreSharedOutInBatches},
		{"SourceConformance", TestSourceConformance},
		{"SinkConformance", TestSinkConformance},
		{"RecordsAreWrittenWhole", TestRecordsAreWrittenWhole},
		{"KeysArePartitionedAsInJava", TestKeysArePartitionedAsInJava},
		{"PartitionBy", TestPartitionBy},
		{"FlawK10_NewPartitionsAreWritten", TestFlawK10_NewPartitionsAreWritten},
		{"TargetsChooseTopics", TestTargetsChooseTopics},
		{"MissingTopic", TestMissingTopic},
		{"RecordsThatDoNotFit", TestRecordsThatDoNotFit},
		{"FetchedRecordsAreNotCopied", TestFetchedRecordsAreNotCopied},
		{"OneEpochManyTasks", TestOneEpochManyTasks},
		{"OutputIsSeenWithItsCommitRecord", TestOutputIsSeenWithItsCommitRecord},
		{"FencedSession", TestFencedSession},
		{"EmptyTransaction", TestEmptyTransaction},
		{"Abort", TestAbort},
		{"ReadBackInWindows", TestReadBackInWindows},
		{"ReadBackSeesNoOpenTransaction", TestReadBackSeesNoOpenTransaction},
		{"CommitsTopicDeleted", TestCommitsTopicDeleted},
		{"StagedRecordsGoWithTheNextEpoch", TestStagedRecordsGoWithTheNextEpoch},
		{"ManyEpochsKeepEveryKeyInOrder", TestManyEpochsKeepEveryKeyInOrder},
		{"FullBufferWaitsForTheNextTransaction", TestFullBufferWaitsForTheNextTransaction},
		{"SinksOfOneClusterShareTheTransaction", TestSinksOfOneClusterShareTheTransaction},
		{"ChosenPartitions", TestChosenPartitions},
		{"ASickNeighbourDoesNotHoldReadersBack", TestASickNeighbourDoesNotHoldReadersBack},
		{"AnEndedAttemptLeavesNothingOpen", TestAnEndedAttemptLeavesNothingOpen},
		{"TransactionsLeftOpen", TestTransactionsLeftOpen},
		{"Progress", TestProgress},
		{"ResetIsObeyed", TestResetIsObeyed},
		{"ZombieWakesInTheMiddle", TestZombieWakesInTheMiddle},
		{"FlawK1_NothingIsLeftOpen", TestFlawK1_NothingIsLeftOpen},
		{"FlawK2_NoOutageIsTooLong", TestFlawK2_NoOutageIsTooLong},
		{"IDsAreUsedAgain", TestIDsAreUsedAgain},
		{"AnOutageThatIsTooLong", TestAnOutageThatIsTooLong},
		{"LogConformance", TestLogConformance},
	} {
		t.Run(tt.name, tt.run)
	}
}
