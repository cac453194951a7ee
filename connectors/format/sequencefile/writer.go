package sequencefile

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
)

const (
	magic   = "SEQ"
	version = 6
	// syncBytes is the length of a sync marker, without the escape before it.
	syncBytes = 16
	// syncEscape stands where the length of a record would: a marker follows.
	syncEscape = math.MaxUint32
	// syncInterval is after how many bytes Hadoop puts a marker between two records.
	syncInterval = 100 << 10
	// blockBytes is how many bytes of keys and values Hadoop puts into a block at least, but for
	// the last one.
	blockBytes = 1_000_000
	// recordBytesLimit bounds a key or a value: lengths have 31 bits, and key and value together
	// have one.
	recordBytesLimit = math.MaxInt32/2 - 16
)

// writer writes a file whose records stand by themselves, with their values compressed or not.
type writer struct {
	*format.Stream
	format   *Format
	sync     [syncBytes]byte
	lastSync int64  // offset behind the last marker
	raw      []byte // a value before it is compressed
}

// appendHead adds the header of a file up to its sync marker.
func (f *Format) appendHead(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = append(dst, version)
	dst = appendString(dst, f.key.java)
	dst = appendString(dst, f.value.java)
	dst = append(dst, flag(f.pool != nil), flag(f.block))
	if f.pool != nil {
		dst = appendString(dst, f.codec.java)
	}
	return append(dst, 0, 0, 0, 0) // no metadata
}

func appendString(dst []byte, s string) []byte {
	return append(appendVInt(dst, int64(len(s))), s...)
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

func (w *writer) appendSync(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, syncEscape)
	return append(dst, w.sync[:]...)
}

// appendDueSync adds a marker before a record if one is due, and returns the offset behind the last.
func (w *writer) appendDueSync(dst []byte) (out []byte, lastSync int64) {
	if w.Size() < w.lastSync+syncInterval {
		return dst, w.lastSync
	}
	out = w.appendSync(dst)
	return out, w.Size() + int64(len(out)-len(dst))
}

// Append implements format.Writer.
func (w *writer) Append(r *connectors.Record) error {
	buf, err := w.Begin()
	if err != nil {
		return err
	}
	buf, lastSync := w.appendDueSync(buf)
	begin := len(buf)
	buf = append(buf, 0, 0, 0, 0, 0, 0, 0, 0) // lengths of the record and of its key
	keyAt := len(buf)
	if buf, err = w.format.key.append(buf, r.Key); err != nil {
		return refuseKey(err)
	}
	valueAt := len(buf)
	if buf, err = w.appendValue(buf, r.Value); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(buf[begin:], uint32(len(buf)-keyAt))
	binary.BigEndian.PutUint32(buf[begin+4:], uint32(valueAt-keyAt))
	w.lastSync = lastSync
	return w.End(buf)
}

func (w *writer) appendValue(dst, value []byte) ([]byte, error) {
	if w.format.pool == nil {
		out, err := w.format.value.append(dst, value)
		if err != nil {
			return dst, refuseValue(err)
		}
		return out, nil
	}
	raw, err := w.format.value.append(w.raw[:0], value)
	if err != nil {
		return dst, refuseValue(err)
	}
	w.raw = raw
	return w.format.pool.Append(dst, raw)
}

func refuseKey(err error) error { return format.Refuse("the key does not fit: %w", err) }

func refuseValue(err error) error { return format.Refuse("the value does not fit: %w", err) }

// blockWriter writes a file whose records stand in blocks of lengths of keys, keys, lengths of
// values and values.
type blockWriter struct {
	*writer
	records                      int
	keyLens, keys, valLens, vals []byte
	compressed                   []byte
}

// Append implements format.Writer.
func (w *blockWriter) Append(r *connectors.Record) error {
	if _, err := w.Begin(); err != nil {
		return err
	}
	keys, err := w.format.key.append(w.keys, r.Key)
	if err != nil {
		return refuseKey(err)
	}
	vals, err := w.format.value.append(w.vals, r.Value)
	if err != nil {
		return refuseValue(err)
	}
	w.keyLens = appendVInt(w.keyLens, int64(len(keys)-len(w.keys)))
	w.valLens = appendVInt(w.valLens, int64(len(vals)-len(w.vals)))
	w.keys, w.vals = keys, vals
	w.records++
	if len(keys)+len(vals) < blockBytes {
		return nil
	}
	return w.endBlock()
}

// Flush implements format.Writer. It ends a block.
func (w *blockWriter) Flush() error {
	if err := w.endBlock(); err != nil {
		return err
	}
	return w.Stream.Flush()
}

// Close implements format.Writer.
func (w *blockWriter) Close() error {
	if err := w.endBlock(); err != nil {
		return err
	}
	return w.Stream.Close()
}

func (w *blockWriter) endBlock() error {
	if w.records == 0 {
		return nil
	}
	buf, err := w.Begin()
	if err != nil {
		return err
	}
	buf = appendVInt(w.appendSync(buf), int64(w.records))
	for _, column := range []*[]byte{&w.keyLens, &w.keys, &w.valLens, &w.vals} {
		w.compressed, err = w.format.pool.Append(w.compressed[:0], *column)
		if err != nil {
			return fmt.Errorf("ending a block: %w", err)
		}
		buf = append(appendVInt(buf, int64(len(w.compressed))), w.compressed...)
		*column = (*column)[:0]
	}
	w.records = 0
	return w.End(buf)
}

var (
	_ format.Writer = (*writer)(nil)
	_ format.Writer = (*blockWriter)(nil)
)
