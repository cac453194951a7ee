package servers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKDC(t *testing.T) {
	d, err := StartKDC(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	require.FileExists(t, d.Config())
	require.FileExists(t, d.Keytab())
}
