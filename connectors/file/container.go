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
	"github.com/wasmflow/wasmflow/connectors/format/sequencefile"
)

// Formats of the source. Files of all but text are containers: they are read from their beginning,
// and what stands for an offset is the number of a record.
const (
	formatText         = "text"
	formatSequenceFile = "sequence-file"
	formatAvro         = "avro"
)

// skipCheckRecords is after how many skipped records a reader looks whether it is to stop.
const skipCheckRecords = 1024

func (c *SourceConfig) isContainer() bool {
	return c.Format == formatSequenceFile || c.Format == formatAvro
}

// openContainer begins to read the container c.in, from the record at which c.pos stands.
func (s *Source) openContainer(ctx context.Context, c *cursor) (err error) {
	in := &countedReader{in: c.in, bytes: s.metrics.bytes}
	if s.cfg.Format == formatAvro {
		c.records, err = avro.NewFileReader(in, s.cfg.Unions == unionsTagged, c.recordBytesMax)
	} else {
		c.records, err = sequencefile.NewReader(in, c.recordBytesMax)
	}
	if err != nil {
		return containerError(c.pos.path, 0, err)
	}
	for at := int64(0); at < c.pos.next; at++ {
		if at%skipCheckRecords == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch _, _, err := c.records.Next(); {
		case err == io.EOF: // the position proves itself by the records before it (S3)
			return containerFault(c.pos.path, at, fmt.Errorf("%w: %d records, not %d", ErrShrunk, at,
				c.pos.next))
		case err != nil:
			return containerError(c.pos.path, at, err)
		}
	}
	return nil
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
			return false, containerError(c.pos.path, c.pos.next, err)
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
	return connectors.Permanent(fmt.Errorf("reading %s at record %d: %w", path, record, err))
}

// countedReader counts what is read.
type countedReader struct {
	in    io.Reader
	bytes prometheus.Counter
}

// Read implements io.Reader.
func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.bytes.Add(float64(n))
	return n, err
}
