package file

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/parquet"
	"github.com/wasmflow/wasmflow/connectors/format/sequencefile"
)

// Formats of the source. Files of all but text are containers: what stands for an offset is the
// first byte of the range and, added to it, how many records of the range were read.
const (
	formatText         = "text"
	formatSequenceFile = "sequence-file"
	formatAvro         = "avro"
	formatParquet      = "parquet"
)

// skipCheckRecords is after how many skipped records a reader looks whether it is to stop.
const skipCheckRecords = 1024

func (c *SourceConfig) isContainer() bool {
	return c.Format == formatSequenceFile || c.Format == formatAvro || c.Format == formatParquet
}

// openContainer opens the container of c, at the record at which c.pos stands.
func (s *Source) openContainer(ctx context.Context, c *cursor) (err error) {
	if s.cfg.Format == formatParquet {
		err = s.openParquet(ctx, c)
	} else {
		err = s.openMarked(ctx, c)
	}
	if err != nil {
		return err
	}
	if err := c.skipRead(ctx); err != nil {
		return errors.Join(err, c.close())
	}
	return nil
}

// marked is a reader of a container with markers to begin at.
type marked interface {
	format.Reader
	Within(start, end int64, open func(offset int64) (io.Reader, error)) error
}

// openMarked opens a container with markers, whose header every range needs.
func (s *Source) openMarked(ctx context.Context, c *cursor) (err error) {
	if c.in, err = s.openAt(ctx, c.pos.path, 0); err != nil {
		return err
	}
	var r marked
	in := &countedReader{in: c.in, bytes: s.metrics.bytes}
	if s.cfg.Format == formatAvro {
		r, err = avro.NewFileReader(in, s.cfg.Unions == unionsTagged, c.recordBytesMax)
	} else {
		r, err = sequencefile.NewReader(in, c.recordBytesMax)
	}
	if err == nil {
		err = r.Within(c.pos.start, c.pos.end, func(offset int64) (io.Reader, error) {
			next, err := s.openAt(ctx, c.pos.path, offset)
			if err != nil {
				return nil, err
			}
			head := c.in
			c.in = next
			return &countedReader{in: next, bytes: s.metrics.bytes}, head.Close()
		})
	}
	if err != nil {
		return errors.Join(containerError(c.pos.path, 0, err), c.in.Close())
	}
	c.records = r
	return nil
}

// errPacked is the refusal of a compressed file of Parquet.
var errPacked = fmt.Errorf("%w: Parquet compresses its columns and is read in pieces; unpack the "+
	"file", format.ErrUnsupported)

// openParquet opens a container that is read from its end.
func (s *Source) openParquet(ctx context.Context, c *cursor) error {
	path := c.pos.path
	if codecOf(path) != "" {
		return containerFault(path, 0, errPacked)
	}
	open := func(offset int64) (io.ReadCloser, error) {
		in, err := s.openAt(ctx, path, offset)
		if err != nil {
			return nil, err
		}
		return countedFile{&countedReader{in: in, bytes: s.metrics.bytes}, in}, nil
	}
	index, err := parquet.ReadIndex(c.pos.size, open)
	if err != nil {
		return containerError(path, 0, err)
	}
	c.rows, err = parquet.NewReader(index, open, c.pos.start, c.pos.end, c.recordBytesMax)
	if err != nil {
		return containerError(path, 0, err)
	}
	c.records = c.rows
	return nil
}

// skipRead passes over the records that were read before.
func (c *cursor) skipRead(ctx context.Context) error {
	for at := int64(0); at < c.pos.next-c.pos.start; at++ {
		if at%skipCheckRecords == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch _, _, err := c.records.Next(); {
		case err == io.EOF: // the position proves itself by the records before it (S3)
			return containerFault(c.pos.path, at, fmt.Errorf("%w: %d records, not %d", ErrShrunk, at,
				c.pos.next-c.pos.start))
		case err != nil:
			return c.recordError(at, err)
		}
	}
	return nil
}

// recordError says which record of its range cannot be read.
func (c *cursor) recordError(record int64, err error) error {
	if c.pos.start > 0 {
		err = fmt.Errorf("of those from byte %d on: %w", c.pos.start, err)
	}
	return containerError(c.pos.path, record, err)
}

// take appends the next records of a container, within limits. done says that it is read.
func (c *cursor) take(dst *connectors.Batch, recordsMax int, budget *int) (done bool, err error) {
	split := dst.SplitIndex(c.id)
	for dst.Len() < recordsMax && *budget > 0 {
		key, value, err := c.records.Next()
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, c.recordError(c.pos.next-c.pos.start, err)
		}
		rec := dst.Append()
		rec.Key, rec.Value = dst.Copy(key), dst.Copy(value)
		rec.Split = split
		rec.Position = connectors.Position{Lo: uint64(c.pos.next)}
		*budget -= len(key) + len(value)
		c.pos.next++
	}
	return false, nil
}

// containerError says where reading ended. A restart may mend a disk, but no damaged file.
func containerError(path string, record int64, err error) error {
	switch {
	case errors.Is(err, format.ErrTooLarge):
		return containerFault(path, record, fmt.Errorf("%w: %w", ErrRecordTooLong, err))
	case errors.Is(err, format.ErrDamaged), errors.Is(err, format.ErrUnsupported),
		errors.Is(err, ErrDamaged):
		return containerFault(path, record, err)
	}
	return fmt.Errorf("reading %s at record %d: %w", path, record, err)
}

// containerFault is fault for a file whose records have numbers.
func containerFault(path string, record int64, err error) error {
	return connectors.Permanent(fmt.Errorf("reading %s at record %d: %w%s", path, record, err,
		remedy(err)))
}

// countedReader counts what is read.
type countedReader struct {
	in    io.Reader
	bytes prometheus.Counter
}

// countedFile counts what is read of a file that is closed.
type countedFile struct {
	*countedReader
	io.Closer
}

// Read implements io.Reader.
func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.bytes.Add(float64(n))
	return n, err
}
