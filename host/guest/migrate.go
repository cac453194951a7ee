package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
)

// ErrNoMigration says that a plugin takes over no state of other versions.
var ErrNoMigration = errors.New("the plugin does not export " + abi.ExportMigrate)

// Migrate has the guest rewrite one entry of state of version from; where entry is empty it only
// asks whether the guest could. It is for a fresh instance. The result is the caller's. A refusal of
// the guest is an *abi.MigrationError, after which the instance goes on working; other errors are
// ErrNoMigration, ErrNoMemory, ErrDead and *TrapError. The call is held to the limits of a batch.
func (in *Instance) Migrate(ctx context.Context, from uint32, entry []byte) ([]byte, error) {
	migrate := in.wasm.ExportedFunction(abi.ExportMigrate)
	if migrate == nil {
		return nil, ErrNoMigration
	}
	if len(entry) > abi.StateEntryBytesMax {
		return nil, fmt.Errorf("migrating an entry of %d bytes: the limit is %d", len(entry),
			abi.StateEntryBytesMax)
	}
	region, err := in.Reserve(ctx, uint32(len(entry)))
	if err != nil {
		return nil, err
	}
	copy(region, entry)
	in.grant(AllowBatch)
	stack := in.stack[:]
	stack[0], stack[1], stack[2] = uint64(from), uint64(in.region), uint64(len(entry))
	if err := in.enter(ctx, abi.ExportMigrate, migrate, stack); err != nil {
		return nil, err
	}
	in.endLines()
	answer, err := in.result(abi.ExportMigrate, stack[0],
		abi.MigrateHeaderSize+abi.StateEntryBytesMax)
	if err != nil {
		return nil, err
	}
	migrated, err := abi.ParseMigration(answer)
	var refused *abi.MigrationError
	switch {
	case errors.As(err, &refused):
	case err != nil:
		return nil, in.broken(abi.ExportMigrate, "%v", err)
	case len(entry) == 0 && len(migrated) > 0:
		return nil, in.broken(abi.ExportMigrate, "%d bytes behind the answer to a question",
			len(migrated))
	}
	in.Settle(0, false, nil)
	return bytes.Clone(migrated), err
}
