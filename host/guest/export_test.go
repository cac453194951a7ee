package guest

import "time"

// Allow begins a batch's allowance with a fuel and a time of their own.
func (in *Instance) Allow(fuel int64, d time.Duration) {
	in.budget.grant(AllowBatch)
	in.budget.left, in.budget.until = fuel, now().Add(d)
}
