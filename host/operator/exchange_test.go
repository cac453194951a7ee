package operator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/operator"
)

// prefixed runs the function that puts a prefix before values.
func prefixed(prefix string) operator.Config {
	cfg := config("prefix")
	cfg.PluginConfig, _ = json.Marshal(map[string]string{"prefix": prefix})
	return cfg
}

// numbered returns a batch of n records with small values.
func numbered(n int) *connectors.Batch {
	b := &connectors.Batch{}
	for i := range n {
		r := b.Append()
		r.Value, r.Split, r.Position.Lo = fmt.Appendf(nil, "%d", i), b.SplitIndex("s"), uint64(i/2)
	}
	return b
}

func TestExchangeTakesEffectAtTheNextBatch(t *testing.T) {
	var old, next operator.Health
	cfg := prefixed("old-")
	cfg.Health = &old
	f, err := operator.NewTransform(t.Context(), cfg)
	require.NoError(t, err)
	defer f.Close()
	cfg = prefixed("new-")
	cfg.Health = &next
	spare, err := operator.NewSpare(t.Context(), cfg, abi.RoleTransform)
	require.NoError(t, err)
	run := func() string {
		var out connectors.Batch
		var faults connectors.Faults
		require.NoError(t, f.Transform(t.Context(), numbered(3), &out, &faults))
		return string(out.Records[2].Value)
	}
	require.Equal(t, "old-2", run())
	f.Exchange(spare)
	require.Equal(t, "new-2", run())
	require.NoError(t, spare.Close(), "it holds the old one now")
	require.Equal(t, "new-2", run())
	require.Equal(t, operator.Vitals{Records: 3}, old.Load())
	require.Equal(t, operator.Vitals{Records: 6}, next.Load())
}

func TestExchangeOfAnotherRolePanics(t *testing.T) {
	f, err := operator.NewTransform(t.Context(), prefixed(">"))
	require.NoError(t, err)
	defer f.Close()
	spare, err := operator.NewSpare(t.Context(), config("length"), abi.RolePartitioner)
	require.NoError(t, err)
	defer spare.Close()
	require.PanicsWithValue(t, "operator: a partitioner in place of a transform",
		func() { f.Exchange(spare) })
}

// sampleOf has a sampler copy a batch by way of a function that is given it.
func sampleOf(t *testing.T, want int, in *connectors.Batch) []operator.Sample {
	t.Helper()
	cfg := prefixed(">")
	cfg.Sampler = &operator.Sampler{}
	f, err := operator.NewTransform(t.Context(), cfg)
	require.NoError(t, err)
	defer f.Close()
	var out connectors.Batch
	var faults connectors.Faults
	require.NoError(t, f.Transform(t.Context(), in, &out, &faults))
	require.Empty(t, cfg.Sampler.Take(), "nobody wanted any")
	full := cfg.Sampler.Want(want)
	require.NoError(t, f.Transform(t.Context(), in, &out, &faults))
	if want <= in.Len() {
		<-full
	}
	return cfg.Sampler.Take()
}

func TestSamplesAreCopies(t *testing.T) {
	in := numbered(5)
	in.Records[1].Headers = []connectors.Header{{Key: "k", Value: []byte("v")}}
	got := sampleOf(t, 3, in)
	require.Len(t, got, 1)
	require.Equal(t, 3, got[0].Batch.Len(), "no more than were wanted")
	in.Records[1].Value[0], in.Records[1].Headers[0].Value[0] = 'x', 'x'
	require.Equal(t, "1", string(got[0].Batch.Records[1].Value))
	require.Equal(t, "v", string(got[0].Batch.Records[1].Headers[0].Value))
	require.Equal(t, []string{"s"}, got[0].Batch.Splits)
}

func TestCompare(t *testing.T) {
	role := map[string]abi.Role{
		"prefix": abi.RoleTransform, "length": abi.RolePartitioner, "first": abi.RoleBucketer,
		"quote": abi.RoleSerializer,
	}
	in := numbered(4)
	in.Records[3].Value = []byte("bad")
	tests := []struct {
		name       string
		old, next  operator.Config
		role       abi.Role
		different  int
		oldRefused uint64
	}{
		{"the same", prefixed("-"), prefixed("-"), role["prefix"], 0, 0},
		{"another output", prefixed("-"), prefixed("+"), role["prefix"], 4, 0},
		{"partitions", config("length"), config("length"), role["length"], 0, 1},
		{"buckets", config("first"), config("first"), role["first"], 0, 1},
		{"serializers", config("quote"), config("quote"), role["quote"], 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := operator.Compare(t.Context(), sampleOf(t, 4, in), tt.old, tt.next, tt.role)
			require.NoError(t, err)
			require.Equal(t, 4, c.Records)
			require.Equal(t, tt.different, c.Different)
			require.Equal(t, uint64(4), c.New.Records)
			require.Equal(t, tt.oldRefused, c.Old.Refused)
			if tt.different > 0 {
				require.Equal(t, operator.Difference{
					Step: "prefix", Split: "s", Position: "0", Input: "0", Old: `"-0"`, New: `"+0"`,
				}, c.First[0])
			}
		})
	}
}

// TestComparisonEndsWithATrapper: a plugin that traps where the other one did not is not called for
// the rest, for which a loop would take all its time each. What both trap on is run to the end.
func TestComparisonEndsWithATrapper(t *testing.T) {
	values := slices.Repeat([]string{"exit"}, 40)
	samples := sampleOf(t, len(values), batch(values...))
	for name, tt := range map[string]struct {
		old       operator.Config
		traps     uint64
		different int
	}{
		"one of them": {prefixed("-"), 5, 40},
		"both":        {config("script"), 40, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := operator.Compare(t.Context(), samples, tt.old, config("script"), abi.RoleTransform)
			require.NoError(t, err)
			require.Equal(t, tt.traps, c.New.Traps)
			require.Equal(t, tt.different, c.Different)
			require.Equal(t, 40, c.Records)
		})
	}
}
