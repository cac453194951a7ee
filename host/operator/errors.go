package operator

import (
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/host/guest"
)

// GuestError is the failure of a whole batch for which a plugin is to blame, or at which it was at
// hand. A record that a plugin refuses is a fault instead.
type GuestError struct {
	Module   *guest.Module
	Function string
	Err      error
}

// Error names the function and its plugin.
func (e *GuestError) Error() string {
	return fmt.Sprintf("running %s of %s: %v", e.Function, e.Module.Path(), e.Err)
}

// Unwrap returns what went wrong.
func (e *GuestError) Unwrap() error { return e.Err }

// CrashBudgetError says that a plugin trapped too often. With the policy "fail" it ends the job.
type CrashBudgetError struct {
	Plugin   string // of the job file
	Traps    int
	Within   time.Duration
	Function string // that trapped last
	Reason   string // of the last trap
}

// Error names the plugin, the setting and the last trap.
func (e *CrashBudgetError) Error() string {
	return fmt.Sprintf("plugin %s has spent its crash budget: %d traps within %v (%s); the last one "+
		"was in function %s: %s", e.Plugin, e.Traps, e.Within, crashKey(e.Plugin), e.Function, e.Reason)
}

// crashKey is the setting of the job file that a plugin's crash budget comes from.
func crashKey(plugin string) string { return "plugins." + plugin + ".crash_budget" }
