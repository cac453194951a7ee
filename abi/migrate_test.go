package abi

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMigration(t *testing.T) {
	tests := []struct {
		name, data string
		entry      string
		refusal    string
		want       string
	}{
		{name: "the question", data: "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{name: "an entry", data: "\x00\x00\x00\x00\x00\x00\x00\x00entry", entry: "entry"},
		{name: "a refusal", data: "\x01\x00\x00\x00\x00\x00\x00\x00no \x1b[31mway",
			refusal: "no ?[31mway"},
		{name: "a refusal without a text", data: "\x01\x00\x00\x00\x00\x00\x00\x00",
			refusal: "refused without a reason"},
		{name: "nothing", want: "a migration of 0 bytes"},
		{name: "half a header", data: "\x00\x00\x00\x00", want: "a migration of 4 bytes"},
		{name: "another status", data: "\x02\x00\x00\x00\x00\x00\x00\x00", want: "status 2"},
		{name: "reserved bytes", data: "\x00\x00\x00\x00\x01\x00\x00\x00", want: "are 0x1"},
		{name: "too much", data: "\x00\x00\x00\x00\x00\x00\x00\x00" +
			strings.Repeat("x", StateEntryBytesMax+1), want: "an entry of 1048577 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entry, err := ParseMigration([]byte(tt.data))
			var refused *MigrationError
			switch {
			case tt.want != "":
				require.ErrorContains(t, err, tt.want)
				require.False(t, errors.As(err, &refused))
			case tt.refusal != "":
				require.ErrorAs(t, err, &refused)
				require.Equal(t, tt.refusal, refused.Message)
			default:
				require.NoError(t, err)
				require.Equal(t, tt.entry, string(entry))
			}
		})
	}
}

func FuzzParseMigration(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00entry"))
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00no"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entry, err := ParseMigration(data)
		var refused *MigrationError
		if errors.As(err, &refused) {
			require.NotEmpty(t, refused.Message)
			require.False(t, strings.ContainsFunc(refused.Message, isControl))
		}
		if err == nil {
			require.Equal(t, len(data)-MigrateHeaderSize, len(entry))
		} else {
			require.Nil(t, entry)
		}
	})
}
