package bucketing

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// othersListedMax bounds the entries that are looked at below a staging folder: to tell that there
	// are parts of other jobs takes no more, and a job is not to wait for a longer listing.
	othersListedMax = 10_000
	// othersAgeMin is how old a part is at least that is told of: jobs may well share a base path, and
	// what lives publishes or discards its parts sooner.
	othersAgeMin = 24 * time.Hour
	// othersToldMax is of how many other jobs a log line tells.
	othersToldMax = 5
)

// leftover is what another job holds pending below a base path.
type leftover struct {
	job   string
	parts int
	bytes int64
}

// others returns what other jobs have held pending at a place for long, in the order of their names.
// more tells that there may be more of it. Folders of this job are not looked into: strays were
// listed, and it may hold many parts.
func (c *committer) others(ctx context.Context, at place) (found []leftover, more bool, err error) {
	listed := 0
	for job, err := range at.fs.List(ctx, path.Join(at.root, filesystem.StagingFolder), false) {
		if errors.Is(err, filesystem.ErrNotFound) {
			return nil, false, nil
		}
		if err != nil {
			return found, true, err
		}
		left := leftover{job: path.Base(job.Path)}
		if !job.Dir || left.job == c.sink.env.JobID {
			continue
		}
		for info, err := range at.fs.List(ctx, job.Path, false) {
			if errors.Is(err, filesystem.ErrNotFound) {
				break // its last part went meanwhile
			}
			if listed++; err != nil || listed > othersListedMax {
				return found, true, err
			}
			_, _, pending := filesystem.ParsePending(path.Base(info.Path))
			if pending && !info.Dir && c.sink.env.Now().Sub(info.ModTime) >= othersAgeMin {
				left.parts++
				left.bytes += max(info.Size, 0)
			}
		}
		if left.parts > 0 {
			found = append(found, left)
		}
	}
	return found, false, nil
}

// tellOthers warns of pending parts that no claim of this job will ever look at: those of a job
// whose store is gone stay for ever.
func (c *committer) tellOthers(ctx context.Context, base string, at place) {
	found, more, err := c.others(ctx, at)
	log := c.sink.env.Logger
	if err != nil {
		log.Warn("looking for what other jobs left", "path", base, "error", err)
	}
	if len(found) == 0 {
		return
	}
	var words []string
	for _, l := range found[:min(len(found), othersToldMax)] {
		words = append(words, fmt.Sprintf("%s (%d parts, %d bytes)", l.job, l.parts, l.bytes))
	}
	log.Warn("other jobs have had pending parts below the base path for more than a day; those of a job "+
		"that is no more, as after its store was deleted, stay until somebody removes their folder; do "+
		"not touch that of a job that runs or will run again", "path", base,
		"jobs", len(found), "hold", strings.Join(words, ", "), "more", more,
		"folder", path.Join(at.root, filesystem.StagingFolder, "JOB"))
}
