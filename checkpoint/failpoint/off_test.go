//go:build !failpoints

package failpoint

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHitDoesNothingWithoutTheTag(t *testing.T) {
	t.Setenv(EnvVar, "no/such=kill")
	require.NoError(t, Hit("no/such"))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = Hit("no/such") }))
}
