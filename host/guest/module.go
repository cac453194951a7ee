package guest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest/meter"
)

// Module is a compiled plugin. It may be used by several goroutines at a time.
type Module struct {
	path        string
	sha256      string
	size        int
	limits      Limits
	description *abi.Description
	metering    Metering
	now         func() time.Time
	metrics     metricNames
	script      []byte // of the module's section, nil without one

	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	cache    wazero.CompilationCache
	rooms    rooms
	spare    spareEffects
}

// Path is the plugin's name in messages.
func (m *Module) Path() string { return m.path }

// SHA256 is the hash of the whole file, in hexadecimal. It names the module in manifests.
func (m *Module) SHA256() string { return m.sha256 }

// Size is that of the file in bytes.
func (m *Module) Size() int { return m.size }

// Limits returns the limits in force.
func (m *Module) Limits() Limits { return m.limits }

// Rewriter names the checks that were put into the module's code: what a call spends, and the trace
// of a trap, are the same under the same name only.
func (m *Module) Rewriter() string {
	if m.metering != MeteringOn {
		return string(m.metering)
	}
	return meter.Version
}

// Description is what the plugin says of itself. It is not to be changed.
func (m *Module) Description() *abi.Description { return m.description }

// Describe asks a new instance what the plugin is, and drops the instance again: it is not opened.
// Load has done so once; Description is what it said. Errors are *RefusedError.
func (m *Module) Describe(ctx context.Context) (d *abi.Description, err error) {
	in, err := m.start(ctx, InstanceConfig{})
	if err != nil {
		return nil, m.refused(err)
	}
	defer func() { err = errors.Join(err, in.Close(ctx)) }()
	minor, text, err := in.describe(ctx)
	if err != nil {
		return nil, m.refused(err)
	}
	if minor > abi.Minor {
		return nil, m.refused(refuse("update wasmflow, or build the plugin with an older SDK",
			"needs guest ABI %d.%d, this wasmflow speaks %d.%d", abi.Major, minor, abi.Major, abi.Minor))
	}
	d, err = abi.ParseDescription(text)
	switch {
	case errors.Is(err, abi.ErrUnsupported):
		return nil, m.refused(refuse("update wasmflow, or build the plugin without", "%w", err))
	case err != nil:
		return nil, m.refused(refuse("build the plugin with a wasmflow SDK",
			"describes itself wrongly: %w", err))
	}
	return d, nil
}

// Function finds a function of the plugin that has one of the roles. The error says what there is.
func (m *Module) Function(name string, roles ...abi.Role) (int, error) {
	i, ok := m.description.Function(name)
	if !ok {
		var names []string
		for _, f := range m.description.Functions {
			names = append(names, f.Name)
		}
		return 0, &RefusedError{
			Path:   m.path,
			Reason: fmt.Sprintf("has no function %q", name),
			Remedy: "it has " + strings.Join(names, ", "),
		}
	}
	if role := m.description.Functions[i].Role; len(roles) > 0 && !slices.Contains(roles, role) {
		return 0, &RefusedError{
			Path:   m.path,
			Reason: fmt.Sprintf("function %q is a %s, here a %s is needed", name, role, roles[0]),
			Remedy: "name a function of that role, or register it under that role",
		}
	}
	return i, nil
}

// Close frees the module and all its instances.
func (m *Module) Close(ctx context.Context) error {
	err := m.runtime.Close(ctx)
	if m.compiled != nil {
		err = errors.Join(err, m.compiled.Close(ctx))
	}
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx))
	}
	m.rooms.close()
	return err
}

// refused makes any error that keeps a plugin from running a *RefusedError with its path.
func (m *Module) refused(err error) error { return refusedAt(m.path, err) }

func refusedAt(path string, err error) error {
	var refused *RefusedError
	if errors.As(err, &refused) {
		refused.Path = path
		return refused
	}
	var trap *TrapError
	if errors.As(err, &trap) {
		reason := fmt.Sprintf("trapped in %s: %s", trap.Call, trap.Reason)
		if line := trap.firstLine(); line != "" {
			reason += ": " + line
		}
		remedy := "mend the plugin"
		if setting, _, ok := strings.Cut(trap.Limit, " = "); ok {
			reason += fmt.Sprintf(" (%s)", trap.Limit)
			remedy += ", or raise " + setting
		}
		return &RefusedError{Path: path, Reason: reason, Remedy: remedy, Err: err}
	}
	return &RefusedError{Path: path, Reason: err.Error(), Err: err}
}
