package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

// Options of a run. The zero value is ready for use.
type Options struct {
	// Seed of what is random; 0 means 1.
	Seed uint64
	// Config goes to the guest's open. The kit's own checks of configurations do not use it.
	Config json.RawMessage
	// Limits of the guest.
	Limits guest.Limits
}

// Run loads a guest and runs all checks. A guest that is refused has one failed row. The error is
// that of the context, or of freeing the guest.
func Run(
	ctx context.Context, rt *guest.Runtime, src guest.Source, o Options,
) (res *Result, err error) {
	if o.Seed == 0 {
		o.Seed = 1
	}
	res = &Result{Path: src.Path, Seed: o.Seed}
	m, err := rt.Load(ctx, src, o.Limits)
	var refused *guest.RefusedError
	if errors.As(err, &refused) {
		refused.Path = "" // the result names it
		res.Rows = append(res.Rows, Row{"load", GroupCore, Failed, refused.Error()})
		return res, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close(ctx)) }()
	d := m.Description()
	res.SHA256, res.Plugin, res.Version = m.SHA256(), d.Name, d.Version

	kit := Kit()
	for _, c := range kit {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		res.Rows = append(res.Rows, runCheck(ctx, m, c, o))
	}
	for _, f := range d.Functions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !inKit(kit, f.Name) {
			res.Rows = append(res.Rows, runCheck(ctx, m, anyFunction(f), o))
		}
	}
	return res, nil
}

func inKit(kit []Check, function string) bool {
	for _, c := range kit {
		if c.Function != "" && c.Function == function {
			return true
		}
	}
	return false
}

func runCheck(ctx context.Context, m *guest.Module, c Check, o Options) Row {
	row := Row{Check: c.Name, Group: c.Group}
	if c.Function != "" {
		i, ok := m.Description().Function(c.Function)
		if !ok {
			row.Status, row.Detail = NotOffered, c.Doc
			return row
		}
		if role := m.Description().Functions[i].Role; role != c.Role {
			row.Status = Failed
			row.Detail = fmt.Sprintf("is a %s, it must be a %s", role, c.Role)
			return row
		}
	}
	b := &bench{
		ctx: ctx, module: m, function: c.Function, role: c.Role, config: o.Config,
		random: rand.New(rand.NewPCG(o.Seed, abi.FunctionSeed(c.Name))),
	}
	if err := c.run(b); err != nil {
		row.Status, row.Detail = Failed, err.Error()
		return row
	}
	row.Status = Passed
	return row
}
