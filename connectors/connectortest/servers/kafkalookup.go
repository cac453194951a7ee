package servers

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// askEvery is the pause between two looks at a cluster that is about to change.
	askEvery = 50 * time.Millisecond
	// lookMax bounds one look: a broker that was just killed may be asked first.
	lookMax = 5 * time.Second
)

// Admin returns a client that asks the brokers past the proxies.
func (k *Kafka) Admin() *kadm.Client { return k.admin }

// Leader returns the node that leads a partition.
func (k *Kafka) Leader(ctx context.Context, topic string, partition int32) (*Node, error) {
	var id int32
	what := fmt.Sprintf("topic %s, partition %d to have a leader", topic, partition)
	err := k.until(ctx, what, func(ctx context.Context) (bool, error) {
		details, err := k.admin.ListTopics(ctx, topic)
		if err != nil {
			return false, err
		}
		found, ok := details[topic].Partitions[partition]
		id = found.Leader
		return ok && found.Err == nil && id > 0, nil
	})
	return k.node(id), err
}

// TransactionCoordinator returns the node that decides the transactions of an id.
func (k *Kafka) TransactionCoordinator(ctx context.Context, id string) (*Node, error) {
	var node int32
	err := k.until(ctx, "transactional id "+id+" to have a coordinator",
		func(ctx context.Context) (bool, error) {
			found := k.admin.FindTxnCoordinators(ctx, id)
			node = found[id].NodeID
			return node > 0, found.Error()
		})
	return k.node(node), err
}

// Controller returns the node that is the active controller.
func (k *Kafka) Controller(ctx context.Context) (*Node, error) {
	var id int32
	err := k.until(ctx, "a controller", func(ctx context.Context) (bool, error) {
		request := kmsg.NewPtrDescribeQuorumRequest()
		partition := kmsg.NewDescribeQuorumRequestTopicPartition() // the one there is
		topic := kmsg.NewDescribeQuorumRequestTopic()
		topic.Topic = "__cluster_metadata"
		topic.Partitions = append(topic.Partitions, partition)
		request.Topics = append(request.Topics, topic)
		answer, err := request.RequestWith(ctx, k.client)
		if err != nil {
			return false, err
		}
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return false, err
		}
		if len(answer.Topics) == 1 && len(answer.Topics[0].Partitions) == 1 {
			id = answer.Topics[0].Partitions[0].LeaderID
		}
		return id > 0, nil
	})
	return k.node(id), err
}

// InSync waits until all brokers take part and every replica has what its leader has.
func (k *Kafka) InSync(ctx context.Context) error {
	return k.until(ctx, "all replicas to be in sync", func(ctx context.Context) (bool, error) {
		brokers, err := k.admin.ListBrokers(ctx)
		if err != nil || len(brokers) < len(k.nodes) {
			return false, err
		}
		topics, err := k.admin.ListTopicsWithInternal(ctx)
		if err != nil {
			return false, err
		}
		behind := false
		topics.EachPartition(func(p kadm.PartitionDetail) {
			behind = behind || p.Leader < 0 || len(p.ISR) < len(p.Replicas)
		})
		return !behind, nil
	})
}

func (k *Kafka) node(id int32) *Node {
	if id < 1 || int(id) > len(k.nodes) {
		return nil
	}
	return k.nodes[id-1]
}

// until asks until the answer is yes. Errors are answers that may change; the last one is told.
func (k *Kafka) until(ctx context.Context, what string, ask func(context.Context) (bool, error)) error {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		one, cancel := context.WithTimeout(ctx, lookMax)
		yes, err := ask(one)
		cancel()
		if yes && err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w (the last answer: %v)", what, ctx.Err(), err)
		}
	}
}
