package datepattern

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	require.NoError(t, err)
	return l
}

// TestAppend holds what java.time.format.DateTimeFormatter writes in an English locale.
func TestAppend(t *testing.T) {
	afternoon := time.Date(2018, 8, 3, 17, 4, 9, 23_456_789, time.UTC)
	midnight := time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC)
	noon := time.Date(7, 2, 1, 12, 30, 0, 0, time.UTC)
	tests := []struct {
		pattern string
		at      time.Time
		want    string
	}{
		{"yyyy-MM-dd--HH", afternoon, "2018-08-03--17"},
		{"yyyy/MM/dd", afternoon, "2018/08/03"},
		{"'dt='yyyyMMdd'/hour='HH", afternoon, "dt=20180803/hour=17"},
		{"y u yy uu yyy yyyyy", afternoon, "2018 2018 18 18 2018 02018"},
		{"y yy yyy yyyy", noon, "7 07 007 0007"},
		{"y yyyy yyyyy", time.Date(12018, 1, 1, 0, 0, 0, 0, time.UTC), "12018 +12018 12018"},
		{"y u uuuu", time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), "2 -1 -0001"},
		{"M MM MMM MMMM MMMMM", afternoon, "8 08 Aug August A"},
		{"L LL LLL LLLL LLLLL", afternoon, "8 08 Aug August A"},
		{"Q QQ QQQ q", afternoon, "3 03 Q3 3"},
		{"Q", midnight, "4"},
		{"Q", noon, "1"},
		{"d dd D DD DDD", noon, "1 01 32 32 032"},
		{"D", midnight, "366"},
		{"E EE EEE EEEE EEEEE", afternoon, "Fri Fri Fri Friday F"},
		{"H HH k kk K KK h hh a", afternoon, "17 17 17 17 5 05 5 05 PM"},
		{"H HH k kk K KK h hh a", midnight, "0 00 24 24 0 00 12 12 AM"},
		{"H k K h a", noon, "12 12 0 12 PM"},
		{"m mm s ss", afternoon, "4 04 9 09"},
		{"S SS SSS SSSSSS SSSSSSSSS", afternoon, "0 02 023 023456 023456789"},
		{"n nnnnnnnnn", afternoon, "23456789 023456789"},
		{"A N", afternoon, "61449023 61449023456789"},
		{"X XX XXX x xx xxx Z", afternoon, "Z Z Z +00 +0000 +00:00 +0000"},
		{"X XX XXX x xx xxx Z ZZZ", afternoon.In(time.FixedZone("", -9000)),
			"-0230 -0230 -02:30 -0230 -0230 -02:30 -0230 -0230"},
		{"X x", afternoon.In(time.FixedZone("", 7200)), "+02 +02"},
		{"''yyyy'' 'it''s' ''''", afternoon, "'2018' it's '"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", afternoon, "2018-08-03T17:04:09.023Z"},
		{"\u00e9_yyyy~", afternoon, "\u00e9_2018~"},
	}
	for _, tt := range tests {
		t.Run(tt.pattern, func(t *testing.T) {
			p, err := Compile(tt.pattern)
			require.NoError(t, err)
			require.Equal(t, tt.want, string(p.Append(nil, tt.at)))
			require.Equal(t, tt.pattern, p.String())
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := []struct{ pattern, want string }{
		{"", "pattern is empty"},
		{"YYYY-MM-dd", `letter 'Y' is not supported: the week-based year depends on a locale; write y`},
		{"yyyy-ww", `letter 'w' is not supported`},
		{"yyyy W", `letter 'W' is not supported`},
		{"e", `letter 'e' is not supported`},
		{"c", `letter 'c' is not supported`},
		{"F", `letter 'F' is not supported`},
		{"G yyyy", `letter 'G' is not supported`},
		{"HH VV", `letter 'V' is not supported: names of zones contain slashes`},
		{"z", `letter 'z' is not supported`},
		{"O", `letter 'O' is not supported`},
		{"B", `letter 'B' is not supported`},
		{"ppH", `letter 'p' is not supported`},
		{"yyyyT", `letter 'T' is not supported: it has no meaning; put it in single quotes`},
		{"ddd", `letter 'd' stands 3 times in a row; at most 2`},
		{"aa", `letter 'a' stands 2 times`},
		{"SSSSSSSSSS", `letter 'S' stands 10 times`},
		{"XXXX", `letter 'X' stands 4 times`},
		{"MMMMMM", `letter 'M' stands 6 times`},
		{"yyyy[-MM]", `'[' is reserved`},
		{"{yyyy}", `'{' is reserved`},
		{"yyyy'T", "a quoted text does not end"},
		{"'", "a quoted text does not end"},
		{strings.Repeat("-", 257), "longer than 256"},
	}
	for _, tt := range tests {
		t.Run(tt.pattern, func(t *testing.T) {
			_, err := Compile(tt.pattern)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestSpan walks over instants around changes of the clock: within a span the text stays the
// same, and the next instant begins another one.
func TestSpan(t *testing.T) {
	zones := []string{
		"UTC", "America/Los_Angeles", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia",
		"America/Sao_Paulo", "Europe/Amsterdam",
	}
	instants := []time.Time{
		time.Date(2018, 8, 4, 6, 11, 22, 11e6, time.UTC),
		time.Date(2024, 3, 10, 9, 59, 59, 999e6, time.UTC), // Los Angeles: an hour is skipped
		time.Date(2024, 11, 3, 8, 30, 0, 0, time.UTC),      // Los Angeles: an hour comes twice
		time.Date(2024, 4, 6, 14, 45, 0, 0, time.UTC),      // Lord Howe: half an hour comes twice
		time.Date(2011, 12, 30, 9, 0, 0, 0, time.UTC),      // Apia: a day is skipped
		time.Date(2018, 11, 4, 2, 0, 0, 0, time.UTC),       // Sao Paulo: midnight is skipped
		time.Date(1937, 6, 30, 22, 0, 0, 0, time.UTC),      // Amsterdam: offset of odd seconds
		time.Date(1969, 12, 31, 23, 59, 59, 1e6, time.UTC), // before the epoch
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	patterns := []string{"yyyy-MM-dd", "yyyy-MM-dd--HH", "HHmm X", "ss", "SSS", "yyyyMMddHHXX"}
	for _, name := range zones {
		loc := zone(t, name)
		for _, pattern := range patterns {
			p, err := Compile(pattern)
			require.NoError(t, err)
			for _, at := range instants {
				checkSpan(t, p, at.In(loc))
			}
		}
	}
}

func checkSpan(t *testing.T, p *Pattern, at time.Time) {
	t.Helper()
	text := func(ms int64) string {
		return string(p.Append(nil, time.UnixMilli(ms).In(at.Location())))
	}
	from, until := p.Span(at)
	ms := at.UnixMilli()
	require.LessOrEqual(t, from, ms, "%s %s", p, at)
	require.Less(t, ms, until, "%s %s", p, at)
	for i := range int64(20) {
		in := from + (until-1-from)*i/19
		require.Equal(t, text(ms), text(in), "%s %s: %d ms later", p, at, in-ms)
	}
}

func TestSpanOfHour(t *testing.T) {
	p, err := Compile("yyyy-MM-dd--HH")
	require.NoError(t, err)
	from, until := p.Span(time.Date(2018, 8, 4, 6, 11, 22, 0, zone(t, "Asia/Kolkata")))
	require.Equal(t, time.Hour.Milliseconds(), until-from)
	require.Equal(t, "2018-08-04T00:30:00Z", time.UnixMilli(from).UTC().Format(time.RFC3339))
}

func TestAppendAllocatesNothing(t *testing.T) {
	p, err := Compile("'d='yyyy-MM-dd--HHmmss.SSSXXX")
	require.NoError(t, err)
	buf := make([]byte, 0, 64)
	at := time.Date(2018, 8, 4, 6, 11, 22, 0, time.UTC)
	require.Zero(t, testing.AllocsPerRun(100, func() { buf = p.Append(buf[:0], at) }))
}

func FuzzPattern(f *testing.F) {
	f.Add("yyyy-MM-dd--HH", int64(1533363082011))
	f.Add("''QQQ' x'EEEE A n XXX", int64(-1))
	f.Fuzz(func(t *testing.T, pattern string, ms int64) {
		p, err := Compile(pattern)
		if err != nil {
			return
		}
		ms %= 8_000_000_000_000_000 // years that package time can name
		at := time.UnixMilli(ms).UTC()
		text := p.Append(nil, at)
		if utf8.ValidString(pattern) {
			require.True(t, utf8.Valid(text))
		}
		from, until := p.Span(at)
		require.True(t, from <= ms && ms < until)
		require.Equal(t, text, p.Append(nil, time.UnixMilli(from).UTC()))
		require.Equal(t, text, p.Append(nil, time.UnixMilli(until-1).UTC()))
	})
}
