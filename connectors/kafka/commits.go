package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// commitsSegmentBytes is small, so that the cleaner, which leaves the newest segment alone,
	// leaves little to read back.
	commitsSegmentBytes = 16 << 20
	// commitsCompactionLagMillis is how soon superseded records are to go.
	commitsCompactionLagMillis = 60_000
	// commitsMinISR keeps a record that a transaction was committed with on two brokers.
	commitsMinISR = 2
)

// commitsTopic is the partition that holds the records of a commit group.
type commitsTopic struct {
	name      string
	partition int32
	key       []byte // of every record, so that the cleaner keeps the newest
	id        kadm.TopicID
	there     bool
}

// findTopic looks for the commits topic. Once it was there it has to stay.
func (s *Session) findTopic(ctx context.Context) error {
	topics, err := s.admin.ListTopics(ctx, s.topic.name)
	if err == nil {
		err = topics[s.topic.name].Err
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		if s.topic.there {
			return s.topicGone(err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the commits topic %s: %w", s.topic.name, err)
	}
	found := topics[s.topic.name]
	if n := len(found.Partitions); int(s.topic.partition) >= n {
		return connectors.Permanent(connectors.AtKey("commits.partitions", fmt.Errorf(
			"topic %s has %d partitions and the job needs partition %d; lower commits.partitions to %d",
			s.topic.name, n, s.topic.partition, n)))
	}
	if s.topic.there && found.ID != s.topic.id {
		return s.topicGone(errors.New("it was created again"))
	}
	s.topic.id, s.topic.there = found.ID, true
	return nil
}

// needTopic finds the commits topic or creates it.
func (s *Session) needTopic(ctx context.Context) error {
	if err := s.findTopic(ctx); err != nil || s.topic.there {
		return err
	}
	if err := s.createTopic(ctx); err != nil {
		err = fmt.Errorf("creating the commits topic %s: %w", s.topic.name, err)
		return connectors.AtKey("commits", err)
	}
	return soon(ctx, "the commits topic "+s.topic.name, func() (bool, error) {
		err := s.findTopic(ctx)
		return s.topic.there, err
	})
}

func (s *Session) createTopic(ctx context.Context) error {
	c := &s.config.Commits
	replication := c.Replication
	if replication == 0 {
		var err error
		if replication, err = s.commitsReplication(ctx); err != nil {
			return err
		}
	}
	minISR := 1
	if replication > commitsMinISR {
		minISR = commitsMinISR
	}
	configs := map[string]string{
		"cleanup.policy":        "compact",
		"segment.bytes":         strconv.Itoa(max(commitsSegmentBytes, 2*int(c.RecordBytes))),
		"max.compaction.lag.ms": strconv.Itoa(commitsCompactionLagMillis),
		"max.message.bytes":     strconv.Itoa(int(c.RecordBytes)),
		"min.insync.replicas":   strconv.Itoa(minISR),
	}
	pointers := make(map[string]*string, len(configs)+len(c.Configs))
	for _, m := range [...]map[string]string{configs, c.Configs} {
		for k, v := range m {
			pointers[k] = &v
		}
	}
	_, err := s.admin.CreateTopic(ctx, c.Partitions, replication, pointers, s.topic.name)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil // by another process of this job, or an answer that was lost
	}
	return err
}

// commitsReplication returns with how many replicas the commits topic is created when the job file
// does not say: commitsReplicas, or as many as there are brokers. Those that are up may be fewer,
// and the topic would keep too few replicas for ever. What tells is in how many the cluster keeps
// its own transactions: where there never were that many brokers, there are no transactions.
func (s *Session) commitsReplication(ctx context.Context) (int16, error) {
	brokers, err := s.admin.ListBrokers(ctx)
	if err != nil || len(brokers) >= commitsReplicas {
		return commitsReplicas, err
	}
	configs, err := s.brokerConfigs(ctx, brokers)
	if errors.Is(err, kerr.ClusterAuthorizationFailed) {
		return int16(len(brokers)), nil // as checkBrokers, which has warned
	}
	if err != nil {
		return 0, err
	}
	// Not default.replication.factor: it is 1 unless set, in clusters of any size.
	own, _ := numberIn(configs, stateReplicasSetting)
	if want := min(commitsReplicas, own); int64(len(brokers)) < want {
		return 0, connectors.Retryable(fmt.Errorf("it is to have %d replicas, as the brokers' %s says, "+
			"and %d of the brokers are up; start the others, or set commits.replication to %[3]d", want,
			stateReplicasSetting, len(brokers)))
	}
	return int16(len(brokers)), nil
}

// topicGone says that the records of the job are lost.
func (s *Session) topicGone(why error) error {
	return connectors.Permanent(fmt.Errorf("%w: the commits topic %s, which holds the place of the "+
		"job, was deleted (%w); restore it, or begin anew with --fresh, which reads all input again",
		checkpoint.ErrRefused, s.topic.name, why))
}

// explainAppend says what a commit record that was not taken means.
func (s *Session) explainAppend(r *kgo.Record, err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		return s.topicGone(err)
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return connectors.Permanent(fmt.Errorf("writing a commit record of %d bytes to topic %s: %w; "+
			"raise the topic's max.message.bytes", len(r.Value), s.topic.name, err))
	}
	return classify(fmt.Errorf("writing the commit record to topic %s: %w", s.topic.name, err))
}
