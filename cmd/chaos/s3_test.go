package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

func TestS3DiesAtEveryStep(t *testing.T) {
	places := map[string]bool{}
	for i, c := range append(uploadCrashes(), stagedCrashes()...) {
		require.Equal(t, "S"+strconv.Itoa(i+1), c.letter)
		for _, p := range c.places {
			require.True(t, slices.Contains(failpoint.Names(), p), p)
			require.False(t, places[p], "%s stands twice", p)
			places[p] = true
		}
	}
	for _, name := range failpoint.Names() {
		if strings.HasPrefix(name, "s3/") {
			require.True(t, places[name], "nothing dies at %s", name)
		}
	}
}
