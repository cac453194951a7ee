package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/chaos"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

// awayMost bounds how long a node stays away. The NameNode counts a DataNode as dead after twelve
// seconds; until then it is offered to writers.
const awayMost = 4 * time.Second

// blows returns what happens to the nodes, so often each. Half of the NameNode's deaths come with
// one of the job, between a decision and the first rename.
func (e *hdfsEnds) blows(names, data int) []chaos.Blow {
	name := func(context.Context, *rand.Rand) *servers.HDFSNode { return e.cluster.NameNode() }
	anyData := func(_ context.Context, rng *rand.Rand) *servers.HDFSNode {
		return e.cluster.DataNodes()[rng.IntN(dataNodes)]
	}
	return []chaos.Blow{
		{Name: "the NameNode was killed", Times: (names + 1) / 2, Strike: killNode(name)},
		{Name: "the NameNode was killed after a decision of a job that died", Times: names / 2,
			At: "bucketing/before-publish", Strike: killNode(name)},
		{Name: "a DataNode was killed", Times: data, Strike: killNode(anyData)},
	}
}

// killNode kills a node and starts it again after a while.
func killNode(pick func(context.Context, *rand.Rand) *servers.HDFSNode,
) func(context.Context, *rand.Rand) error {
	return func(ctx context.Context, rng *rand.Rand) error {
		n := pick(ctx, rng)
		if err := n.Kill(); err != nil {
			return err
		}
		err := wait(ctx, within(rng, 0, awayMost))
		return errors.Join(err, n.Start(ctx))
	}
}
