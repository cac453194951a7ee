package storelog

import (
	"path"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

// claimError opens a log and returns the error of its claim.
func (s *store) claimError(change func(*Options)) error {
	s.t.Helper()
	_, _, err := s.open(change).Claim(s.ctx)
	require.Error(s.t, err)
	return err
}

func (s *store) remove(p string) {
	s.t.Helper()
	require.NoError(s.t, s.fs().Remove(s.ctx, p))
}

func fresh(o *Options) { o.Fresh = true }

func from(e checkpoint.Epoch) func(*Options) { return func(o *Options) { o.Restore = e } }

// unfitCase is a store, or a job, that a claim refuses.
type unfitCase struct {
	name   string
	change func(s *store)
	option func(*Options)
	is     error
	want   string
}

func strangeStores() []unfitCase {
	return []unfitCase{
		{
			name:   "pinned to another id",
			option: func(o *Options) { o.JobID = "pinned" },
			is:     checkpoint.ErrOtherJob, want: "job id jobid, the job file pins pinned",
		},
		{
			name: "hint of another job",
			change: func(s *store) {
				s.hint(checkpoint.Hint{JobID: "other", JobName: testJob, Log: Name, LastEpoch: 1})
			},
			is: checkpoint.ErrOtherJob, want: `says "other"`,
		},
		{
			name: "folder of another job",
			change: func(s *store) {
				data, err := s.fs().ReadFile(s.ctx, testDir+"/epoch-000000000006", 1<<20)
				require.NoError(s.t, err)
				require.NoError(s.t, s.fs().WriteFile(s.ctx, testRoot+"/copy/epoch-000000000006", data))
			},
			option: func(o *Options) { o.Job = "copy" },
			is:     checkpoint.ErrOtherJob, want: `it is of job "orders"`,
		},
		{
			name: "log is elsewhere",
			change: func(s *store) {
				s.hint(checkpoint.Hint{JobID: "jobid", JobName: testJob, Log: "kafka:out", LastEpoch: 1})
			},
			is: checkpoint.ErrRefused, want: `its log is "kafka:out"; set checkpoint.log`,
		},
		{
			name: "last record lost",
			change: func(s *store) {
				s.hint(checkpoint.Hint{JobID: "jobid", JobName: testJob, Log: Name, LastEpoch: 6})
				s.remove(testDir + "/epoch-000000000006")
			},
			is: checkpoint.ErrRefused, want: "ends at record 5, but record 6 was there before",
		},
		{
			name: "all records lost",
			change: func(s *store) {
				for _, n := range []string{"4", "5", "6"} {
					s.remove(testDir + "/epoch-00000000000" + n)
				}
			},
			is: checkpoint.ErrRefused, want: "--epoch N or --fresh",
		},
	}
}

func brokenStores() []unfitCase {
	return []unfitCase{
		{
			name:   "last record damaged",
			change: func(s *store) { s.damage(testDir + "/epoch-000000000006") },
			is:     checkpoint.ErrCorrupt, want: "epoch-000000000006: record is corrupt",
		},
		{
			name: "last record of a newer version",
			change: func(s *store) {
				data := checkpoint.EncodeRecord("manifest", 99, []byte("{}"))
				require.NoError(s.t, s.fs().WriteFile(s.ctx, testDir+"/epoch-000000000006", data))
			},
			is: checkpoint.ErrNewerFormat, want: "manifest version 99",
		},
		{
			name:   "hint damaged",
			change: func(s *store) { s.damage(testDir + "/job") },
			is:     checkpoint.ErrCorrupt, want: "the file is a hint",
		},
		{
			name:   "epoch that is not kept",
			option: from(2), is: checkpoint.ErrRefused, want: "the store keeps the epochs [6 5 4]",
		},
		{
			name: "sealed",
			change: func(s *store) {
				m, _, err := s.view().Last(s.ctx)
				require.NoError(s.t, err)
				m.Kind, m.Log, m.Epoch, m.Previous = checkpoint.KindSeal, "kafka:out", 7, 6
				data, err := checkpoint.EncodeManifest(m)
				require.NoError(s.t, err)
				require.NoError(s.t, s.fs().PublishExclusive(s.ctx, testDir+"/epoch-000000000007", data))
			},
			is: checkpoint.ErrRefused, want: `its log is "kafka:out"; set checkpoint.log to that`,
		},
		{
			name: "record says another number",
			change: func(s *store) {
				data, err := s.fs().ReadFile(s.ctx, testDir+"/epoch-000000000006", 1<<20)
				require.NoError(s.t, err)
				require.NoError(s.t, s.fs().WriteFile(s.ctx, testDir+"/epoch-000000000009", data))
			},
			is: checkpoint.ErrCorrupt, want: "it says it is number 6",
		},
	}
}

func TestClaimRefusesAStoreThatDoesNotFit(t *testing.T) {
	for _, tt := range slices.Concat(strangeStores(), brokenStores()) {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			s.decide(s.claim(nil), 5)
			if tt.change != nil {
				tt.change(s)
			}
			before := s.files()
			err := s.claimError(tt.option)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, before, s.files(), "a refused claim changes nothing")
		})
	}
}

func (s *store) hint(h checkpoint.Hint) {
	s.t.Helper()
	require.NoError(s.t, writeSmall(s.ctx, s.fs(), path.Join(testDir, hintName), hintKind,
		hintVersion, h))
}

func TestFreshKeepsIdentityAndDecidedOutput(t *testing.T) {
	s := newStore(t)
	old := s.claim(nil)
	s.decide(old, 1)
	counted := manifest(old)
	counted.Counts = map[string]checkpoint.Count{"in": {In: 5}}
	require.NoError(t, old.Decide(s.ctx, counted))
	l := s.open(fresh)
	m, found, err := l.Claim(s.ctx)
	require.NoError(t, err)
	require.True(t, found)
	require.Empty(t, m.Sources)
	require.Empty(t, m.Counts, "what is read again is counted again")
	require.Equal(t, "jobid", m.JobID)
	require.Equal(t, checkpoint.Epoch(4), m.Epoch)
	require.Len(t, m.Committables, 1)

	require.NoError(t, l.Decide(s.ctx, manifest(l)))
	m, _, err = l.Claim(s.ctx)
	require.NoError(t, err)
	require.Len(t, m.Sources, 1, "a restart within the run goes on from what the run decided")
}

func TestFreshOnALostLogReusesNoNumber(t *testing.T) {
	s := newStore(t)
	s.decide(s.claim(nil), 2)
	s.remove(testDir + "/epoch-000000000002")
	s.remove(testDir + "/epoch-000000000003")
	m, found, err := s.open(fresh).Claim(s.ctx)
	require.NoError(t, err)
	require.False(t, found)
	require.Equal(t, "jobid", m.JobID, "the hint knows it")
	require.Equal(t, checkpoint.Epoch(4), m.Epoch, "the marks know up to 3")
	require.Equal(t, uint64(2), m.Owner.Number)
}

func TestRestoreGoesOnAboveTheHighestNumber(t *testing.T) {
	s := newStore(t)
	s.decide(s.claim(nil), 4) // 2 .. 5, of which 3 .. 5 are kept
	l := s.open(from(3))
	m, _, err := l.Claim(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(6), m.Epoch)
	require.Equal(t, checkpoint.Epoch(5), m.Previous)
	require.Equal(t, []byte("3"), m.Sources[0].Splits[0].Position.Data)
	keep, err := l.Retained(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(5), keep.Applied, "output of 3 that is gone was removed later")

	require.NoError(t, l.Decide(s.ctx, manifest(l)))
	m, _, err = l.Claim(s.ctx)
	require.NoError(t, err)
	require.Equal(t, []byte("7"), m.Sources[0].Splits[0].Position.Data, "once, not at every restart")
}

func TestRestorePassesADamagedLastRecordThatWasMovedAway(t *testing.T) {
	s := newStore(t)
	s.decide(s.claim(nil), 4)
	s.hint(checkpoint.Hint{JobID: "jobid", JobName: testJob, Log: Name, LastEpoch: 5, Claim: 1})
	s.remove(testDir + "/epoch-000000000005")
	m, _, err := s.open(from(4)).Claim(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(6), m.Epoch)
}

func TestDamagedHistoryIsLeftForAPerson(t *testing.T) {
	s := newStore(t)
	s.decide(s.claim(nil), 3) // 2, 3, 4
	s.damage(testDir + "/epoch-000000000003")
	l := s.claim(nil)
	s.decide(l, 1)
	require.Subset(t, s.files(), []string{"epoch-2", "epoch-3", "epoch-4", "epoch-6"})
	_, err := s.view().LoadEpoch(s.ctx, 4)
	require.NoError(t, err)
	_, err = s.view().LoadEpoch(s.ctx, 2)
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)

	s.decide(l, 1) // now three epochs above the damage are kept
	require.Equal(t, []string{"applied-4", "applied-6", "applied-7", "epoch-4", "epoch-6", "epoch-7",
		"job"}, s.files())
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	s := newStore(t)
	for name, o := range map[string]Options{
		"no name":           {FileSystem: s.fs(), Root: testRoot},
		"name of a parent":  {FileSystem: s.fs(), Root: testRoot, Job: ".."},
		"name with a slash": {FileSystem: s.fs(), Root: testRoot, Job: "a/b"},
		"fresh and restore": {
			FileSystem: s.fs(), Root: testRoot, Job: "a", Fresh: true, Restore: 1,
		},
		"no exclusive publication": {FileSystem: plainFileSystem{s.fs()}, Root: testRoot, Job: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(o)
			require.Error(t, err)
		})
	}
}

// plainFileSystem is one without the ability a log needs.
type plainFileSystem struct{ filesystem.FileSystem }

func (plainFileSystem) Abilities() filesystem.Abilities { return filesystem.Abilities{} }

func TestRestoreOfAJobThatNeverRan(t *testing.T) {
	s := newStore(t)
	require.ErrorIs(t, s.claimError(from(3)), checkpoint.ErrRefused)
}

// fakeLock records what is asked of it.
type fakeLock struct {
	busy  bool
	calls []string
}

func TestLockIsACourtesy(t *testing.T) {
	s := newStore(t)
	lock := &fakeLock{busy: true}
	l := s.open(func(o *Options) { o.Lock = lock })
	_, _, err := l.Claim(s.ctx)
	require.ErrorIs(t, err, checkpoint.ErrBusy)
	require.NoError(t, l.Close())
	require.Equal(t, []string{"lock"}, lock.calls, "what is not held is not given back")

	taking := s.open(func(o *Options) { o.Lock, o.Takeover = lock, true })
	_, _, err = taking.Claim(s.ctx)
	require.NoError(t, err)
	_, _, err = taking.Claim(s.ctx)
	require.NoError(t, err)
	require.NoError(t, taking.Close())
	require.NoError(t, taking.Close())
	require.Equal(t, []string{"lock", "take", "unlock"}, lock.calls)
}

func TestReadErrorsAreNotTakenForAnEmptyStore(t *testing.T) {
	for name, match := range map[string]func(fstest.Op) bool{
		"listing": is(fstest.List, testDir),
		"record":  is(fstest.ReadFile, "epoch-"),
		"hint":    is(fstest.ReadFile, testDir+"/job"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.decide(s.claim(nil), 1)
			before := s.files()
			_, _, err := s.open(nil, fstest.FailWhen(match, errNet)).Claim(s.ctx)
			require.ErrorIs(t, err, errNet)
			require.Equal(t, before, s.files())
		})
	}
}

func TestLeftoversOfCrashesGoAfterAWhile(t *testing.T) {
	s := newStore(t)
	s.decide(s.claim(nil), 1)
	var written time.Time
	for _, name := range []string{"/.epoch-000000000009.x-1.tmp", "/modules/.sha-1.x-2.tmp", "/keep"} {
		require.NoError(t, s.fs().WriteFile(s.ctx, testDir+name, []byte("half")))
		info, err := s.fs().Stat(s.ctx, testDir+name)
		require.NoError(t, err)
		written = info.ModTime
	}
	now := written
	clock := func(o *Options) { o.Now = func() time.Time { return now } }
	s.claim(clock)
	require.Contains(t, s.files(), "modules/.sha-1.x-2.tmp", "its writer may be about to use it")
	now = written.Add(leftoverAge)
	s.claim(clock)
	require.Equal(t, []string{"applied-2", "epoch-2", "epoch-4", "job", "keep"}, s.files())
}
