package capture

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/abi"
)

// A file is, with all numbers little-endian:
//
//	"WFBATCH\n"             8 bytes
//	version                 u32, 1
//	sizes of the parts      u32 header, u32 frame, u32 places
//	header                  JSON
//	frame                   as in abi/SPEC.md, section 7
//	places                  32 bytes each: u32 split, u32 0, u64 position high, low, ordinal
//	SHA-256                 of all before
const (
	magic      = "WFBATCH\n"
	version    = 1
	fixedSize  = len(magic) + 4*4
	placeSize  = 32
	headerMax  = 16 << 20 // a configuration and the names of some thousand splits
	outcomeMax = 64 << 10 // of each text of an outcome; traps tell less than 8 KiB
	splitsMax  = 1 << 20
)

// Encode returns the bytes of a file. b is not changed.
func Encode(b *Batch) ([]byte, error) {
	header, err := json.Marshal(b.Header)
	if err != nil {
		return nil, fmt.Errorf("encoding the header of a captured batch: %w", err)
	}
	if len(header) > headerMax || int64(len(b.Frame)) > abi.FrameBytesMax {
		return nil, fmt.Errorf("encoding a captured batch: %w: header of %d bytes, frame of %d",
			ErrTooLarge, len(header), len(b.Frame))
	}
	size := fixedSize + len(header) + len(b.Frame) + len(b.Places)*placeSize + sha256.Size
	out := append(make([]byte, 0, size), magic...)
	for _, n := range []int{version, len(header), len(b.Frame), len(b.Places)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	out = append(append(out, header...), b.Frame...)
	for _, p := range b.Places {
		out = binary.LittleEndian.AppendUint64(out, uint64(p.Split))
		out = binary.LittleEndian.AppendUint64(out, p.PositionHi)
		out = binary.LittleEndian.AppendUint64(out, p.PositionLo)
		out = binary.LittleEndian.AppendUint64(out, p.Ordinal)
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), nil
}

// Decode reads a file. The frame of the result points at data. Errors wrap ErrFormat or ErrVersion.
func Decode(data []byte) (*Batch, error) {
	if len(data) < fixedSize+sha256.Size || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrFormat)
	}
	var sizes [4]uint64
	for i := range sizes {
		sizes[i] = uint64(binary.LittleEndian.Uint32(data[len(magic)+4*i:]))
	}
	if sizes[0] != version {
		return nil, fmt.Errorf("%w: version %d, this one reads %d", ErrVersion, sizes[0], version)
	}
	header, frame, places := sizes[1], sizes[2], sizes[3]
	want := uint64(fixedSize) + header + frame + places*placeSize + sha256.Size
	if header > headerMax || frame > abi.FrameBytesMax || uint64(len(data)) != want {
		return nil, fmt.Errorf("%w: %d bytes, its parts say %d", ErrFormat, len(data), want)
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("%w: its digest is wrong", ErrFormat)
	}
	rest := body[fixedSize:]
	b := &Batch{Frame: rest[header : header+frame : header+frame]}
	if err := b.decodeHeader(rest[:header]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := b.decodePlaces(rest[header+frame:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	in, err := abi.DecodeFrame(b.Frame)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if in.Len() != len(b.Places) || in.Len() == 0 {
		return nil, fmt.Errorf("%w: a frame of %d records with the places of %d", ErrFormat, in.Len(),
			len(b.Places))
	}
	return b, nil
}

func (b *Batch) decodeHeader(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b.Header); err != nil {
		return fmt.Errorf("reading its header: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("bytes after its header")
	}
	return b.check()
}

// check holds the header to what Encode's callers write.
func (b *Batch) check() error {
	l := &b.Limits
	for _, d := range []time.Duration{
		l.TimePerBatch, l.TimePerRecord, l.TimeToStart, l.CompileTime,
	} {
		if d <= 0 || d > limitTimeMax {
			return fmt.Errorf("a limit of %v in its header", d)
		}
	}
	for _, limit := range []struct{ n, max int64 }{
		{l.Memory, memoryMax}, {l.Table, tableMax}, {l.Stack, stackMax},
		{int64(l.OutputRecords), outputRecordsMax}, {l.OutputBytes, outputBytesMax},
		{int64(l.LogLines), logLinesMax}, {l.Module, moduleMax}, {l.CompileMemory, compileMemoryMax},
	} {
		if limit.n <= 0 || limit.n > limit.max {
			return fmt.Errorf("a limit of %d in its header", limit.n)
		}
	}
	o := &b.Outcome
	for _, text := range []string{
		b.Job, b.Step, b.Plugin, b.Function, b.Module, b.ModuleVersion, b.ABI, b.Rewriter,
		o.Call, o.Text, o.Limit, o.Output, o.Trace, o.Answer,
	} {
		if len(text) > outcomeMax {
			return fmt.Errorf("a text of %d bytes in its header", len(text))
		}
	}
	switch {
	case !b.Role.Supported():
		return fmt.Errorf("role %q in its header", clip(string(b.Role)))
	case o.Kind != KindTrap && o.Kind != KindOverspent && o.Kind != KindDeadline &&
		o.Kind != KindRefused:
		return fmt.Errorf("outcome %q in its header", clip(string(o.Kind)))
	case int64(b.Reserved) < int64(len(b.Frame)):
		return fmt.Errorf("a region of %d bytes for a frame of %d", b.Reserved, len(b.Frame))
	case len(b.Splits) > splitsMax:
		return fmt.Errorf("%d splits in its header", len(b.Splits))
	}
	return nil
}

// A capture may come from anybody, so it gets no more for its plugin than a job file could ask for.
const (
	limitTimeMax     = time.Hour
	memoryMax        = 4 << 30
	tableMax         = 1 << 24
	stackMax         = 24 << 20
	outputRecordsMax = 1 << 24
	outputBytesMax   = 1 << 32
	logLinesMax      = 1 << 20
	moduleMax        = 1 << 30
	compileMemoryMax = 1 << 40
)

// clipBytes is what a message repeats of a file.
const clipBytes = 64

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), clipBytes)], "?") }

func (b *Batch) decodePlaces(data []byte) error {
	b.Places = make([]Place, 0, len(data)/placeSize)
	for ; len(data) > 0; data = data[placeSize:] {
		split := binary.LittleEndian.Uint64(data)
		if split != uint64(abi.NoString) && split >= uint64(len(b.Splits)) {
			return fmt.Errorf("a record of split %d of %d", split, len(b.Splits))
		}
		b.Places = append(b.Places, Place{
			Split:      uint32(split),
			PositionHi: binary.LittleEndian.Uint64(data[8:]),
			PositionLo: binary.LittleEndian.Uint64(data[16:]),
			Ordinal:    binary.LittleEndian.Uint64(data[24:]),
		})
	}
	return nil
}
