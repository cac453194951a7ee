package storelog

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// unlistable refuses to list, in the words of every file system.
type unlistable struct{ filesystem.FileSystem }

func (unlistable) List(_ context.Context, dir string, _ bool) iter.Seq2[filesystem.Info, error] {
	return func(yield func(filesystem.Info, error) bool) {
		yield(filesystem.Info{}, fmt.Errorf("listing %s: %w", dir, fs.ErrPermission))
	}
}

// TestAFolderIsNamedOnce: the file system has said already what it listed.
func TestAFolderIsNamedOnce(t *testing.T) {
	v, err := NewView(unlistable{local.New(local.Options{})}, "/store", "orders")
	require.NoError(t, err)
	_, err = v.Numbers(t.Context())
	require.EqualError(t, err, "looking for records: listing "+v.Dir()+": permission denied")
	_, err = v.Accepted(t.Context())
	require.EqualError(t, err,
		"looking for accepted losses: listing "+v.Dir()+"/"+acceptedName+": permission denied")
}
