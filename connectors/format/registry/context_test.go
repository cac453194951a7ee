package registry_test

import (
	"context"
	"testing"
)

// contextEnding returns a context that has ended.
func contextEnding(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}
