package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/modules"
)

// plugins are the plugins of a job, sorted as in the job file.
type plugins struct {
	cfg  Config
	plan *plan
	list []*plugin
	// found is what the job file names for plugins that began with the versions of the last run.
	found []found
	// offers are those of found that nobody has looked at, since the first claim.
	offers []SwapRequest
}

// found is a module that the job file names, and the offer that this makes.
type found struct {
	request SwapRequest
	offer   string
}

// loadPlugins makes every plugin ready to run: the version that the last decided epoch was produced
// by, or else that of the job file. It checks that each function the job names is there with the
// right role. It stops at the first plugin that is refused, with a *config.Error.
func loadPlugins(ctx context.Context, cfg Config, plan *plan) (*plugins, error) {
	p := &plugins{cfg: cfg, plan: plan}
	uses := usesOf(cfg.Job)
	for i := range cfg.Job.Plugins {
		x := &plugin{
			Plugin:   &cfg.Job.Plugins[i],
			captures: capturesOf(cfg.Job, cfg.Job.Plugins[i].Name),
		}
		for _, u := range uses {
			if u.ref.Plugin == x.Name {
				x.uses = append(x.uses, u)
			}
		}
		if err := p.load(ctx, x); err != nil {
			return nil, errors.Join(err, p.Close(ctx))
		}
		p.list = append(p.list, x)
	}
	if err := p.checkFunctions(); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

// load loads the version that x begins with.
func (p *plugins) load(ctx context.Context, x *plugin) error {
	for _, kept := range p.cfg.Kept {
		if kept.Plugin != x.Name {
			continue
		}
		v, err := p.loadKept(ctx, x, kept)
		if err == nil {
			x.mu.current, x.mu.offer, x.begun = v, cmp.Or(kept.Offer, v.offer), true
			p.offer(ctx, x, kept.SHA256)
			return nil
		}
		p.cfg.Logger.Warn("the plugin of the last epoch cannot be used; the job goes on with that of "+
			"the job file", "plugin", x.Name, "module", kept.SHA256, "error", err)
	}
	v, err := p.loadVersion(ctx, x.Plugin, source{
		path: x.Path, pin: x.SHA256, signature: x.Signature, config: x.Config.JSON(),
	})
	if err != nil {
		return p.refuseVersion(x.Name, err)
	}
	x.mu.current, x.mu.offer = v, v.offer
	return nil
}

// loadKept loads the version that a manifest names, if it can still serve the job.
func (p *plugins) loadKept(ctx context.Context, x *plugin, kept checkpoint.Module,
) (*version, error) {
	data, err := p.cfg.ReadModule(ctx, kept.SHA256)
	if err != nil {
		return nil, fmt.Errorf("reading module %s: %w", kept.SHA256, err)
	}
	v, err := p.loadVersion(ctx, x.Plugin, source{
		path: x.Path, bytes: data, config: configOf(kept),
	})
	if err != nil {
		return nil, err
	}
	if _, err := x.check(v.module, p.plan.outputsRead); err != nil {
		return nil, errors.Join(err, v.Close(ctx))
	}
	return v, nil
}

// offerTimeout bounds how long a restart waits for a server: it needs nothing of it.
const offerTimeout = 10 * time.Second

// offer notes what the job file names in place of kept. Whether that is new is known at the first
// claim.
func (p *plugins) offer(ctx context.Context, x *plugin, kept string) {
	ctx, cancel := context.WithTimeout(ctx, offerTimeout)
	defer cancel()
	module, err := p.offeredModule(ctx, x.Plugin)
	if err != nil {
		// It is not needed, and a file that is being replaced may be gone for a moment.
		p.cfg.Logger.Warn("reading a plugin; the job goes on with the one of the last epoch",
			"plugin", x.Name, "module", kept, "error", err)
		return
	}
	p.found = append(p.found, found{offer: offerOf(module, x.Config.JSON()), request: SwapRequest{
		Plugin: x.Name, Path: x.Path, SHA256: x.SHA256, Signature: x.Signature,
		Config: x.Config.JSON(), Trigger: TriggerStart,
	}})
}

// refuse words why a plugin cannot be used as a problem of the job file.
func (p *plugins) refuse(key string, err error) error {
	var refused *guest.RefusedError
	if errors.As(err, &refused) {
		return p.cfg.Job.Refuse(key, refused.Error())
	}
	return fmt.Errorf("loading %s: %w", key, err)
}

// refuseVersion is refuse for a plugin that cannot be loaded or opened.
func (p *plugins) refuseVersion(name string, err error) error {
	key := "plugins." + name
	var missing *modules.Error
	if errors.As(err, &missing) {
		err = p.cfg.Job.Refuse(key+"."+missing.Setting, missing.Error())
		if missing.Passing {
			return &StartError{err}
		}
		return err
	}
	var bad *abi.ConfigError
	if !errors.As(err, &bad) {
		return p.refuse(key+".path", err)
	}
	key += ".config"
	if bad.Field != "" {
		key += "." + bad.Field
	}
	return p.cfg.Job.Refuse(key, fmt.Sprintf("the plugin refuses its configuration: %s", bad.Message))
}

// checkFunctions checks every function of a plugin that the job names.
func (p *plugins) checkFunctions() error {
	var errs []error
	for _, u := range usesOf(p.cfg.Job) {
		if _, err := p.named(u.ref.Plugin).current().module.Function(u.ref.Function, u.role); err != nil {
			errs = append(errs, p.refuse(u.key+".function", err))
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

// find returns the plugin called name, or nil.
func (p *plugins) find(name string) *plugin {
	for _, x := range p.list {
		if x.Name == name {
			return x
		}
	}
	return nil
}

func (p *plugins) named(name string) *plugin {
	if x := p.find(name); x != nil {
		return x
	}
	panic("host: the job file names plugin " + name + ", which was never loaded")
}

// modules returns what manifests say of the plugins.
func (p *plugins) modules() []checkpoint.Module {
	out := make([]checkpoint.Module, len(p.list))
	for i, x := range p.list {
		out[i] = x.inManifest()
	}
	return out
}

// keep stores every module's bytes in the log.
func (p *plugins) keep(ctx context.Context, log JobLog) error {
	for _, x := range p.list {
		if _, err := log.StoreModule(ctx, x.current().bytes); err != nil {
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
	d := p.named(ref.Plugin).current().module.Description()
	if i, ok := d.Function(ref.Function); ok {
		return d.Functions[i].Outputs
	}
	return nil
}

// Close frees the modules.
func (p *plugins) Close(ctx context.Context) error {
	var errs []error
	for _, x := range p.list {
		for _, v := range []*version{x.current(), x.previous()} {
			if v != nil {
				errs = append(errs, v.Close(ctx))
			}
		}
	}
	return errors.Join(errs...)
}
