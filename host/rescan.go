package host

import (
	"github.com/wasmflow/wasmflow/host/config"
)

// Rescan begins to swap the first plugin, of those called names, whose file holds something that
// the job has not looked at. It returns the plugin, or "" when there is none. A pinned plugin stays
// as it is: its job file says which module it has to be.
func (e *Engine) Rescan(names []string, trigger string) (plugin string, err error) {
	for _, name := range names {
		x := e.plugins.find(name)
		if x == nil || x.SHA256 != "" {
			continue
		}
		data, err := config.ReadFile(x.Path, int64(x.Limits.Module))
		if err != nil {
			continue // it is being replaced, or gone; the job does not need it
		}
		offer := offerOf(data, x.Config.JSON())
		if offer == x.offer() || offer == x.current().offer {
			continue
		}
		_, err = e.Swap(SwapRequest{
			Plugin: name, Path: x.Path, Config: x.Config.JSON(), Trigger: trigger,
		})
		return name, err
	}
	return "", nil
}
