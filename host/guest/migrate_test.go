package guest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// answers returns a guest whose migration returns the bytes.
func answers(data string) []byte {
	return Guest{
		Migrate: I64Const(int64(abi.Pack(OutputAt, uint32(len(data))))),
		Data:    [][]byte{DataAt(OutputAt, []byte(data))},
	}.Module()
}

func TestMigrations(t *testing.T) {
	const done, refused = "\x00\x00\x00\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x00\x00\x00\x00"
	tests := []struct {
		name   string
		module []byte
		entry  string
		want   string
		err    string
		dead   bool
	}{
		{name: "yes to the question", module: answers(done)},
		{name: "an entry", module: answers(done + "new"), entry: "old", want: "new"},
		{name: "a refusal", module: answers(refused + "from 4 on only"), err: "from 4 on only"},
		{name: "no export", module: Guest{}.Module(), err: "does not export wasmflow_migrate"},
		{name: "more than a yes", module: answers(done + "new"), dead: true,
			err: "3 bytes behind the answer"},
		{name: "another status", module: answers("\x09\x00\x00\x00\x00\x00\x00\x00"), dead: true,
			err: "status 9"},
		{name: "nothing", module: Guest{Migrate: I64Const(0)}.Module(), dead: true,
			err: "a migration of 0 bytes"},
		{name: "beyond memory", dead: true, err: "beyond the memory",
			module: Guest{Migrate: I64Const(int64(abi.Pack(1<<31, 8)))}.Module()},
		{name: "too long", dead: true, err: "the limit is 1048584",
			module: Guest{Migrate: I64Const(int64(abi.Pack(0, 1<<21)))}.Module()},
		{name: "a trap", module: Guest{Migrate: Join(Unreachable(), I64Const(0))}.Module(), dead: true,
			err: "wasmflow_migrate trapped: unreachable"},
		{name: "a loop", module: Guest{Migrate: Join(Forever(), I64Const(0))}.Module(), dead: true,
			err: "limits.time_per_batch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := load(t, tt.module, guest.Limits{TimePerBatch: 20 * time.Millisecond})
			require.NoError(t, err)
			in := instantiate(t, m, guest.InstanceConfig{})
			got, err := in.Migrate(context.Background(), 3, []byte(tt.entry))
			require.Equal(t, tt.dead, in.Dead())
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got))
		})
	}
}

func TestMigrateIsGivenVersionAndEntry(t *testing.T) {
	// It answers what the host wrote, behind the version as a status: 0.
	const head = 8
	m, err := load(t, Guest{
		Reserve: I32Const(RegionAt + head),
		Migrate: Join(I32Const(RegionAt), []byte{0x20, 0}, []byte{0x36, 2, 0},
			I64Const(RegionAt<<32), []byte{0x20, 2}, []byte{0xad}, []byte{0x7c}, I64Const(head),
			[]byte{0x7c}),
	}.Module(), guest.Limits{})
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	got, err := in.Migrate(context.Background(), 0, []byte("entry"))
	require.NoError(t, err)
	require.Equal(t, "entry", string(got))
	_, err = in.Migrate(context.Background(), 1, []byte("a text"))
	var refused *abi.MigrationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "a text", refused.Message)

	_, err = in.Migrate(context.Background(), 0, make([]byte, abi.StateEntryBytesMax+1))
	require.ErrorContains(t, err, "migrating an entry of 1048577 bytes")
	require.False(t, in.Dead())
}

func TestAMigrationOfTheWrongTypeIsRefused(t *testing.T) {
	_, err := load(t, Guest{Also: [][]byte{Export("wasmflow_migrate", Func, 0)}}.Module(),
		guest.Limits{})
	require.ErrorContains(t, err, "exports wasmflow_migrate as")
}
