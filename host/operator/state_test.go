package operator_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
)

// entry is an entry of state as abi/SPEC.md has it.
func entry(namespace uint32, key, value string) string {
	b := binary.LittleEndian.AppendUint32(nil, namespace)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(key)))
	return string(b) + key + value
}

// TestMigrationOfAGoGuest: the plugin has state of version 3 and takes over that of version 2.
func TestMigrationOfAGoGuest(t *testing.T) {
	ctx := context.Background()
	require.Equal(t, uint32(3), plugin.Description().StateVersion)
	in, err := plugin.Instantiate(ctx, guest.InstanceConfig{})
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close(ctx)) }()
	for _, tt := range []struct {
		name        string
		from        uint32
		entry, want string
		err         string
	}{
		{"the question", 2, "", "", ""},
		{"an entry", 2, entry(4, "key", "value"), entry(5, "key", "valuekey"), ""},
		{"an empty entry", 2, entry(0, "", ""), entry(1, "", ""), ""},
		{"another version", 1, "", "", "has no migration from state version 1"},
		{"its own version", 3, "", "", "has no migration from state version 3"},
		{"refused", 2, entry(0, "k", "fail"), "", "told to fail"},
		{"a panic", 2, entry(0, "k", "panic"), "", "told to panic"},
		{"too much", 2, entry(0, "k", "grow"), "", "the limit is 1048576"},
		{"half a head", 2, "1234", "", "an entry of state of 4 bytes"},
		{"a lying length", 2, "\x00\x00\x00\x00\xff\xff\xff\xffk", "", "longer than the entry"},
		{"it goes on", 2, entry(0, "k", "v"), entry(1, "k", "vk"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := in.Migrate(ctx, tt.from, []byte(tt.entry))
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				require.False(t, in.Dead())
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got))
		})
	}
	_, err = in.Migrate(ctx, 2, []byte(entry(0, "k", "exit")))
	require.ErrorContains(t, err, "wasmflow_migrate trapped: exit with code 3")
	require.True(t, in.Dead())
}
