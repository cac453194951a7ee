package failpoint

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	known := []string{"a/b", "c/d"}
	tests := []struct {
		name, spec string
		want       []Point
		wantErr    string
	}{
		{name: "nothing", spec: ""},
		{name: "first hit", spec: "a/b=kill", want: []Point{{"a/b", Kill, 1}}},
		{name: "nth hit", spec: "a/b=stop@3", want: []Point{{"a/b", Stop, 3}}},
		{
			name: "several", spec: "a/b=error@2, c/d=kill,",
			want: []Point{{"a/b", Error, 2}, {"c/d", Kill, 1}},
		},
		{name: "unknown place", spec: "x/y=kill", wantErr: `"x/y": no place has this name`},
		{name: "no action", spec: "a/b", wantErr: "want NAME=ACTION"},
		{name: "unknown action", spec: "a/b=explode", wantErr: "none of kill, stop, error"},
		{name: "count of zero", spec: "a/b=kill@0", wantErr: "no count from 1"},
		{name: "count of letters", spec: "a/b=kill@x", wantErr: "no count from 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.spec, known)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestPointStringIsParsable(t *testing.T) {
	p := Point{Name: "a/b", Action: Stop, Nth: 7}
	got, err := Parse(p.String(), []string{"a/b"})
	require.NoError(t, err)
	require.Equal(t, []Point{p}, got)
}
