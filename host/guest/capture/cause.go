package capture

import (
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	// capturesPerCause is how many captures there are of one cause: a few records that fail alike
	// tell more than one, and the first ones are what a report needs.
	capturesPerCause = 4
	// causesMax bounds what is remembered. A plugin that fails in more ways is known by then.
	causesMax = 256
	// capturesPerSecond bounds what captures cost: one takes some 15 ms, most of it on the disk, so
	// five keep a task from its records for less than a tenth of its time.
	capturesPerSecond = 5
	// causeBytes is what is compared of a text; what is behind it tells the values of one record.
	causeBytes = 128
)

// cause is what failures of a plugin have in common that one of them explains.
type cause struct {
	module, function string
	alone            bool
	kind             Kind
	call, limit      string
	class            string // of the text
}

// causeOf returns the cause of a failure.
func causeOf(module, function string, alone bool, o *Outcome) cause {
	return cause{
		module: module, function: function, alone: alone, kind: o.Kind, call: o.Call, limit: o.Limit,
		class: classOf(o.Text),
	}
}

// classOf returns text with what differs from record to record taken out: every run of digits, and
// of letters behind a digit, is one '#'.
func classOf(text string) string {
	var s strings.Builder
	inside := false
	for _, r := range strings.ToValidUTF8(text[:min(len(text), causeBytes)], "") {
		switch {
		case unicode.IsDigit(r):
			if !inside {
				s.WriteByte('#')
			}
			inside = true
		case inside && unicode.IsLetter(r):
		default:
			inside = false
			s.WriteRune(r)
		}
	}
	return s.String()
}

// quota says which failures of a plugin are captured. Any goroutine may use it.
type quota struct {
	mu struct {
		sync.Mutex
		causes  map[cause]int // captures of each
		second  int64         // since 1970, the one that taken counts
		taken   int
		skipped uint64
	}
}

// take reports whether a failure at a time is to be captured, and counts it either way.
func (q *quota) take(c cause, at time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := at.Unix(); now != q.mu.second {
		q.mu.second, q.mu.taken = now, 0
	}
	had, known := q.mu.causes[c]
	if q.mu.taken >= capturesPerSecond || had >= capturesPerCause ||
		!known && len(q.mu.causes) >= causesMax {
		q.mu.skipped++
		return false
	}
	if q.mu.causes == nil {
		q.mu.causes = map[cause]int{}
	}
	q.mu.causes[c]++
	q.mu.taken++
	return true
}

// Wants reports whether a failure of a function of a module is to be captured (K6). Ask before the
// batch is put together: most failures of a broken plugin are like one before, and cost nothing.
func (f *Folder) Wants(module, function string, alone bool, o *Outcome, at time.Time) bool {
	return f.quota.take(causeOf(module, function, alone, o), at)
}

// Skipped is how many failures Wants has turned away since the folder was made.
func (f *Folder) Skipped() uint64 {
	f.quota.mu.Lock()
	defer f.quota.mu.Unlock()
	return f.quota.mu.skipped
}
