package sequence

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// seen is one record of the output.
type seen struct {
	stream, split string
	n             int
}

func TestChecker(t *testing.T) {
	good := []seen{
		{"f1", "a", 0}, {"f1", "b", 0}, {"f2", "a", 1}, {"f1", "a", 2}, {"f2", "b", 1}, {"f1", "b", 2},
	}
	tests := []struct {
		name string
		out  []seen
		want string
	}{
		{"right", good, ""},
		{"lost", good[1:], "1 lost, 0 doubled, 0 out of order, 0 strange; " +
			"for example [record 0 of a is nowhere]"},
		{"lost at the end", good[:5], "1 lost"},
		{"doubled in another stream", append(good[:6:6], seen{"f3", "a", 0}),
			"0 lost, 1 doubled, 0 out of order"},
		{"doubled in the same stream", append(good[:6:6], seen{"f2", "b", 1}),
			"0 lost, 1 doubled, 0 out of order"},
		{"out of order", []seen{
			{"f1", "a", 2}, {"f1", "a", 0}, {"f1", "a", 1}, {"f1", "b", 0}, {"f1", "b", 1}, {"f1", "b", 2},
		}, "0 lost, 0 doubled, 1 out of order, 0 strange; for example " +
			"[record 0 of a comes after 2 in f1]"},
		{"beyond the input", append(good[:6:6], seen{"f1", "a", 3}), "1 strange"},
		{"before the input", append(good[:6:6], seen{"f1", "a", -1}), "1 strange"},
		{"unknown split", append(good[:6:6], seen{"f1", "c", 0}), "1 strange"},
		{"nothing", nil, "6 lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Checker
			s.Expect("a", 3)
			s.Expect("b", 3)
			for _, r := range tt.out {
				s.See(r.stream, r.split, r.n)
			}
			summary, err := s.Verdict()
			if tt.want == "" {
				require.NoError(t, err)
				require.Equal(t, "6 records: 0 lost, 0 doubled, 0 out of order, 0 strange", summary)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestCheckerNamesWhatIsStrange(t *testing.T) {
	var s Checker
	s.Expect("a", 0)
	s.Strange("f1", "torn li")
	_, err := s.Verdict()
	require.ErrorContains(t, err, `1 strange; for example [f1 holds "torn li"]`)
}

// TestWrong: what is lost may still come, anything else is told at once.
func TestWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		out  []seen
		want string
	}{
		{"so far right", []seen{{"f", "a", 0}, {"f", "a", 1}}, ""},
		{"doubled", []seen{{"f", "a", 0}, {"g", "a", 0}}, "1 seen again"},
		{"out of order", []seen{{"f", "a", 1}, {"f", "a", 0}}, "1 out of order"},
		{"strange", []seen{{"f", "x", 0}}, "1 strange"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c Checker
			c.Expect("a", 3)
			for _, s := range tt.out {
				c.See(s.stream, s.split, s.n)
			}
			if tt.want == "" {
				require.NoError(t, c.Wrong())
			} else {
				require.ErrorContains(t, c.Wrong(), tt.want)
			}
		})
	}
}
