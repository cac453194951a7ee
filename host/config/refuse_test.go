package config_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/config"
)

// TestRefusals holds the exact texts for files that are refused, and the warnings of files that
// are not. Rewrite testdata/refusals with -rewrite and read the difference.
func TestRefusals(t *testing.T) {
	datadriven.RunTest(t, "testdata/refusals", func(t *testing.T, d *datadriven.TestData) string {
		opts := outside()
		opts.Production = d.HasArg("production")
		job, err := config.Parse("job.toml", []byte(d.Input), registry(), opts)
		if err == nil {
			var b strings.Builder
			b.WriteString("accepted\n")
			for _, w := range job.Warnings {
				b.WriteString("warning: " + w.String() + "\n")
			}
			return b.String()
		}
		var refused *config.Error
		require.True(t, errors.As(err, &refused), "Parse() = %T, want *config.Error", err)
		require.NotEmpty(t, refused.Problems)
		return err.Error() + "\n"
	})
}

// FuzzParse feeds whole job files. Whatever they are, they end in a job or in an *Error (J6),
// whose problems stand inside the file and in order, and no text names the secret (J4).
func FuzzParse(f *testing.F) {
	cases, err := os.ReadFile("testdata/refusals")
	if err != nil {
		f.Fatal(err)
	}
	for block := range strings.SplitSeq(string(cases), "parse\n") {
		doc, _, _ := strings.Cut(block, "----\n")
		f.Add(doc)
	}
	const secret = "correct horse battery"
	opts := config.Options{
		Dir:       "/jobs",
		LookupEnv: func(name string) (string, bool) { return secret, name == "TOKEN" },
		ReadFile:  func(string, int64) ([]byte, error) { return []byte(secret), nil },
	}
	f.Fuzz(func(t *testing.T, doc string) {
		job, err := config.Parse("f", []byte(doc), registry(), opts)
		if (job == nil) == (err == nil) {
			t.Fatalf("Parse() = %v, %v, want one of both", job, err)
		}
		if err == nil {
			return
		}
		var refused *config.Error
		if !errors.As(err, &refused) || len(refused.Problems) == 0 {
			t.Fatalf("Parse() = %T without problems", err)
		}
		if strings.Contains(err.Error(), secret) {
			t.Fatalf("Parse() = %v, which names a secret", err)
		}
		last := 0
		for _, p := range refused.Problems {
			if p.Line < last || p.Line > strings.Count(doc, "\n")+1 {
				t.Fatalf("%v: line out of order or of the file", p)
			}
			last = p.Line
		}
	})
}
