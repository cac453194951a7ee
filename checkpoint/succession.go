package checkpoint

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Hint is what the job's folder in the checkpoint store remembers of the commit log in use, for
// refusing to start on a wrong or a shortened one. It may lag behind the log and never overrules
// it.
type Hint struct {
	JobID     string `json:"job_id"`
	JobName   string `json:"job_name"`
	Log       string `json:"log"` // the log in use: "store" or "kafka:<sink>"
	LastEpoch Epoch  `json:"last_epoch"`
	Claim     uint64 `json:"claim"`
}

// Succession is what the record of a claim is made of: the record it follows, where it starts and
// who makes it. Every commit log builds its claims and seals from one.
type Succession struct {
	Last  Manifest // the last record; zero when the job never ran
	Found bool     // there is a last record

	// Restored is the decided epoch to go back to, instead of what Last holds; nil is none.
	Restored *Manifest
	// Fresh drops positions, state, modules and counts. What is decided stays so: it is published
	// even if its positions are given up.
	Fresh bool

	Kind    Kind
	JobID   string // of a job that never ran
	JobName string
	Log     string // the log in use; of a seal the new one
	// Owner makes the claim. Its number comes from here.
	Owner Owner
	// EpochAbove and ClaimAbove are the highest numbers that anything beside the log remembers.
	// They exceed those of Last only when records were lost (I4).
	EpochAbove    Epoch
	ClaimAbove    uint64
	CreatedMillis int64
}

// Record returns the record of the claim: what the last one held, under the new owner.
func (s Succession) Record() Manifest {
	m := s.Last
	if s.Restored != nil {
		m = *s.Restored
	}
	if s.Fresh {
		m.Sources, m.State, m.Modules, m.Counts = nil, nil, nil, nil
	}
	if !s.Found {
		m.JobID = s.JobID
	}
	m.Kind, m.Log, m.JobName = s.Kind, s.Log, s.JobName
	// I4: also numbers of records that were lost are not used again, as far as anything remembers
	// them. An applied mark would speak for the wrong epoch.
	m.Epoch = max(s.Last.Epoch, s.EpochAbove) + 1
	m.Previous = s.Last.Previous
	if s.Last.Kind == KindEpoch {
		m.Previous = s.Last.Epoch
	}
	m.Owner = s.Owner
	m.Owner.Number = max(s.Last.Owner.Number, s.ClaimAbove) + 1
	m.CreatedMillis = s.CreatedMillis
	return m
}

// AppliedFor returns what Recover of committed may take for the highest epoch that is committed
// completely, where highest is known to be. That says nothing about the epoch of committed itself
// when a job went back and forth: (1) 7 is decided and its owner dies, (2) a claim goes back to 6,
// and decides and commits 9, (3) another claim goes to 7, whose output was never published. itself
// says whether an epoch is known to be committed by its own mark, or because the next number was
// decided (I3), with no claim between them.
func AppliedFor(committed []Committable, highest Epoch, itself func(Epoch) bool) Epoch {
	if len(committed) == 0 {
		return highest
	}
	if e := committed[0].Epoch; e <= highest && !itself(e) { // they are all of one epoch
		return max(e, 1) - 1
	}
	return highest
}

// NewNonce returns a random nonce for an owner.
func NewNonce() string {
	var b [nonceBytes / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// NewJobID returns the random id of a new job. It is short, since it is part of the name of every
// output file, and has 50 random bits: ids need to differ between the jobs that ever shared a store
// or an output folder.
func NewJobID() string { return strings.ToLower(rand.Text()[:10]) }
