package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/wasmflow/wasmflow/connectors/kafka/devbroker"
)

func devBrokerCommand() command {
	return command{
		name: "dev-broker", usage: "[FOLDER]",
		summary: "run a Kafka broker for trying jobs where no Kafka is at hand",
		help: `
  wasmflow dev-broker                          topics live until the broker ends
  wasmflow dev-broker broker                   they stay in the folder broker
  wasmflow dev-broker --topics orders,paid     with these topics to begin with

Jobs and other clients reach it with brokers = ["127.0.0.1:9092"]. Jobs write to
topics that are there, or that create_topic makes; for other clients a topic
that they ask for is created. It listens on loopback only, has no access control
and keeps one copy: it is for development. A signal ends it.
`,
		setup: func(flags *flag.FlagSet) action {
			o := devbroker.Options{}
			flags.StringVar(&o.Address, "address", "127.0.0.1:9092",
				"`host:port` to listen on; port 0 takes a free one")
			topics := flags.String("topics", "", "`names` of topics to create, with commas between")
			flags.IntVar(&o.Partitions, "partitions", 4, "`number` of partitions of a new topic")
			return func(ctx context.Context, p *process, args []string) error {
				if len(args) > 1 {
					return usagef("dev-broker", "name only one folder, not %q", args)
				}
				if len(args) == 1 {
					o.Folder = args[0]
				}
				if *topics != "" {
					o.Topics = strings.Split(*topics, ",")
				}
				if o.Partitions < 1 {
					return usagef("dev-broker", "--partitions %d: at least 1", o.Partitions)
				}
				return runDevBroker(ctx, p, o)
			}
		},
	}
}

// runDevBroker serves until a signal comes or ctx ends.
func runDevBroker(ctx context.Context, p *process, o devbroker.Options) error {
	o.Trouble = p.brokerTrouble
	b, err := devbroker.Start(o)
	if err != nil {
		return err
	}
	defer b.Close()
	fmt.Fprintf(p.stdout, "broker ready: brokers = [%q]\n", b.Address())
	select {
	case <-p.signals:
	case <-ctx.Done():
	}
	return nil
}

// brokerTrouble shows what went wrong in a broker of this process.
func (p *process) brokerTrouble(text string) {
	fmt.Fprintf(p.stderr, "wasmflow: in the broker: %s\n", text)
}
