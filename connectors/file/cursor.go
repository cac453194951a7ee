package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/parquet"
)

// overReadBytes is how far past its range a reader looks at first for the end of the last record.
const overReadBytes = 64 << 10

// cursor is a range being read. The scanner that goes with it is its reader's.
type cursor struct {
	id             string
	pos            rangePosition
	generation     uint64 // of the file under a followed path
	text           text
	recordBytesMax int
	in             io.ReadCloser
	at             int64 // offset of the first byte that is not cut into records yet
	read           int64 // offset of the first byte that is not read yet
	fresh          bool  // a byte-order mark may come
	seeking        bool  // the first record of the range is not found yet
	ended          bool  // in is read to its end
	charset        *textCharset
	delimiter      string
	records        format.Reader   // of a container, which nothing above but pos concerns; else nil
	rows           *parquet.Reader // of a file of Parquet, which in is nil for; else nil
}

// close closes the file.
func (c *cursor) close() error {
	if c.rows != nil {
		return c.rows.Close()
	}
	return c.in.Close()
}

// openCursor opens a range at its position, after a look at whether the file is still the one
// that was found.
func (s *Source) openCursor(ctx context.Context, id string, pos rangePosition) (*cursor, error) {
	if err := s.unchanged(ctx, pos); err != nil {
		return nil, err
	}
	c := &cursor{
		id: id, pos: pos, recordBytesMax: int(s.cfg.RecordBytesMax),
		charset: &s.charset, delimiter: s.cfg.Delimiter,
	}
	var err error
	if s.cfg.isContainer() {
		if err = s.openContainer(ctx, c); err != nil {
			return nil, err
		}
		return c, nil
	}
	if c.text, err = s.textOf(ctx, pos.path, pos.next); err != nil {
		return nil, err
	}
	// Go back by one delimiter: a range finds there the end of the record before it, and a
	// restored position proves that it stands between two records of this very file.
	if pos.next > 0 {
		c.at = max(pos.next-int64(len(c.text.delim.bytes)), 0)
	}
	c.read, c.seeking, c.fresh = c.at, pos.start > 0 && pos.next == pos.start, c.at == 0
	if c.in, err = s.openAt(ctx, pos.path, c.at); err != nil {
		return nil, err
	}
	if pos.next == pos.start {
		return c, nil
	}
	before := make([]byte, pos.next-c.at)
	_, err = io.ReadFull(c.in, before)
	if err == nil && bytes.Equal(before, c.text.delim.bytes) {
		c.at, c.read, c.fresh = pos.next, pos.next, false
		return c, nil
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fault(pos.path, pos.next, fmt.Errorf("%w: no record ends here", ErrReplaced))
	} else {
		err = readError(pos.path, c.at, err)
	}
	return nil, errors.Join(err, c.in.Close())
}

// textOf finds out how a file is to be read on from offset. Only a charset that needs the
// byte-order mark costs a look at the first bytes.
func (s *Source) textOf(ctx context.Context, path string, offset int64) (text, error) {
	if offset == 0 || s.charset.unit == 1 || len(s.charset.boms) == 0 {
		return s.charset.of(nil, s.cfg.Delimiter)
	}
	head, err := s.head(ctx, path, bomBytesMax)
	if err != nil {
		return text{}, err
	}
	return s.charset.of(head, s.cfg.Delimiter)
}

// head returns the first n bytes of a file, or all of a shorter one.
func (s *Source) head(ctx context.Context, path string, n int) ([]byte, error) {
	in, err := s.openAt(ctx, path, 0)
	if err != nil {
		return nil, err
	}
	head := make([]byte, n)
	n, err = io.ReadFull(in, head)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, readError(path, 0, err)
	}
	return head[:n], nil
}

// openAt opens a file at an offset after decompression.
func (s *Source) openAt(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	codec := codecOf(path)
	from := offset
	if codec != "" {
		from = 0
	}
	in, err := s.fs.Open(ctx, path, from)
	if errors.Is(err, filesystem.ErrNotFound) {
		return nil, fault(path, offset, ErrVanished)
	}
	if err != nil || codec == "" {
		return in, err
	}
	if in, err = decompress(codec, in); err != nil {
		return nil, readError(path, 0, err)
	}
	_, err = io.CopyN(io.Discard, in, offset)
	switch {
	case errors.Is(err, io.EOF):
		err = fault(path, offset, ErrShrunk)
	case err != nil:
		err = readError(path, offset, err)
	}
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// unchanged compares the file with the one that was found. Identity alone proves nothing: device
// numbers change over a reboot. A file that only grew, or was touched, is the same one.
func (s *Source) unchanged(ctx context.Context, pos rangePosition) error {
	info, err := s.fs.Stat(ctx, pos.path)
	switch {
	case errors.Is(err, filesystem.ErrNotFound):
		return fault(pos.path, pos.next, ErrVanished)
	case err != nil:
		return fmt.Errorf("looking at %s: %w", pos.path, err)
	case info.Size < pos.size:
		return fault(pos.path, pos.next,
			fmt.Errorf("%w: %d bytes, not %d", ErrShrunk, info.Size, pos.size))
	case info.Size == pos.size && info.ModTime.UnixNano() == pos.modTime:
		return nil
	case info.Identity == "" || info.Identity != pos.identity:
		return fault(pos.path, pos.next, ErrReplaced)
	}
	return nil
}

// skips reports whether a split that cannot be opened because of err is given up.
func (s *Source) skips(pos rangePosition, err error) bool {
	gone := errors.Is(err, ErrVanished)
	if !gone && !errors.Is(err, ErrShrunk) && !errors.Is(err, ErrReplaced) {
		return false
	}
	// Nothing of it was read, and the next listing finds the new file and reads it in full.
	superseded := s.cfg.Mode == modeContinuous && pos.next == pos.start && !gone
	return superseded || s.cfg.Vanished == vanishedSkip
}

// cut appends the complete records that the scanner holds, within limits. done says that the
// range is read.
func (c *cursor) cut(
	s *scanner, dst *connectors.Batch, recordsMax int, budget *int,
) (done bool, err error) {
	if c.records != nil {
		return c.take(dst, recordsMax, budget)
	}
	if c.fresh {
		if err := c.begin(s); c.fresh || err != nil {
			return false, err
		}
	}
	if c.seeking && !c.seek(s) {
		return c.ended || c.at >= c.pos.end, nil
	}
	split := dst.SplitIndex(c.id)
	for c.at < c.pos.end && dst.Len() < recordsMax && *budget > 0 {
		raw, ok := s.next(c.text.delim)
		size := len(raw) + len(c.text.delim.bytes)
		if !ok {
			if !c.ended || len(s.pending()) == 0 {
				return c.ended, nil
			}
			raw = s.pending() // the last record of a file needs no delimiter
			size = len(raw)
			s.drop()
		}
		if len(raw) > c.recordBytesMax {
			return false, fault(c.pos.path, c.at, ErrRecordTooLong)
		}
		value, err := c.text.record(raw, dst)
		if err != nil {
			return false, fault(c.pos.path, c.at, err)
		}
		rec := dst.Append()
		rec.Value = value
		rec.Split = split
		rec.Position = connectors.Position{Hi: c.generation, Lo: uint64(c.at)}
		*budget -= len(value)
		c.at += int64(size)
		c.pos.next = c.at
	}
	return c.at >= c.pos.end || c.ended && len(s.pending()) == 0, nil
}

// checkUnfinished refuses n bytes without a delimiter that cannot become a record any more. The
// last of them may be the beginning of the delimiter.
func (c *cursor) checkUnfinished(n int) error {
	if n-len(c.text.delim.bytes)+1 > c.recordBytesMax {
		return fault(c.pos.path, c.at, ErrRecordTooLong)
	}
	return nil
}

// begin passes the byte-order mark, once enough is read to know whether there is one.
func (c *cursor) begin(s *scanner) (err error) {
	head := s.pending()
	if !c.ended && c.charset.undecided(head) {
		return nil
	}
	c.fresh = false
	c.text, err = c.charset.of(head, c.delimiter)
	s.begin += c.text.bom
	c.at += int64(c.text.bom)
	return err
}

// seek moves to the first record that begins in the range and reports whether it is there.
func (c *cursor) seek(s *scanner) bool {
	raw, ok := s.next(c.text.delim)
	if ok {
		c.at += int64(len(raw) + len(c.text.delim.bytes))
		c.seeking = false
		return true
	}
	// Keep what may be the beginning of a delimiter, so that a long line needs no memory.
	skip := max(len(s.pending())-len(c.text.delim.bytes)+1, 0)
	s.begin += skip
	s.searched = 0
	c.at += int64(skip)
	return false
}

// fill reads from the file once.
func (c *cursor) fill(s *scanner) (int, error) {
	// Look a little past the end of a range, not a whole buffer: the next range reads it anyway.
	limit := int64(len(s.buf))
	if left := c.pos.end - c.read; left < limit {
		limit = max(left, 0) + overReadBytes
	}
	n, err := s.fill(c.in, limit)
	c.read += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		if c.pos.end != endUnknown && c.read < c.pos.size {
			return n, fault(c.pos.path, c.read, ErrShrunk)
		}
		c.ended = true
	case err != nil:
		return n, readError(c.pos.path, c.read, err)
	}
	return n, nil
}
