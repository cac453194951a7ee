package host

import (
	"fmt"
	"math"

	"github.com/wasmflow/wasmflow/host/operator"
)

const (
	// refusalsSeenMin is how many records a new version has seen before its share of refused ones is
	// judged: one bad record among the first ten says nothing.
	refusalsSeenMin = 100

	// chanceErrors is how many standard errors of the allowed share a new version may be above it: bad
	// records come in clusters, so that a hundred records may hold those of eight hundred. The more
	// records it has seen, the less chance excuses.
	chanceErrors = 5
)

// judge returns why a new version is to be given up, or "". old is what the version before it did
// in its life, budget the share of records that the new one may refuse beyond the old one's share.
//
// Traps are judged by their presence where the old version never trapped: a plugin that loses its
// instance on some records is worse than one that does not, however few they are. Where the old one
// trapped too, a trap counts as a refusal.
func judge(old, now operator.Vitals, budget float64) string {
	if now.Traps > 0 && old.Traps == 0 {
		return fmt.Sprintf("trapped %d times on %d records; the version before it never did",
			now.Traps, now.Records)
	}
	if now.Records < refusalsSeenMin {
		return ""
	}
	was, is := shareOf(old), shareOf(now)
	allowed := min(1, was+budget)
	if is <= allowed+chanceErrors*math.Sqrt(allowed*(1-allowed)/float64(now.Records)) {
		return ""
	}
	return fmt.Sprintf("refuses %.4f of its records, the version before it %.4f; swap.error_budget "+
		"allows %v more", is, was, budget)
}

func shareOf(v operator.Vitals) float64 {
	if v.Records == 0 {
		return 0
	}
	return float64(v.Refused) / float64(v.Records)
}

// judgeComparison returns why a new version is not let in after a trial, or "".
func judgeComparison(c operator.Comparison, expectSame bool, budget float64) string {
	if expectSame && c.Different > 0 {
		return fmt.Sprintf("treats %d of %d records of the trial differently", c.Different, c.Records)
	}
	return judge(c.Old.Vitals, c.New.Vitals, budget)
}
