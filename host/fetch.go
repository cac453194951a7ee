package host

import (
	"context"
	"errors"

	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/modules"
)

// moduleSource says how the module of s is loaded for plugin c. The credentials of the job file go
// to the server that it names itself, whatever somebody who asks for a swap names.
func (p *plugins) moduleSource(c *config.Plugin, s source) modules.Source {
	return modules.Source{
		Ref: s.path, SHA256: s.pin, SizeMax: int64(c.Limits.Module),
		PublicKey: c.PublicKey, Signature: s.signature,
		Access: c.Fetch, Home: c.Path, Production: p.cfg.Job.Production,
	}
}

// offeredModule returns the digest of the module that the job file names for c. It may be any: the
// signature is looked at by the swap that follows, which tells what is wrong with it.
func (p *plugins) offeredModule(ctx context.Context, c *config.Plugin) (sha256 string, err error) {
	if c.SHA256 != "" {
		return c.SHA256, nil
	}
	s := p.moduleSource(c, source{path: c.Path})
	s.PublicKey = ""
	m, err := p.cfg.Modules.Load(ctx, s)
	if err != nil {
		return "", err
	}
	return m.SHA256, nil
}

// shownName is a reference without what is nobody's business.
func shownName(ref string) string {
	if r, err := modules.Parse(ref); err == nil {
		return r.String()
	}
	return ref
}

// checkSwapRef refuses a module that a swap may not name, whatever it holds.
func checkSwapRef(job *config.Job, c *config.Plugin, r SwapRequest) error {
	if r.Back || r.Path == "" {
		return nil
	}
	ref, err := modules.Parse(r.Path)
	switch {
	case err != nil:
		return err
	case job.Production:
		return ref.CheckPinned(r.SHA256)
	case c.Pinned() && r.SHA256 == "" && ref.Digest() == "":
		return errors.New("the job file pins it by its digest; give that of the new module")
	}
	return nil
}
