package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// lookWaitMin is the first pause after a file was read to its end.
	lookWaitMin = 10 * time.Millisecond
	// lookWaitMax is the longest pause: a thousand idle files cost four thousand stat calls a
	// second, and a line waits no longer than a person notices.
	lookWaitMax = 250 * time.Millisecond
	// restKeepBytes is the memory an idle follower may hold on to.
	restKeepBytes = 16 << 10
)

// follower reads one path for as long as the job runs, through the files that stand there one
// after the other:
//
//	       locate             moved, or truncated          nothing more comes
//	[restored] ---> [following] -----------> [draining] ------------------> [ended]
//	                     ^                                                     |
//	                     +------------ the next generation is there ----------+
//
// restored and ended have no open file; tail.ended tells them apart. moved tells draining from
// following.
type follower struct {
	cursor // cuts the current generation; pos holds the path only
	source *Source
	tail   tailPosition   // what is not kept in cursor
	trail  []byte         // the bytes before at, at most proofBytesMax
	rest   []byte         // bytes at..read, the beginning of a record
	where  string         // the path under which in was opened
	atEnd  bool           // the last read met the end
	caught bool           // some read of this file met the end
	moved  bool           // the path leads elsewhere: no one appends to in for long any more
	coming []tailPosition // files that were seen to come after this one, at their beginnings
	missed bool           // one of them was not there at the last look

	look     time.Time     // when to look at the file again
	lookWait time.Duration // pause before that look
	grew     time.Time     // when in grew last, or began to be drained
	tried    time.Time     // when it was last read for growth
}

func newFollower(s *Source, id string, pos tailPosition) *follower {
	return &follower{
		cursor: cursor{
			id: id, recordBytesMax: int(s.cfg.RecordBytesMax), charset: &s.charset,
			delimiter: s.cfg.Delimiter, at: pos.offset, read: pos.offset,
			generation: pos.generation, pos: rangePosition{path: pos.path, end: endUnknown},
		},
		source: s, tail: pos,
	}
}

// position returns where to go on after the last record.
func (f *follower) position() tailPosition {
	p := f.tail
	if f.in == nil && !f.ended {
		return p // not opened yet, or waiting for the next generation since the restart
	}
	p.generation, p.offset = f.generation, f.at
	if f.at > 0 {
		p.proveBy(f.trail)
	} else {
		p.proveBy(f.rest[:min(len(f.rest), proofBytesMax)])
	}
	return p
}

// ready reports whether there may be something to read now.
func (f *follower) ready(ctx context.Context) (bool, error) {
	if f.ended && !f.tail.ended {
		return true, nil // what is left of an unfinished record
	}
	if f.in != nil && !f.atEnd {
		return true, nil
	}
	now := f.source.env.Now()
	if now.Before(f.look) {
		return false, nil
	}
	ready, err := f.next(ctx, now)
	if errors.Is(err, errRotating) {
		ready, err = false, nil // look again when the names have settled
	}
	if err != nil {
		return false, err
	}
	if ready && !f.moved {
		f.lookWait = 0
	} else {
		f.lookWait = min(max(2*f.lookWait, lookWaitMin), lookWaitMax)
	}
	f.look = now.Add(f.lookWait)
	return ready, nil
}

// next takes the next step of the picture above and reports whether there is something to read.
func (f *follower) next(ctx context.Context, now time.Time) (bool, error) {
	switch {
	case f.in == nil && f.tail.ended:
		return f.succeed(ctx, now)
	case f.in == nil:
		return f.locate(ctx, now)
	}
	info, err := f.source.fs.Stat(ctx, f.tail.path)
	switch {
	case errors.Is(err, filesystem.ErrNotFound):
		return f.drain(ctx, now)
	case err != nil:
		return false, fmt.Errorf("looking at %s: %w", f.tail.path, err)
	case info.Identity != f.tail.identity || f.where != f.tail.path:
		return f.drain(ctx, now)
	}
	f.moved = false
	f.tail.modTime = info.ModTime.UnixNano()
	if info.Size == f.read {
		return false, nil
	}
	if info.Size > f.read {
		same, err := f.source.proves(ctx, info, f.position())
		if err != nil {
			return false, err
		}
		if same {
			f.atEnd = false
			return true, nil
		}
	}
	return f.truncated(ctx, now)
}

// drain reads a file that the path does not lead to any more. Its writer may need a while to turn
// to the new one, so it ends only when a read found nothing for the time of rotate_wait. As long
// as no other file came after it, it is followed under its new name.
func (f *follower) drain(ctx context.Context, now time.Time) (bool, error) {
	next, err := f.successors(ctx, f.position())
	if err != nil {
		return false, err
	}
	if err := f.expect(ctx, next); err != nil {
		return false, err
	}
	if !f.moved {
		f.moved, f.grew, f.tried = true, now, now
		f.atEnd = false
		return true, nil
	}
	if f.tried.Sub(f.grew) < f.source.cfg.RotateWait.D() {
		f.tried = now
		f.atEnd = false
		return true, nil
	}
	info, found, err := f.source.byIdentity(ctx, f.tail.path, f.tail.identity)
	if err != nil {
		return false, err
	}
	if found { // unless the inode belongs to another file by now
		if found, err = f.source.proves(ctx, info, f.position()); err != nil {
			return false, err
		}
	}
	if found {
		f.tail.modTime = info.ModTime.UnixNano()
	}
	if found && len(next) == 0 {
		f.tried = now // moved away under another name, and nothing took its place: follow it
		f.atEnd = false
		return true, nil
	}
	return true, f.end()
}

// truncated deals with a file that was emptied in place. What was not read yet may be in a copy
// that was made just before.
func (f *follower) truncated(ctx context.Context, now time.Time) (bool, error) {
	siblings, err := f.source.rotated(ctx, f.tail.path)
	if err != nil {
		return false, err
	}
	pos := f.position()
	for _, info := range siblings {
		opened, err := f.open(ctx, info, pos, now)
		if opened || err != nil {
			return opened, err
		}
	}
	f.source.env.Logger.Warn("a followed file was emptied and no copy of it was found; lines "+
		"written just before may be lost", "source", f.source.env.Name, "path", f.tail.path,
		"offset", f.read)
	return true, f.end()
}

// end closes the current generation. What it held of an unfinished record becomes the last one.
func (f *follower) end() error {
	err := f.in.Close()
	f.in = nil
	f.ended = true
	if err != nil {
		return fmt.Errorf("closing %s: %w", f.where, err)
	}
	return nil
}

// open opens info as the file of pos, if it is, and reads on there.
func (f *follower) open(
	ctx context.Context, info filesystem.Info, pos tailPosition, now time.Time,
) (bool, error) {
	in, proof, err := f.source.openProven(ctx, info, pos)
	if in == nil || err != nil {
		return false, err
	}
	text, err := f.source.textOf(ctx, info.Path, pos.offset)
	if errors.Is(err, ErrVanished) {
		err = errRotating
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("opening %s: %w", info.Path, err), in.Close())
	}
	err = f.close()
	f.tail = pos
	f.tail.identity, f.tail.modTime, f.tail.ended = info.Identity, info.ModTime.UnixNano(), false
	f.where, f.moved, f.atEnd = info.Path, info.Path != pos.path, false
	f.in, f.text, f.trail, f.rest = in, text, nil, nil
	f.generation, f.at, f.read = pos.generation, pos.offset, pos.offset
	if pos.offset > 0 {
		f.trail = proof
	} else {
		f.rest, f.read = proof, int64(len(proof))
	}
	f.fresh, f.ended, f.caught = pos.offset == 0, false, false
	f.grew, f.tried = info.ModTime, now
	if f.grew.After(now) {
		f.grew = now // the clock of the file system is ahead
	}
	return true, err
}

// noteRead notes the outcome of a read.
func (f *follower) noteRead(n int, err error) error {
	f.read += int64(n)
	if n > 0 && f.caught {
		f.grew = f.source.env.Now()
	}
	if errors.Is(err, io.EOF) {
		f.atEnd, f.caught = true, true
		return nil
	}
	if err != nil {
		return readError(f.where, f.read, err)
	}
	return nil
}

// cut appends the records that the scanner holds of this file.
func (f *follower) cut(s *scanner, dst *connectors.Batch, recordsMax int, budget *int) error {
	from := s.begin
	done, err := f.cursor.cut(s, dst, recordsMax, budget)
	if err != nil {
		return err
	}
	f.leave(s.buf[from:s.begin])
	if done && f.ended {
		f.tail.ended = true
	}
	return nil
}

// leave notes the bytes that were passed.
func (f *follower) leave(passed []byte) {
	if n := len(passed); n > proofBytesMax {
		passed = passed[n-proofBytesMax:]
	}
	if surplus := len(f.trail) + len(passed) - proofBytesMax; surplus > 0 {
		f.trail = f.trail[:copy(f.trail, f.trail[surplus:])]
	}
	f.trail = append(f.trail, passed...)
}

// keep holds the beginning of a record while other files use the scanner.
func (f *follower) keep(rest []byte) error {
	if len(rest) == 0 && cap(f.rest) > restKeepBytes {
		f.rest = nil
	}
	f.rest = append(f.rest[:0], rest...)
	return f.checkUnfinished(len(rest))
}

// close closes the open file, if any.
func (f *follower) close() error {
	if f.in == nil {
		return nil
	}
	err := f.in.Close()
	f.in = nil
	return err
}
