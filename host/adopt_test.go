package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// TestAClaimFindsAnotherVersionThanTheLookBefore has the owner before swap a plugin after this
// process has loaded what its last epoch named, and before it claims the job.
func TestAClaimFindsAnotherVersionThanTheLookBefore(t *testing.T) {
	broken := json.RawMessage(`{"suffix":"-v3","trap":"7"}`)
	for _, tt := range []struct {
		name   string
		file   string // what the file of the job holds by the start
		looked string // what of it the owner before has looked at last
		order  json.RawMessage
		want   SwapState // of the first swap; "" is none
	}{
		{"the file is what runs by now", "v2", "v1", nil, ""},
		{"the owner before looked at the file", "v3", "v3", nil, ""},
		{"nobody looked at the file", "v3", "v1", nil, SwapDone},
		{"an order that waits, for a broken version", "v1", "v1", broken, SwapReturned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newSwapBench(t, 0)
			b.swaps = "sample = 0, probation = 1"
			if tt.order != nil {
				b.swaps = "sample = 0, probation = 1000"
			}
			b.start()
			b.flow()
			b.stop()
			b.write("marks.wasm", moduleOf(tt.file))
			require.NoError(t, b.open())
			x := b.engine.plugins.named("marks")
			stale := x.current()

			second := b.swappedByTheOwnerBefore("v2", tt.looked)
			if tt.order != nil {
				_, err := b.engine.Swap(SwapRequest{
					Plugin: "marks", Config: tt.order, Trigger: TriggerCommand,
				})
				require.NoError(t, err)
			}
			b.done = make(chan error, 1)
			go func() { // ends with the job
				_, err := b.engine.Run(context.WithoutCancel(t.Context()))
				b.done <- err
			}()
			b.flow()
			if tt.want != "" {
				s := b.await(1)
				require.Equal(t, tt.want, s.State, s.Reason)
				require.Equal(t, second, s.From.SHA256, "it takes the place of what runs")
			}
			if tt.want != SwapDone {
				require.Equal(t, second, x.current().module.SHA256())
				b.flow() // it works
			}
			b.stop()
			if tt.want == "" {
				require.Empty(t, b.engine.Plugins()[0].Swaps)
			}
			require.NotSame(t, stale, x.current())
			b.requireOneVersionPerEpoch()
		})
	}
}

// swappedByTheOwnerBefore adds an epoch to the log that a module was the first to produce, as a
// process decides that still holds the job, and that has looked at another one. It returns the
// digest of the module.
func (b *swapBench) swappedByTheOwnerBefore(mark, looked string) (digest string) {
	b.t.Helper()
	digest, err := b.log.StoreModule(b.t.Context(), moduleOf(mark))
	require.NoError(b.t, err)
	sum := sha256.Sum256(moduleOf(looked))
	m := b.log.last()
	m.Kind, m.Previous, m.Epoch, m.Committables = checkpoint.KindEpoch, m.Epoch, m.Epoch+1, nil
	m.Modules = []checkpoint.Module{{
		Plugin: "marks", SHA256: digest, Config: suffix("-v1"),
		Offer: offerOf(hex.EncodeToString(sum[:]), suffix("-v1")),
	}}
	b.log.records = append(b.log.records, m)
	return digest
}
