package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/chaos"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

const (
	// transactionalID is that of the job.
	transactionalID = "wasmflow.chaos.0"
	commitsTopic    = "wasmflow.chaos.commits"
	// outage is longer than transactionTimeout and the broker's look for what timed out.
	outage = 10 * time.Second
)

// blows returns what happens to brokers and connections, so often each.
func (e *kafkaEnds) blows(kills, faults, outages int) []chaos.Blow {
	of := func(n, share int) int { return (n + share - 1) / share }
	return []chaos.Blow{
		{Name: "the leader of an output was killed", Times: of(kills, 3), Strike: e.kill(e.leader)},
		{Name: "the transaction coordinator was killed", Times: of(kills, 3),
			Strike: e.kill(e.coordinator)},
		{Name: "the controller was killed", Times: of(kills, 3), Strike: e.kill(e.controller)},
		{Name: "connections to the coordinator misbehaved", Times: of(faults, 2),
			Strike: e.misbehave(e.coordinator)},
		{Name: "connections to a leader misbehaved", Times: of(faults, 2), Strike: e.misbehave(e.leader)},
		{Name: "the job was down for longer than its transaction", Times: outages,
			At: "txlog/decide-before-commit", Strike: func(ctx context.Context, _ *rand.Rand) error {
				return wait(ctx, outage)
			}},
	}
}

// picker finds the broker that a blow is for.
type picker func(context.Context, *rand.Rand) (*servers.Node, error)

func (e *kafkaEnds) leader(ctx context.Context, rng *rand.Rand) (*servers.Node, error) {
	return e.cluster.Leader(ctx, topicOut, rng.Int32N(partitions))
}

func (e *kafkaEnds) coordinator(ctx context.Context, _ *rand.Rand) (*servers.Node, error) {
	return e.cluster.TransactionCoordinator(ctx, transactionalID)
}

func (e *kafkaEnds) controller(ctx context.Context, _ *rand.Rand) (*servers.Node, error) {
	return e.cluster.Controller(ctx)
}

// kill kills a broker, starts it again after a while and waits until it has caught up: two that
// are away at once would stop the cluster, which proves nothing about the job.
func (e *kafkaEnds) kill(pick picker) func(context.Context, *rand.Rand) error {
	return func(ctx context.Context, rng *rand.Rand) error {
		n, err := pick(ctx, rng)
		if err != nil {
			return err
		}
		if err := n.Kill(); err != nil {
			return err
		}
		if err := wait(ctx, within(rng, 0, 5*time.Second)); err != nil {
			return err
		}
		if err := n.Start(ctx); err != nil {
			return err
		}
		return e.cluster.InSync(ctx)
	}
}

// misbehave lets the connections of clients to a broker fail in one of many ways, for a while.
func (e *kafkaEnds) misbehave(pick picker) func(context.Context, *rand.Rand) error {
	return func(ctx context.Context, rng *rand.Rand) error {
		n, err := pick(ctx, rng)
		if err != nil {
			return err
		}
		p := n.Proxy()
		way := servers.ToServer
		if rng.IntN(2) == 0 {
			way = servers.ToClient // what was asked is done, and the answer is lost
		}
		switch rng.IntN(5) {
		case 0:
			p.Drop()
			err = wait(ctx, within(rng, 0, 3*time.Second))
			return errors.Join(err, p.Restore())
		case 1:
			err = p.Delay(way, within(rng, 100*time.Millisecond, 2*time.Second), time.Second)
		case 2:
			err = p.Reset(way)
		case 3:
			err = p.Stall(way)
		case 4:
			err = p.CutAfter(way, rng.Int64N(64<<10))
		}
		if err == nil {
			err = wait(ctx, within(rng, 200*time.Millisecond, 5*time.Second))
		}
		p.Heal(ctx)
		return err
	}
}

func within(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stable waits until no partition has an open transaction: readers see everything that was written.
func (e *kafkaEnds) stable(ctx context.Context) error {
	topics := []string{topicOut, topicSide, topicDead, commitsTopic}
	admin := e.cluster.Admin()
	for {
		ends, err := admin.ListEndOffsets(ctx, topics...)
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return fmt.Errorf("asking for the ends of partitions: %w", err)
		}
		shown, err := admin.ListCommittedOffsets(ctx, topics...)
		if err == nil {
			err = shown.Error()
		}
		if err != nil {
			return fmt.Errorf("asking what readers see: %w", err)
		}
		held := ""
		ends.Each(func(end kadm.ListedOffset) {
			at, _ := shown.Lookup(end.Topic, end.Partition)
			if at.Offset != end.Offset {
				held = fmt.Sprintf("topic %s, partition %d: readers see %d of %d", end.Topic, end.Partition,
					at.Offset, end.Offset)
			}
		})
		if held == "" {
			return nil
		}
		if err := wait(ctx, lookEvery); err != nil {
			return fmt.Errorf("a transaction is still open: %s: %w", held, err)
		}
	}
}
