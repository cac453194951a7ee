package host

import (
	"context"
	"fmt"
	"log/slog"
	"time"

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

// operatorConfig is how a guest function of step, a stage of the job, is run. metrics takes what
// the guest counts.
func (p *plugins) operatorConfig(step string, ref connectors.FunctionRef, metrics *guestMetrics,
) operator.Config {
	x := p.named(ref.Plugin)
	return operator.Config{
		Module: x.module, Function: ref.Function, Step: step, Job: p.cfg.Job.Name,
		PluginConfig: x.Config.JSON(),
		Logger: p.cfg.Logger.With(
			slog.String("plugin", ref.Plugin), slog.String("function", ref.Function)),
		Metrics: metrics.of(step), Now: p.cfg.Now, Pace: time.Now,
		Limits: outputLimits(&x.Limits),
	}
}

// Transform opens the transform of a stage.
func (p *plugins) Transform(ctx context.Context, step string, ref connectors.FunctionRef,
	m *guestMetrics,
) (connectors.Transform, error) {
	return operator.NewTransform(ctx, p.operatorConfig(step, ref, m))
}

// Deserializer opens the deserializer of a stage.
func (p *plugins) Deserializer(ctx context.Context, fc connectors.FunctionContext,
	ref connectors.FunctionRef, m *guestMetrics,
) (connectors.Deserializer, error) {
	if ref.Plugin != "" {
		return operator.NewDeserializer(ctx, p.operatorConfig(fc.Env.Name, ref, m))
	}
	open, ok := p.cfg.Builtins.Deserializers[ref.Builtin]
	if !ok {
		return nil, fmt.Errorf("deserializer %q is in the table of names, but not built in", ref.Builtin)
	}
	return open(ctx, fc, ref.Options)
}

// Serializer opens the serializer of a stage.
func (p *plugins) Serializer(ctx context.Context, fc connectors.FunctionContext,
	ref connectors.FunctionRef, m *guestMetrics,
) (connectors.Serializer, error) {
	if ref.Plugin != "" {
		return operator.NewSerializer(ctx, p.operatorConfig(fc.Env.Name, ref, m))
	}
	open, ok := p.cfg.Builtins.Serializers[ref.Builtin]
	if !ok {
		return nil, fmt.Errorf("serializer %q is in the table of names, but not built in", ref.Builtin)
	}
	return open(ctx, fc, ref.Options)
}

// Bucketer opens the bucketer of a sink.
func (p *plugins) Bucketer(ctx context.Context, step string, ref connectors.FunctionRef,
	m *guestMetrics,
) (connectors.BucketAssigner, error) {
	return operator.NewBucketAssigner(ctx, p.operatorConfig(step, ref, m))
}

// Partitioner opens the partitioner of a sink.
func (p *plugins) Partitioner(ctx context.Context, step string, ref connectors.FunctionRef,
	m *guestMetrics,
) (connectors.Partitioner, error) {
	return operator.NewPartitioner(ctx, p.operatorConfig(step, ref, m))
}
