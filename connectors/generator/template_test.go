package generator_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/generator"
)

func TestTemplates(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{"", ""},
		{"plain", "plain"},
		{`{"a": {seq}}`, `{"a": 0}`},
		{`{"a": {"b": {seq}}}`, `{"a": {"b": 0}}`},
		{"{{seq}", "{seq}"},
		{"{ seq}", "{ seq}"},
		{"{", "{"},
		{"}", "}"},
		{"{}", "{}"},
		{"{SEQ}", "{SEQ}"},
		{"{int 7 7}", "7"},
		{"{int  -3   -3 }", "-3"},
		{"{choice one}", "one"},
		{"{seq}{seq}", "00"},
	} {
		t.Run(c.template, func(t *testing.T) {
			s := open(t, generator.Config{Count: 1, Template: c.template})
			var b connectors.Batch
			require.NoError(t, reader(t, s, limits, enumerate(t, s)).Poll(t.Context(), &b))
			require.NotNil(t, b.Records[0].Value)
			require.Equal(t, c.want, string(b.Records[0].Value))
		})
	}
}

func TestRandomValuesStayInTheirBounds(t *testing.T) {
	s := open(t, generator.Config{Count: 3000, Template: "{int -2 3} {choice a b c} {int 0 " +
		"9223372036854775807} {int -9223372036854775808 9223372036854775807}"})
	seen := map[string]int{}
	for _, v := range drain(t, reader(t, s, limits, enumerate(t, s)), forever) {
		f := strings.Fields(v)
		seen[f[0]]++
		seen[f[1]]++
		require.NotContains(t, f[2], "-")
	}
	for _, want := range []string{"-2", "-1", "0", "1", "2", "3"} {
		require.InDelta(t, 500, seen[want], 120, want)
	}
	for _, want := range []string{"a", "b", "c"} {
		require.InDelta(t, 1000, seen[want], 150, want)
	}
	require.Len(t, seen, 9)
}

func TestUUIDs(t *testing.T) {
	s := open(t, generator.Config{Count: 1000, Template: "{uuid}"})
	seen := map[string]bool{}
	for _, v := range drain(t, reader(t, s, limits, enumerate(t, s)), forever) {
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, v)
		seen[v] = true
	}
	require.Len(t, seen, 1000)
}

func TestValidateNamesEveryProblem(t *testing.T) {
	for _, c := range []struct {
		name      string
		config    generator.Config
		key, text string
	}{
		{"negative count", generator.Config{Count: -1}, "count", "0 goes on for ever"},
		{"negative rate", generator.Config{Rate: -1}, "rate", "records per second"},
		{"unknown placeholder", generator.Config{Template: "{sequence}"}, "template", "{{ for a brace"},
		{"no closing brace", generator.Config{Template: "ab{seq"}, "template", "at byte 2"},
		{"key, too", generator.Config{Key: "{int 1}"}, "key", "{int 1}: want two bounds"},
		{"bounds crossed", generator.Config{Template: "{int 2 1}"}, "template", "2 lies above 1"},
		{"no integer", generator.Config{Template: "{int 1 x}"}, "template", `"x" is no 64-bit integer`},
		{"nothing to choose", generator.Config{Template: "{choice}"}, "template", "want words"},
		{"argument too many", generator.Config{Template: "{seq 1}"}, "template", "no argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p connectors.Problems
			c.config.Validate(&p)
			require.Len(t, p.List, 1)
			require.Equal(t, c.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, c.text)
		})
	}
}
