package checkpoint

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSuccession(t *testing.T) {
	last := Manifest{
		Kind: KindEpoch, Epoch: 42, Previous: 40, JobID: "id", JobName: "orders",
		Owner: Owner{Number: 7, Nonce: "0000000a"}, Parallelism: 2, Generation: 3, Log: "store",
		Sources:      []SourceState{{Name: "in"}},
		Committables: []Committable{{Sink: "out", Epoch: 42}},
		Counts:       map[string]Count{"in": {In: 9}},
		Modules:      []Module{{Plugin: "p"}}, CreatedMillis: 1,
	}
	older := Manifest{
		Kind: KindEpoch, Epoch: 30, Previous: 29, JobID: "id", JobName: "orders",
		Owner:   Owner{Number: 5, Nonce: "0000000b"},
		Sources: []SourceState{{Name: "old"}},
	}
	claim := Succession{
		Last: last, Found: true, Kind: KindClaim, JobID: "unused", JobName: "orders", Log: "store",
		Owner: Owner{Nonce: "0000000c", Host: "alpha", PID: 4}, CreatedMillis: 2,
	}
	tests := []struct {
		name   string
		change func(*Succession)
		want   func(*Manifest) // beside what every claim on last holds
	}{
		{"carries the last record", func(*Succession) {}, func(*Manifest) {}},
		{"fresh keeps what is decided", func(s *Succession) { s.Fresh = true },
			func(m *Manifest) { m.Sources, m.Modules, m.Counts = nil, nil, nil }},
		{"goes back to an epoch above the highest number",
			func(s *Succession) { s.Restored = &older },
			func(m *Manifest) {
				m.Sources, m.Committables, m.Modules, m.Counts = older.Sources, nil, nil, nil
				m.Parallelism, m.Generation = 0, 0
			}},
		{"never uses a remembered number again",
			func(s *Succession) { s.EpochAbove, s.ClaimAbove = 50, 9 },
			func(m *Manifest) { m.Epoch, m.Owner.Number = 51, 10 }},
		{"on a claim links to the epoch before it",
			func(s *Succession) { s.Last.Kind = KindClaim },
			func(m *Manifest) { m.Previous = 40 }},
		{"seal names the new log",
			func(s *Succession) { s.Kind, s.Log = KindSeal, "kafka:out" },
			func(m *Manifest) { m.Kind, m.Log = KindSeal, "kafka:out" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, want := claim, last
			tt.change(&s)
			want.Kind, want.Epoch, want.Previous, want.CreatedMillis = KindClaim, 43, 42, 2
			want.Owner = Owner{Number: 8, Nonce: "0000000c", Host: "alpha", PID: 4}
			tt.want(&want)
			require.Equal(t, want, s.Record())
		})
	}
	t.Run("first claim of a job", func(t *testing.T) {
		got := Succession{Kind: KindClaim, JobID: "new", JobName: "orders", Log: "store",
			Owner: Owner{Nonce: "0000000c"}}.Record()
		require.Equal(t, Manifest{Kind: KindClaim, Epoch: 1, JobID: "new", JobName: "orders",
			Log: "store", Owner: Owner{Number: 1, Nonce: "0000000c"}}, got)
	})
}
