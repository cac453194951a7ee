package storelog

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

// fakeVerifier misses output that is not applied.
type fakeVerifier struct{}

func (fakeVerifier) Verify(
	_ context.Context, cs []checkpoint.Committable, keep checkpoint.Retained,
) ([]checkpoint.Finding, error) {
	var out []checkpoint.Finding
	for _, c := range cs {
		if c.Epoch > keep.Applied {
			out = append(out, checkpoint.Finding{
				Severity: checkpoint.Problem, Subject: string(c.Data), Text: "missing",
			})
		}
	}
	return out, nil
}

// checkCase is a change to a healthy store and what Check says of it.
type checkCase struct {
	name   string
	change func(s *store, l *Log)
	want   []string // as "severity: subject: text; remedy", below the folder of the job
}

// checkModule is what the healthy store keeps of a plugin.
func checkModule() []byte { return []byte("module") }

func checkSHA() string { return hexSHA256(checkModule()) }

func recordCases() []checkCase {
	return []checkCase{
		{name: "healthy"},
		{
			name: "never ran",
			change: func(s *store, _ *Log) {
				s.disk = fstest.NewDisk()
			},
			want: []string{"note: : the job has no records: it never ran here, or they were removed"},
		},
		{
			name:   "last record damaged",
			change: func(s *store, l *Log) { s.damage(l.Path(4)) },
			want: []string{
				"problem: epoch-000000000004: reading record epoch-000000000004: record is corrupt: " +
					"no header line; the job does not start from it: restore the file from a backup, or " +
					"move it away and run with --epoch N or --fresh",
			},
		},
		{
			name:   "history damaged",
			change: func(s *store, l *Log) { s.damage(l.Path(3)) },
			want: []string{
				"problem: epoch-000000000003: reading record epoch-000000000003: record is corrupt: " +
					"no header line; running does not need it; the job cannot go back to it or past it",
			},
		},
		{
			name:   "hole in the history",
			change: func(s *store, l *Log) { s.remove(l.Path(3)) },
			want: []string{
				"problem: epoch-000000000003: the record is missing although older ones stand; running " +
					"does not need it; the job cannot go back past it",
			},
		},
		{
			name: "late record of a fenced owner",
			change: func(s *store, l *Log) {
				s.claim(nil) // 5
				late := manifest(l)
				late.Previous = 4
				next := s.claim(func(o *Options) { o.Retain = 2 }) // 6
				s.decide(next, 1)
				data, err := checkpoint.EncodeManifest(late)
				require.NoError(s.t, err)
				require.NoError(s.t, s.fs().PublishExclusive(s.ctx, l.Path(5), data))
			},
			want: []string{
				"note: epoch-000000000005: the record of claim 1 (00010001) by pid 1 on host is not part " +
					"of the chain: it was published too late and nothing of it counts; the next epoch " +
					"removes it",
			},
		},
	}
}

func outputCases() []checkCase {
	return []checkCase{
		{
			name: "output missing",
			change: func(s *store, l *Log) {
				require.NoError(s.t, l.Decide(s.ctx, manifest(l)))
			},
			want: []string{"problem: part-5: missing"},
		},
		{
			name: "sink without a verifier",
			change: func(s *store, l *Log) {
				m := manifest(l)
				m.Committables[0].Sink = "other"
				require.NoError(s.t, l.Decide(s.ctx, m))
			},
			want: []string{"note: sink other: 1 pieces of output were not checked"},
		},
		{
			name: "module missing",
			change: func(s *store, _ *Log) {
				s.remove(testDir + "/modules/" + checkSHA() + "-1")
			},
			want: []string{
				"problem: module " + checkSHA() + `: plugin "p" in record 4 needs it: reading module ` + checkSHA() +
					" from : no such file or folder; put the bytes back as modules/" + checkSHA() + "-0",
			},
		},
		{
			name: "module nobody names, leftovers, unknown files",
			change: func(s *store, l *Log) {
				_, err := l.StoreModule(s.ctx, []byte("x"))
				require.NoError(s.t, err)
				for _, name := range []string{"/.epoch-000000000009.abc-1.tmp", "/notes.txt", "/run"} {
					require.NoError(s.t, s.fs().WriteFile(s.ctx, testDir+name, []byte("x")))
				}
			},
			want: []string{
				"note: modules/" + hexSHA256([]byte("x")) +
					"-1: no record names the module; the next epochs remove it",
				"note: .epoch-000000000009.abc-1.tmp: a process that crashed left it behind; a start " +
					"removes it once it is an hour old",
				"note: notes.txt: wasmflow does not know the file",
			},
		},
	}
}

func hintCases() []checkCase {
	return []checkCase{
		{
			name: "hint ahead, mark damaged",
			change: func(s *store, l *Log) {
				s.hint(checkpoint.Hint{JobID: "jobid", JobName: testJob, Log: Name, LastEpoch: 9})
				s.damage(l.appliedPath(4))
			},
			want: []string{
				"problem: job: record 9 was there before, the highest is 4 now; put the records back, or " +
					"run with --epoch N or --fresh",
				"problem: applied-000000000004: reading applied-000000000004: record is corrupt: no " +
					"header line; remove it: it is a mark only",
			},
		},
		{
			name:   "hint damaged",
			change: func(s *store, _ *Log) { s.damage(testDir + "/job") },
			want: []string{
				"problem: job: reading job: record is corrupt: no header line; it is a hint only: when " +
					"the records are right, remove it",
			},
		},
		{
			name:   "hint missing",
			change: func(s *store, _ *Log) { s.remove(testDir + "/job") },
			want:   []string{"note: job: the hint is missing; the next start writes it"},
		},
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range slices.Concat(recordCases(), outputCases(), hintCases()) {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			l := s.claim(nil)
			_, err := l.StoreModule(s.ctx, checkModule())
			require.NoError(t, err)
			for range 3 {
				m := manifest(l)
				m.Modules = []checkpoint.Module{{Plugin: "p", SHA256: checkSHA()}}
				require.NoError(t, l.Decide(s.ctx, m))
				require.NoError(t, l.Applied(s.ctx, m.Epoch))
			}
			if tt.change != nil {
				tt.change(s, l)
			}
			found, err := s.view().Check(s.ctx, map[string]checkpoint.Verifier{"out": fakeVerifier{}})
			require.NoError(t, err)
			var got []string
			for _, f := range found {
				got = append(got, shorten(f.String()))
			}
			require.Equal(t, tt.want, got)
		})
	}
}
