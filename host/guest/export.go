package guest

import (
	"context"
	"fmt"
)

// Export enters an export of the guest that is not part of the contract, for tests and benchmarks
// of a guest's own: args are passed as they are and the first result is returned, 0 for none. The
// instance stays usable unless the export traps.
func (in *Instance) Export(ctx context.Context, name string, args ...uint64) (uint64, error) {
	fn := in.wasm.ExportedFunction(name)
	if fn == nil {
		return 0, fmt.Errorf("%s has no export %q", in.module.path, name)
	}
	stack := make([]uint64, max(len(args), 1, len(fn.Definition().ResultTypes())))
	copy(stack, args)
	in.grant(AllowBatch)
	if err := in.enter(ctx, name, fn, stack); err != nil {
		return 0, err
	}
	return stack[0], nil
}
