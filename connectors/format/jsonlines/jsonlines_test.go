package jsonlines_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/jsonlines"
)

func TestChecker(t *testing.T) {
	deep := strings.Repeat("[", 1<<20)
	for _, c := range []struct {
		name, require string
		values        []string
		faults        map[int]string
	}{
		{"any", jsonlines.RequireAny, []string{`{"a":1}`, ` [1] `, `"x"`, `-0.5`, `null`}, nil},
		{"not JSON", jsonlines.RequireAny, []string{`{`, `1 2`, ``, deep}, map[int]string{
			0: "no JSON at byte 1", 1: "no JSON at byte 2", 2: "no JSON at byte 0",
			3: "nested too deeply",
		}},
		{"objects", jsonlines.RequireObject, []string{"\n{}", `[{}]`, `"{"`}, map[int]string{
			1: "the value is no JSON object", 2: "the value is no JSON object",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			checker := jsonlines.NewChecker(&jsonlines.Options{Require: c.require})
			in := &connectors.Batch{Splits: []string{"s"}, Targets: []string{"t"}}
			var want []string
			for i, v := range c.values {
				in.Append().Value = []byte(v)
				if c.faults[i] == "" {
					want = append(want, v)
				}
			}
			in.Append() // a null passes
			for direction, call := range map[string]func(*connectors.Batch, *connectors.Faults) error{
				"deserialize": func(out *connectors.Batch, f *connectors.Faults) error {
					return checker.Deserialize(t.Context(), in, out, f)
				},
				"serialize": func(out *connectors.Batch, f *connectors.Faults) error {
					return checker.Serialize(t.Context(), in, out, f)
				},
			} {
				var out connectors.Batch
				var faults connectors.Faults
				require.NoError(t, call(&out, &faults), direction)
				var got []string
				for _, r := range out.Records[:out.Len()-1] {
					got = append(got, string(r.Value))
				}
				require.Equal(t, want, got, direction)
				require.Nil(t, out.Records[out.Len()-1].Value)
				require.Equal(t, in.Splits, out.Splits)
				require.Equal(t, in.Targets, out.Targets)
				require.Len(t, faults.List, len(c.faults))
				for _, f := range faults.List {
					require.Contains(t, f.Text, c.faults[f.Index])
					require.Equal(t, jsonlines.Name, f.Function)
				}
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for required, want := range map[string]int{"any": 0, "object": 0, "array": 1, "": 1} {
		var p connectors.Problems
		(&jsonlines.Options{Require: required}).Validate(&p)
		require.Len(t, p.List, want, required)
	}
	require.Equal(t, "any", jsonlines.NewOptions().Require)
}
