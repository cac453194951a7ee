package format

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadBytes(t *testing.T) {
	text := strings.Repeat("0123456789", 20_000)
	got, err := ReadBytes(strings.NewReader(text+"more"), []byte("before "), len(text))
	require.NoError(t, err)
	require.Equal(t, "before "+text, string(got))

	got, err = ReadBytes(strings.NewReader("short"), nil, 1<<40)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Empty(t, got)
	require.LessOrEqual(t, cap(got), 2*growBytes, "a claimed length takes no memory")

	got, err = ReadBytes(bytes.NewReader(nil), []byte("x"), 0)
	require.NoError(t, err)
	require.Equal(t, "x", string(got))
}
