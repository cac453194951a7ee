package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// transactionVersionSafe numbers every transaction of an id anew (KIP-890), so that nothing
	// that is late can meet a later one.
	transactionVersionSafe = 2
	transactionFeature     = "transaction.version"

	maxTimeoutSetting    = "transaction.max.timeout.ms"
	minISRSetting        = "min.insync.replicas"
	stateReplicasSetting = "transaction.state.log.replication.factor"
)

// checkBrokers reads what the brokers allow and how safe they keep what they have. It returns what
// is worth a warning; what cannot work is an error that names both sides.
func (s *Session) checkBrokers(ctx context.Context) (warnings []string, err error) {
	for _, check := range [...]func(context.Context) ([]string, error){
		s.checkVersion, s.checkTimeout, s.checkReplicas,
	} {
		more, err := check(ctx)
		if errors.Is(err, kerr.ClusterAuthorizationFailed) ||
			errors.Is(err, kerr.TopicAuthorizationFailed) {
			more, err = []string{fmt.Sprintf("%v; what the brokers allow is not checked", err)}, nil
		}
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, more...)
	}
	return warnings, nil
}

// checkVersion warns of brokers whose transactions can be met by what was late in the network.
func (s *Session) checkVersion(ctx context.Context) ([]string, error) {
	version, err := transactionVersion(ctx, s.admin)
	if err != nil || version >= transactionVersionSafe {
		return nil, err
	}
	return []string{fmt.Sprintf("the brokers at %s run transactions of version %d: a request that "+
		"is late in the network may meet a later transaction of the job, which can lose or double "+
		"records; upgrade them to Kafka 4.2 or later with %s=%d",
		strings.Join(s.config.Brokers, ", "), version, transactionFeature,
		transactionVersionSafe)}, nil
}

// transactionVersion returns the version of transactions that the cluster agrees on: 0 when its
// brokers know no such feature.
func transactionVersion(ctx context.Context, admin *kadm.Client) (int16, error) {
	brokers, err := admin.ApiVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("asking for the versions of the brokers: %w", err)
	}
	for _, b := range brokers.Sorted() {
		if b.Err != nil {
			continue // one that is away
		}
		for _, f := range b.Raw().FinalizedFeatures {
			if f.Name == transactionFeature {
				return f.MaxVersionLevel, nil
			}
		}
		return 0, nil
	}
	return 0, connectors.Retryable(errors.New("no broker told its version"))
}

// checkTimeout refuses a transaction_timeout that the broker would.
func (s *Session) checkTimeout(ctx context.Context) ([]string, error) {
	brokers, err := s.admin.ListBrokers(ctx)
	if err != nil {
		return nil, err
	}
	configs, err := s.brokerConfigs(ctx, brokers)
	if err != nil {
		return nil, err
	}
	limit, ok := numberIn(configs, maxTimeoutSetting)
	if most := time.Duration(limit) * time.Millisecond; ok && s.config.Timeout.D() > most {
		return nil, connectors.Permanent(connectors.AtKey("transaction_timeout", fmt.Errorf(
			"transaction_timeout is %v and the brokers allow %s = %d (%v); lower the one or raise the "+
				"other", s.config.Timeout, maxTimeoutSetting, limit, most)))
	}
	return nil, nil
}

// brokerConfigs returns the settings of the first of brokers.
func (s *Session) brokerConfigs(
	ctx context.Context, brokers kadm.BrokerDetails,
) (kadm.ResourceConfigs, error) {
	if len(brokers) == 0 {
		return nil, connectors.Retryable(errors.New("no broker is there"))
	}
	configs, err := s.admin.DescribeBrokerConfigs(ctx, brokers[0].NodeID)
	if err == nil && len(configs) > 0 {
		err = configs[0].Err
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings of broker %d: %w", brokers[0].NodeID, err)
	}
	return configs, nil
}

// checkReplicas tells where the loss of one broker would lose output that was committed. Where
// there is one broker only, everybody knows.
func (s *Session) checkReplicas(ctx context.Context) ([]string, error) {
	brokers, err := s.admin.ListBrokers(ctx)
	if err != nil {
		return nil, err
	}
	names := []string{s.topic.name}
	if s.config.Topic != "" {
		names = append(names, s.config.Topic)
	}
	topics, err := s.admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("looking at the replicas of topics: %w", err)
	}
	var warnings []string
	for _, name := range names {
		t, ok := topics[name]
		if !ok || t.Err != nil || len(t.Partitions) == 0 {
			continue // not created yet
		}
		replicas := t.Partitions.NumReplicas()
		configs, err := s.admin.DescribeTopicConfigs(ctx, name)
		if err == nil && len(configs) > 0 {
			err = configs[0].Err
		}
		if err != nil {
			return nil, fmt.Errorf("reading the settings of topic %s: %w", name, err)
		}
		minISR, _ := numberIn(configs, minISRSetting)
		warning, err := judgeReplicas(name, replicas, int(minISR))
		if err != nil {
			return nil, err
		}
		if warning != "" && len(brokers) > 1 {
			warnings = append(warnings, warning)
		}
	}
	return warnings, nil
}

// judgeReplicas says what a topic's replicas mean for what was committed.
func judgeReplicas(topic string, replicas, minISR int) (warning string, err error) {
	switch {
	case minISR > replicas:
		return "", connectors.Permanent(fmt.Errorf("topic %s has %d replicas and %s = %d, so it takes "+
			"no record; lower %s or add replicas", topic, replicas, minISRSetting, minISR, minISRSetting))
	case replicas == 1:
		return fmt.Sprintf("topic %s has one replica: losing its broker loses records that were "+
			"committed; give it 3 replicas and %s = 2", topic, minISRSetting), nil
	case minISR == 1:
		return fmt.Sprintf("topic %s has %d replicas and %s = 1: records that one broker alone has "+
			"are committed, and lost with it; set %s = 2", topic, replicas, minISRSetting,
			minISRSetting), nil
	}
	return "", nil
}

// numberIn returns a setting that is a number.
func numberIn(configs kadm.ResourceConfigs, key string) (int64, bool) {
	for _, c := range configs {
		i := slices.IndexFunc(c.Configs, func(c kadm.Config) bool { return c.Key == key })
		if i < 0 || c.Configs[i].Value == nil {
			continue
		}
		n, err := strconv.ParseInt(*c.Configs[i].Value, 10, 64)
		return n, err == nil
	}
	return 0, false
}
