package examples

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// languageJobs are the examples whose plugin is there in every language.
var languageJobs = []struct {
	name, counts string
	lines        map[string][]string // by folder
}{
	{"log-enrich", "4 records read = 2 written + 1 dropped + 1 dead letters\n", map[string][]string{
		"output": {
			`{"client":"192.0.2.7","user":"anna","time":"22/Nov/2026:10:00:00 +0000","method":"GET",` +
				`"path":"/tea","query":"size=2","status":200,"class":"2xx","bytes":5120,"error":false}`,
			`{"client":"2001:db8::1","user":null,"time":"22/Nov/2026:10:00:01 +0000","method":"POST",` +
				`"path":"/cart","query":null,"status":503,"class":"5xx","bytes":0,"error":true}`,
		},
	}},
	{"order-route", "4 records read = 2 written + 1 dropped + 1 dead letters\n", map[string][]string{
		"rest":  {`{"order":"A-1","country":"DE","cents":1250,"state":"paid"}`},
		"large": {`{"order":"A-2","country":"FR","cents":5000,"state":"open"}`},
	}},
	{"pii-mask", "3 records read = 3 written + 0 dropped + 0 dead letters\n", map[string][]string{
		"output": {
			"my card is **** **** **** 1111", "nothing to hide here",
			"please write to a***@example.org",
		},
	}},
}

// TestLanguages runs each of the jobs as it stands and with its line changed to other languages.
func TestLanguages(t *testing.T) {
	const chosen = "examples-rust.wasm"
	for _, language := range []string{"rust", "assemblyscript", "c", "cpp", "zig"} {
		t.Run(language, func(t *testing.T) {
			r := clone(t)
			for _, job := range languageJobs {
				path := r.path("examples", job.name, "job.toml")
				text, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, 1, strings.Count(string(text), chosen))
				other := strings.Replace(string(text), chosen, "examples-"+language+".wasm", 1)
				require.NoError(t, os.WriteFile(path, []byte(other), 0o644))
				out, _ := r.run("wasmflow", "run", "examples/"+job.name+"/job.toml")
				require.Contains(t, out, job.counts)
				for folder, lines := range job.lines {
					require.Equal(t, lines, r.lines("build", job.name, folder), job.name)
				}
			}
		})
	}
}
