package filesystem

import "context"

// RightsChecker is the ability of a file system to tell what this process may do, before it does
// it. An answer holds for the moment only, and nil is no promise: what decides is the attempt.
type RightsChecker interface {
	// CheckRead returns why the file at path cannot be opened, or the folder there not listed.
	CheckRead(ctx context.Context, path string) error
	// CheckWrite returns why nothing can be made below the folder dir. While dir is missing, the
	// nearest folder above it that is there has to allow making the rest. The error wraps
	// ErrReadOnly where a right is missing.
	CheckWrite(ctx context.Context, dir string) error
}

// CheckRead asks fs whether path can be read. It is nil where fs cannot tell.
func CheckRead(ctx context.Context, fs FileSystem, path string) error {
	if c, ok := fs.(RightsChecker); ok {
		return c.CheckRead(ctx, path)
	}
	return nil
}

// CheckWrite asks fs whether something can be made below dir. It is nil where fs cannot tell.
func CheckWrite(ctx context.Context, fs FileSystem, dir string) error {
	if c, ok := fs.(RightsChecker); ok {
		return c.CheckWrite(ctx, dir)
	}
	return nil
}
