package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
	"github.com/wasmflow/wasmflow/host/operator"
)

// version is a module with a configuration: what a swap replaces as a whole.
type version struct {
	module *guest.Module
	bytes  []byte
	config json.RawMessage
	offer  string // the offer of a job file that would name it
	health operator.Health
	// crashes is the crash budget. It outlives attempts, as what spent it does.
	crashes *operator.CrashBudget
	closed  sync.Once
}

// Close frees the module and all its instances. It is idempotent.
func (v *version) Close(ctx context.Context) (err error) {
	v.closed.Do(func() { err = v.module.Close(ctx) })
	return err
}

// name is how people and the API are told of v.
func (v *version) name() Version {
	return Version{
		SHA256: v.module.SHA256(), Config: v.config, Path: v.module.Path(),
		Version:      v.module.Description().Version,
		StateVersion: v.module.Description().StateVersion,
	}
}

// is reports whether a manifest means v.
func (v *version) is(m checkpoint.Module) bool {
	return v.module.SHA256() == m.SHA256 && string(v.config) == string(configOf(m))
}

// configOf is the configuration in a manifest; none is the empty object.
func configOf(m checkpoint.Module) json.RawMessage {
	if len(m.Config) == 0 {
		return json.RawMessage("{}")
	}
	return m.Config
}

// offerOf is the digest of a configuration and of a module, of which sha256Hex is the digest, that
// a job file names.
func offerOf(sha256Hex string, config json.RawMessage) string {
	sum, err := hex.DecodeString(sha256Hex)
	if err != nil {
		panic("host: " + sha256Hex + " is the digest of no module")
	}
	both := sha256.Sum256(append(sum, config...))
	return hex.EncodeToString(both[:])
}

// plugin is a plugin of the job file with the version that runs.
type plugin struct {
	*config.Plugin
	uses  []use
	begun bool // with the version that a manifest names
	// captures keeps what functions of the plugin failed on in tasks; nil is nothing.
	captures *capture.Folder

	mu struct { // held for copying only
		sync.Mutex
		current  *version
		previous *version // that ran before; closed once nothing can come back to it
		offer    string   // of the job file that was looked at last
		samplers map[string]*operator.Sampler
	}
}

func (p *plugin) current() *version {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.current
}

func (p *plugin) previous() *version {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.previous
}

// become makes v the version that runs from now on.
func (p *plugin) become(v *version) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v != p.mu.current {
		p.mu.previous, p.mu.current = p.mu.current, v
	}
}

// forget drops what ran before: it did badly, and nobody goes back to it.
func (p *plugin) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.previous = nil
}

// looked notes that what the job file offers was tried, whatever came of it.
func (p *plugin) looked(offer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.offer = offer
}

func (p *plugin) offer() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.offer
}

// sampler returns what copies the batches of a function of a stage.
func (p *plugin) sampler(step, function string) *operator.Sampler {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.samplers == nil {
		p.mu.samplers = map[string]*operator.Sampler{}
	}
	key := step + "\x00" + function
	if p.mu.samplers[key] == nil {
		p.mu.samplers[key] = &operator.Sampler{}
	}
	return p.mu.samplers[key]
}

// inManifest is what manifests say of the plugin.
func (p *plugin) inManifest() checkpoint.Module {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := checkpoint.Module{
		Plugin: p.Name, SHA256: p.mu.current.module.SHA256(), Config: p.mu.current.config,
	}
	if p.mu.offer != p.mu.current.offer {
		m.Offer = p.mu.offer
	}
	return m
}

// use is a place of the job where a function of a plugin works.
type use struct {
	key  string // of the job file, for messages
	step string // stage
	ref  connectors.FunctionRef
	role abi.Role
}

// usesOf lists the places where the job names functions of plugins.
func usesOf(job *config.Job) []use {
	var all []use
	add := func(key, step string, ref connectors.FunctionRef, role abi.Role) {
		if ref.Plugin != "" {
			all = append(all, use{key, step, ref, role})
		}
	}
	for i := range job.Sources {
		s := &job.Sources[i]
		add("sources."+s.Name+".deserializer", s.Name, s.Deserializer, abi.RoleDeserializer)
	}
	for i := range job.Transforms {
		t := &job.Transforms[i]
		add("transforms."+t.Name, t.Name, refOf(t), abi.RoleTransform)
	}
	for i := range job.Sinks {
		s := &job.Sinks[i]
		add("sinks."+s.Name+".serializer", s.Name, s.Serializer, abi.RoleSerializer)
		add("sinks."+s.Name+".partitioner", s.Name, s.Partitioner, abi.RolePartitioner)
		if b, ok := s.Config.(connectors.Bucketed); ok {
			if ref, guest := b.BucketerRef(); guest {
				add("sinks."+s.Name+".bucketer", s.Name, ref, abi.RoleBucketer)
			}
		}
	}
	return all
}

// source says where a version comes from.
type source struct {
	path      string // a reference
	bytes     []byte // nil is read from path
	pin       string
	signature string // where it is; "" is the usual place
	config    json.RawMessage
}

// loadVersion loads a module and opens it once with its configuration: the error is a
// *modules.Error when there is no such module, or none that may be used, and a *guest.RefusedError
// when the module or the configuration is at fault.
func (p *plugins) loadVersion(ctx context.Context, c *config.Plugin, s source) (*version, error) {
	data, name := s.bytes, shownName(s.path)
	if data == nil {
		m, err := p.cfg.Modules.Load(ctx, p.moduleSource(c, s))
		if err != nil {
			return nil, err
		}
		data = m.Bytes
	}
	m, err := p.cfg.Guests.Load(ctx, guest.Source{Path: name, Bytes: data, Pin: s.pin},
		guestLimits(&c.Limits))
	if err != nil {
		return nil, err
	}
	in, err := m.Instantiate(ctx, guest.InstanceConfig{
		Config: s.config, Key: guest.NewSeedKey(p.cfg.Job.Name, c.Name), Time: p.cfg.Now().UnixNano(),
	})
	if err == nil {
		err = in.Close(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return &version{
		module: m, bytes: data, config: s.config, offer: offerOf(m.SHA256(), s.config),
		crashes: operator.NewCrashBudget(c.Name, crashLimits(&c.CrashBudget)),
	}, nil
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

// crashLimits are how often a plugin may trap.
func crashLimits(b *config.CrashBudget) operator.CrashLimits {
	return operator.CrashLimits{
		Traps: b.Traps, Within: b.Within.D(), Policy: operator.CrashPolicy(b.Policy),
	}
}

// check reports the first place of the job that m cannot serve. read returns the named outputs
// that the job reads of a stage.
func (p *plugin) check(m *guest.Module, read func(step string) []string) (key string, err error) {
	for _, u := range p.uses {
		i, err := m.Function(u.ref.Function, u.role)
		if err != nil {
			return u.key + ".function", err
		}
		if u.role != abi.RoleTransform && u.role != abi.RoleDeserializer {
			continue
		}
		for _, output := range read(u.step) {
			if !slices.Contains(m.Description().Functions[i].Outputs, output) {
				return u.key + ".function", &guest.RefusedError{
					Path:   m.Path(),
					Reason: fmt.Sprintf("function %q has no output %q", u.ref.Function, output),
					Remedy: "the job reads that output; add it, or change the job and restart it",
				}
			}
		}
	}
	return "", nil
}
