package bucketing

import (
	"context"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// successors tells what became of parts that were held back.
type successors struct {
	by map[string][]*heldPart // by name: the parts it was joined into, and itself once published
}

func (c *committer) successors(
	ctx context.Context, keep checkpoint.Retained,
) (*successors, error) {
	named, err := c.heldParts(ctx, keep.Named)
	if err != nil {
		return nil, err
	}
	s := &successors{by: map[string][]*heldPart{}}
	for _, p := range named {
		if p.hold.mark {
			continue
		}
		for _, in := range p.hold.inputs {
			s.by[in] = append(s.by[in], p)
		}
		if !p.hold.kept {
			s.by[p.name()] = append(s.by[p.name()], p)
		}
	}
	return s, nil
}

// isShown tells whether readers have seen the records of the part of that name: it, or one that it
// was joined into, stands under its final name. A record of the log that says so is not enough: one
// that a fenced owner left beside the decided ones was never carried out.
func (s *successors) isShown(ctx context.Context, name string) (bool, error) {
	for _, p := range s.by[name] {
		if !p.hold.kept {
			_, err := p.fs.Stat(ctx, p.token.Target)
			if err == nil {
				return true, nil
			}
			if !isNotFound(err) {
				return false, err
			}
		}
		if p.name() == name {
			continue
		}
		if shown, err := s.isShown(ctx, p.name()); shown || err != nil {
			return shown, err
		}
	}
	return false, nil
}

// heir returns the part of held that holds the records of the part of that name, or "".
func (s *successors) heir(name string, held map[string]bool) string {
	for _, p := range s.by[name] {
		switch next := p.name(); {
		case next == name:
		case held[next]:
			return next
		default:
			if h := s.heir(next, held); h != "" {
				return h
			}
		}
	}
	return ""
}

// fates tells which pending parts of earlier claims have to stay.
type fates struct {
	committer *committer
	later     *successors
	current   map[string]bool // what the last decided epoch publishes or holds
	named     map[string]bool // what any retained one does
}

// isNeeded tells whether a pending part stays: the last decided epoch names it, or an older one to
// which somebody may go back does, and its records are not published yet.
func (f *fates) isNeeded(ctx context.Context, stray filesystem.Stray) (bool, error) {
	if f.current[stray.Part] || !f.named[stray.Part] {
		return f.current[stray.Part], nil
	}
	if shown, err := f.later.isShown(ctx, stray.Part); shown || err != nil {
		return err != nil, err
	}
	if heir := f.later.heir(stray.Part, f.current); heir != "" {
		made := f.committer.hold.made
		made[heir] = append(made[heir], stray.Token) // it goes when that is published
	}
	return true, nil
}
