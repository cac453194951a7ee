package operator

import "sync/atomic"

// Health counts what a plugin does to records, for whoever judges it. All tasks count into one.
type Health struct{ records, refused, traps atomic.Uint64 }

// Vitals are the counts of a Health at one moment.
type Vitals struct {
	Records uint64 `json:"records"` // given to a function
	Refused uint64 `json:"refused"` // of them, faults
	Traps   uint64 `json:"traps"`   // instances that were lost
}

// Load reads h.
func (h *Health) Load() Vitals {
	return Vitals{Records: h.records.Load(), Refused: h.refused.Load(), Traps: h.traps.Load()}
}

// Saw counts records that a function was given, and how many of them it refused. A nil h counts nothing.
func (h *Health) Saw(records, refused int) {
	if h != nil {
		h.records.Add(uint64(records))
		h.refused.Add(uint64(refused))
	}
}

func (h *Health) trapped() {
	if h != nil {
		h.traps.Add(1)
	}
}
