package host

import "context"

// Rescan begins to swap the first plugin, of those called names, whose file holds something that
// the job has not looked at. It returns the plugin, or "" when there is none. A pinned plugin stays
// as it is: its job file says which module it has to be.
func (e *Engine) Rescan(ctx context.Context, names []string, trigger string,
) (plugin string, err error) {
	for _, name := range names {
		x := e.plugins.find(name)
		if x == nil || x.Pinned() {
			continue
		}
		module, err := e.plugins.offeredModule(ctx, x.Plugin)
		if err != nil {
			continue // it is being replaced, or gone; the job does not need it
		}
		offer := offerOf(module, x.Config.JSON())
		if offer == x.offer() || offer == x.current().offer {
			continue
		}
		_, err = e.Swap(SwapRequest{
			Plugin: name, Path: x.Path, Signature: x.Signature, Config: x.Config.JSON(), Trigger: trigger,
		})
		return name, err
	}
	return "", nil
}
