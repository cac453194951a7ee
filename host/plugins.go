package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/operator"
)

// plugins are the loaded modules of a job, sorted as in the job file. They are loaded once and
// stay the same over restarts of the job within the process.
type plugins struct {
	cfg  Config
	list []plugin
}

type plugin struct {
	*config.Plugin
	module *guest.Module
	bytes  []byte
}

// loadPlugins reads, checks and compiles every plugin, opens it once with its configuration, and
// checks that each function the job names is there with the right role. It stops at the first
// plugin that is refused, with a *config.Error.
func loadPlugins(ctx context.Context, cfg Config) (*plugins, error) {
	p := &plugins{cfg: cfg}
	for i := range cfg.Job.Plugins {
		if err := p.load(ctx, &cfg.Job.Plugins[i]); err != nil {
			return nil, errors.Join(err, p.Close(ctx))
		}
	}
	if err := p.checkFunctions(); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

func (p *plugins) load(ctx context.Context, c *config.Plugin) error {
	key := "plugins." + c.Name
	data, err := config.ReadFile(c.Path, int64(c.Limits.Module))
	if err != nil {
		data = nil // the loader words what is wrong with the file
	}
	m, err := p.cfg.Guests.Load(ctx, guest.Source{Path: c.Path, Bytes: data, Pin: c.SHA256},
		guestLimits(&c.Limits))
	if err != nil {
		return p.refuse(key+".path", err)
	}
	p.list = append(p.list, plugin{Plugin: c, module: m, bytes: data})
	in, err := m.Instantiate(ctx, guest.InstanceConfig{
		Config: c.Config.JSON(), Key: guest.NewSeedKey(p.cfg.Job.Name, c.Name),
		Time: p.cfg.Now().UnixNano(),
	})
	if err != nil {
		var bad *abi.ConfigError
		if errors.As(err, &bad) {
			key += ".config"
			if bad.Field != "" {
				key += "." + bad.Field
			}
			return p.cfg.Job.Refuse(key, fmt.Sprintf("the plugin refuses its configuration: %s",
				bad.Message))
		}
		return p.refuse(key+".path", err)
	}
	return in.Close(ctx)
}

// guestLimits are the limits of a job file that the sandbox keeps.
func guestLimits(l *config.PluginLimits) guest.Limits {
	return guest.Limits{
		ModuleBytes: int64(l.Module), MemoryBytes: int64(l.Memory), TableElements: int64(l.Table),
		StackBytes:   int64(l.Stack),
		TimePerBatch: time.Duration(l.TimePerBatch), TimePerRecord: time.Duration(l.TimePerRecord),
		TimeToStart:  time.Duration(l.TimeToStart),
		LogLines:     l.LogLines,
		CompileBytes: int64(l.CompileMemory), CompileTime: time.Duration(l.CompileTime),
	}
}

// outputLimits are those that are kept when answers are read.
func outputLimits(l *config.PluginLimits) operator.Limits {
	return operator.Limits{OutputBytes: int64(l.OutputBytes), OutputRecords: l.OutputRecords}
}

// refuse words why a plugin cannot be used as a problem of the job file.
func (p *plugins) refuse(key string, err error) error {
	var refused *guest.RefusedError
	if errors.As(err, &refused) {
		return p.cfg.Job.Refuse(key, refused.Error())
	}
	return fmt.Errorf("loading %s: %w", key, err)
}

// checkFunctions checks every function of a plugin that the job names.
func (p *plugins) checkFunctions() error {
	check := func(key string, ref connectors.FunctionRef, role abi.Role) error {
		if ref.Plugin == "" {
			return nil
		}
		if _, err := p.named(ref.Plugin).module.Function(ref.Function, role); err != nil {
			return p.refuse(key+".function", err)
		}
		return nil
	}
	var errs []error
	for i := range p.cfg.Job.Sources {
		s := &p.cfg.Job.Sources[i]
		errs = append(errs, check("sources."+s.Name+".deserializer", s.Deserializer,
			abi.RoleDeserializer))
	}
	for i := range p.cfg.Job.Transforms {
		t := &p.cfg.Job.Transforms[i]
		errs = append(errs, check("transforms."+t.Name, refOf(t), abi.RoleTransform))
	}
	for i := range p.cfg.Job.Sinks {
		s := &p.cfg.Job.Sinks[i]
		errs = append(errs, check("sinks."+s.Name+".serializer", s.Serializer, abi.RoleSerializer),
			check("sinks."+s.Name+".partitioner", s.Partitioner, abi.RolePartitioner))
		if b, ok := s.Config.(connectors.Bucketed); ok {
			if ref, guest := b.BucketerRef(); guest {
				errs = append(errs, check("sinks."+s.Name+".bucketer", ref, abi.RoleBucketer))
			}
		}
	}
	return joinProblems(errs)
}

// joinProblems makes one *config.Error of several, so that a user sees all at once.
func joinProblems(errs []error) error {
	var all config.Error
	for _, err := range errs {
		var e *config.Error
		switch {
		case err == nil:
		case errors.As(err, &e):
			all.Problems = append(all.Problems, e.Problems...)
		default:
			return err
		}
	}
	if len(all.Problems) == 0 {
		return nil
	}
	return &all
}

func (p *plugins) named(name string) *plugin {
	for i := range p.list {
		if p.list[i].Name == name {
			return &p.list[i]
		}
	}
	panic("host: the job file names plugin " + name + ", which was never loaded")
}

// modules returns what manifests say of the plugins.
func (p *plugins) modules() []checkpoint.Module {
	out := make([]checkpoint.Module, len(p.list))
	for i, x := range p.list {
		out[i] = checkpoint.Module{
			Plugin: x.Name, SHA256: x.module.SHA256(), Config: x.Config.JSON(),
		}
	}
	return out
}

// keep stores every module's bytes in the log.
func (p *plugins) keep(ctx context.Context, log JobLog) error {
	for _, x := range p.list {
		if _, err := log.StoreModule(ctx, x.bytes); err != nil {
			return fmt.Errorf("keeping the module of plugin %s: %w", x.Name, err)
		}
	}
	return nil
}

// Outputs implements functions.
func (p *plugins) Outputs(ref connectors.FunctionRef) []string {
	if ref.Plugin == "" {
		return nil
	}
	d := p.named(ref.Plugin).module.Description()
	if i, ok := d.Function(ref.Function); ok {
		return d.Functions[i].Outputs
	}
	return nil
}

// Close frees the modules.
func (p *plugins) Close(ctx context.Context) error {
	var errs []error
	for _, x := range p.list {
		errs = append(errs, x.module.Close(ctx))
	}
	return errors.Join(errs...)
}
