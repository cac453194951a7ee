package host

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/operator"
)

// Opener opens a built-in function of role T for one task; nil options are the defaults.
type Opener[T any] func(
	ctx context.Context, fc connectors.FunctionContext, o connectors.FunctionOptions,
) (T, error)

// Builtins are the functions that job files name without a plugin.
type Builtins struct {
	Deserializers map[string]Opener[connectors.Deserializer]
	Serializers   map[string]Opener[connectors.Serializer]
}

// site is a place in a task where a function of a plugin works: what a swap exchanges.
type site struct {
	step     string
	ref      connectors.FunctionRef
	role     abi.Role
	function operator.Exchanger
}

// operatorConfig is how a guest function of step, a stage of the job, is run in version v of its
// plugin. metrics takes what the guest counts.
func (p *plugins) operatorConfig(step string, ref connectors.FunctionRef, v *version,
	metrics *guestMetrics,
) operator.Config {
	x := p.named(ref.Plugin)
	return operator.Config{
		Module: v.module, Function: ref.Function, Step: step, Job: p.cfg.Job.Name,
		PluginConfig: v.config,
		Logger: p.cfg.Logger.With(
			slog.String("plugin", ref.Plugin), slog.String("function", ref.Function)),
		Metrics: metrics.of(step), Now: p.cfg.Now, Pace: time.Now,
		Limits: outputLimits(&x.Limits), Health: &v.health, Crashes: v.crashes,
		Sampler: x.sampler(step, ref.Function),
	}
}

// taskFunctions opens the functions of one task.
type taskFunctions struct {
	*plugins
	metrics *guestMetrics
	run     *taskRun // whose sites are noted
	dry     bool     // nothing is written
}

func (f taskFunctions) config(step string, ref connectors.FunctionRef) operator.Config {
	x := f.named(ref.Plugin)
	cfg := f.operatorConfig(step, ref, x.current(), f.metrics)
	if !f.dry {
		cfg.Capture = x.captures
	}
	return cfg
}

func (f taskFunctions) note(step string, ref connectors.FunctionRef, role abi.Role,
	x operator.Exchanger,
) {
	f.run.sites = append(f.run.sites, site{step, ref, role, x})
}

// Transform opens the transform of a stage.
func (f taskFunctions) Transform(ctx context.Context, step string, ref connectors.FunctionRef,
) (connectors.Transform, error) {
	t, err := operator.NewTransform(ctx, f.config(step, ref))
	if err != nil {
		return nil, err
	}
	f.note(step, ref, abi.RoleTransform, t)
	return t, nil
}

// Deserializer opens the deserializer of a stage.
func (f taskFunctions) Deserializer(ctx context.Context, fc connectors.FunctionContext,
	ref connectors.FunctionRef,
) (connectors.Deserializer, error) {
	if ref.Plugin != "" {
		d, err := operator.NewDeserializer(ctx, f.config(fc.Env.Name, ref))
		if err != nil {
			return nil, err
		}
		f.note(fc.Env.Name, ref, abi.RoleDeserializer, d)
		return d, nil
	}
	open, ok := f.cfg.Builtins.Deserializers[ref.Builtin]
	if !ok {
		return nil, fmt.Errorf("deserializer %q is in the table of names, but not built in", ref.Builtin)
	}
	return open(ctx, fc, ref.Options)
}

// Serializer opens the serializer of a stage.
func (f taskFunctions) Serializer(ctx context.Context, fc connectors.FunctionContext,
	ref connectors.FunctionRef,
) (connectors.Serializer, error) {
	if ref.Plugin != "" {
		s, err := operator.NewSerializer(ctx, f.config(fc.Env.Name, ref))
		if err != nil {
			return nil, err
		}
		f.note(fc.Env.Name, ref, abi.RoleSerializer, s)
		return s, nil
	}
	open, ok := f.cfg.Builtins.Serializers[ref.Builtin]
	if !ok {
		return nil, fmt.Errorf("serializer %q is in the table of names, but not built in", ref.Builtin)
	}
	return open(ctx, fc, ref.Options)
}

// Bucketer opens the bucketer of a sink.
func (f taskFunctions) Bucketer(ctx context.Context, step string, ref connectors.FunctionRef,
) (connectors.BucketAssigner, error) {
	b, err := operator.NewBucketAssigner(ctx, f.config(step, ref))
	if err != nil {
		return nil, err
	}
	f.note(step, ref, abi.RoleBucketer, b)
	return b, nil
}

// Partitioner opens the partitioner of a sink.
func (f taskFunctions) Partitioner(ctx context.Context, step string, ref connectors.FunctionRef,
) (connectors.Partitioner, error) {
	p, err := operator.NewPartitioner(ctx, f.config(step, ref))
	if err != nil {
		return nil, err
	}
	f.note(step, ref, abi.RolePartitioner, p)
	return p, nil
}
