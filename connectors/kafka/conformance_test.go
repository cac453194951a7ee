package kafka

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

func TestSourceConformance(t *testing.T) {
	c := newCluster(t)
	c.topic("conform", 3)
	var values []string
	var records []*kgo.Record
	for i := range 24 {
		r := &kgo.Record{Topic: "conform", Partition: int32(i % 3), Value: []byte(fmt.Sprintf("v%02d", i))}
		if i%2 == 0 {
			r.Key = []byte(strconv.Itoa(i))
			r.Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("x")}, {Key: "null"}}
		}
		values = append(values, string(r.Value))
		records = append(records, r)
	}
	c.produce(records...)
	connectortest.RunSource(t, connectortest.SourceHarness{
		Open: func(t *testing.T, parallelism int) connectors.Source {
			config := c.source("conform")
			config.Stop = Place{Mode: modeLatest}
			valid(t, config)
			s, err := config.Open(t.Context(), testEnv("under-test", parallelism))
			require.NoError(t, err)
			return s
		},
		Values: values, Guarantee: connectors.ExactlyOnce, LingerMillis: lingerMillis,
	})
}

func TestSinkConformance(t *testing.T) {
	connectortest.RunSink(t, func(t *testing.T) connectortest.SinkHarness {
		c := newCluster(t)
		c.topic("out", 2)
		return connectortest.SinkHarness{
			Open: func(t *testing.T, env connectors.Env) connectors.Sink {
				config := c.sink("out")
				valid(t, config)
				s, err := config.Open(t.Context(), env)
				require.NoError(t, err)
				return s
			},
			Read: func(*testing.T) (values []string) {
				for _, records := range c.all("out") {
					for _, r := range records {
						values = append(values, string(r.Value))
					}
				}
				return values
			},
			Guarantee: connectors.AtLeastOnce, Visible: connectortest.AtWrite,
		}
	})
}
