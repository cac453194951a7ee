package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

// takesOver asks next whether it can take over the state of old, where the two number the form of
// their state differently. It reports whether they do. The question goes to an instance of its own,
// beside the job.
func (p *plugins) takesOver(ctx context.Context, x *plugin, old, next *version,
) (migrates bool, err error) {
	from := old.module.Description().StateVersion
	to := next.module.Description().StateVersion
	if from == to {
		return false, nil
	}
	in, err := next.module.Instantiate(ctx, guest.InstanceConfig{
		Config: next.config, Key: guest.NewSeedKey(p.cfg.Job.Name, x.Name),
		Time: p.cfg.Now().UnixNano(),
	})
	if err != nil {
		return false, err
	}
	_, err = in.Migrate(ctx, from, nil)
	err = errors.Join(err, in.Close(ctx))
	switch {
	case errors.Is(err, guest.ErrNoMigration):
		return false, fmt.Errorf("its state has version %d, that of the version in use %d, and it does "+
			"not export %s to take that over; add a migration, or keep the form of the state", to, from,
			abi.ExportMigrate)
	case err != nil:
		return false, fmt.Errorf("taking over state of version %d to version %d: %w", from, to, err)
	}
	return true, nil
}
