package avro

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// Bounds of one value.
const (
	// depthMax is that of JSON texts, so that whoever reads the value next can.
	depthMax = 300
	// valueBytesMax bounds the JSON of a record: a few bytes can claim to be an endless array.
	valueBytesMax = 64 << 20
	// idleItemsMax bounds the items of a skipped array whose items take no bytes.
	idleItemsMax = 1 << 20
)

var (
	errShort = errors.New("the value ends too early")
	errDeep  = errors.New("it is nested too deeply")
	errLarge = fmt.Errorf("its JSON is larger than %d MiB", valueBytesMax>>20)
	errText  = errors.New("its text is not UTF-8")
)

// decoder turns one value into JSON.
type decoder struct {
	in    []byte // what is left
	out   []byte
	depth int
}

// value reads one value and appends its JSON (A2).
func (d *decoder) value(r *read) error {
	if d.depth++; d.depth > depthMax {
		return errDeep
	}
	var err error
	switch {
	case r.inner != nil:
		d.out = append(d.out, r.tag...)
		if err = d.value(r.inner); r.tag != nil {
			d.out = append(d.out, '}')
		}
	case r.from.kind == kindUnion:
		err = d.union(r)
	case r.from.kind == kindRecord:
		err = d.record(r)
	case r.from.kind == kindArray:
		err = d.array(r)
	case r.from.kind == kindMap:
		err = d.pairs(r)
	case r.from.kind == kindEnum:
		err = d.enum(r)
	default:
		err = d.scalar(r.from, r.as)
	}
	d.depth--
	return err
}

func (d *decoder) long() (int64, error) {
	x, n := binary.Varint(d.in)
	if n <= 0 {
		return 0, errShort
	}
	d.in = d.in[n:]
	return x, nil
}

// take returns the next n bytes.
func (d *decoder) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(d.in)) {
		return nil, errShort
	}
	b := d.in[:n]
	d.in = d.in[n:]
	return b, nil
}

// bytes returns the next bytes with their length before them.
func (d *decoder) bytes() ([]byte, error) {
	n, err := d.long()
	if err != nil {
		return nil, err
	}
	return d.take(n)
}

func (d *decoder) union(r *read) error {
	i, err := d.long()
	if err != nil {
		return err
	}
	if i < 0 || i >= int64(len(r.branches)) {
		return fmt.Errorf("branch %d of a union of %d", i, len(r.branches))
	}
	b := &r.branches[i]
	if b.refused != nil {
		return b.refused
	}
	return d.value(b.read)
}

func (d *decoder) record(r *read) error {
	d.out = append(d.out, '{')
	first := true
	for i := range r.fields {
		f := &r.fields[i]
		if f.read == nil {
			if err := d.skip(f.from); err != nil {
				return within(f.name, err)
			}
			continue
		}
		if !first {
			d.out = append(d.out, ',')
		}
		first = false
		d.out = append(d.out, f.member...)
		if err := d.value(f.read); err != nil {
			return within(f.name, err)
		}
	}
	if len(r.spare) > 0 {
		if !first {
			d.out = append(d.out, ',')
		}
		d.out = append(d.out, r.spare...)
	}
	d.out = append(d.out, '}')
	return nil
}

// block reads how many items come next; 0 ends an array or a map.
func (d *decoder) block() (int64, error) {
	n, err := d.long()
	if err != nil || n >= 0 {
		return n, err
	}
	if n == math.MinInt64 {
		return 0, errShort
	}
	_, err = d.long() // the size in bytes, for who skips
	return -n, err
}

func (d *decoder) array(r *read) error {
	d.out = append(d.out, '[')
	for i := 0; ; {
		n, err := d.block()
		if err != nil {
			return err
		}
		if n == 0 {
			d.out = append(d.out, ']')
			return nil
		}
		for ; n > 0; n-- {
			if i > 0 {
				d.out = append(d.out, ',')
			}
			if err := d.value(r.items); err != nil {
				return within("["+strconv.Itoa(i)+"]", err)
			}
			if i++; len(d.out) > valueBytesMax {
				return errLarge
			}
		}
	}
}

func (d *decoder) pairs(r *read) error {
	d.out = append(d.out, '{')
	for i := 0; ; {
		n, err := d.block()
		if err != nil {
			return err
		}
		if n == 0 {
			d.out = append(d.out, '}')
			return nil
		}
		for ; n > 0; n-- {
			if i++; i > 1 {
				d.out = append(d.out, ',')
			}
			name, err := d.bytes()
			if err != nil {
				return err
			}
			if !utf8.Valid(name) {
				return errText
			}
			d.out = append(jsontext.AppendString(d.out, name), ':')
			if err := d.value(r.items); err != nil {
				return within(string(name), err)
			}
			if len(d.out) > valueBytesMax {
				return errLarge
			}
		}
	}
}

func (d *decoder) enum(r *read) error {
	i, err := d.long()
	if err != nil {
		return err
	}
	if i < 0 || i >= int64(len(r.symbols)) {
		return fmt.Errorf("symbol %d of an enum of %d", i, len(r.symbols))
	}
	if r.symbols[i] == nil {
		return fmt.Errorf("symbol %s is not in the reader's schema", r.from.symbols[i])
	}
	d.out = append(d.out, r.symbols[i]...)
	return nil
}

// scalar reads a value of from and appends it as as, which is of the same kind or one it promotes
// to.
func (d *decoder) scalar(from, as *node) error {
	switch from.kind {
	case kindNull:
		d.out = append(d.out, "null"...)
	case kindBoolean:
		b, err := d.take(1)
		if err != nil {
			return err
		}
		if b[0] > 1 {
			return fmt.Errorf("byte %d is no boolean", b[0])
		}
		d.out = strconv.AppendBool(d.out, b[0] == 1)
	case kindInt, kindLong:
		x, err := d.long()
		if err != nil {
			return err
		}
		if from.kind == kindInt && x != int64(int32(x)) {
			return fmt.Errorf("%d is no int", x)
		}
		return d.integer(x, as)
	case kindFloat:
		b, err := d.take(4)
		if err != nil {
			return err
		}
		d.out = AppendFloat(d.out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	case kindDouble:
		b, err := d.take(8)
		if err != nil {
			return err
		}
		d.out = AppendFloat(d.out, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	case kindFixed:
		b, err := d.take(int64(from.size))
		if err != nil {
			return err
		}
		return d.opaque(b, as)
	default: // bytes or string
		b, err := d.bytes()
		if err != nil {
			return err
		}
		return d.opaque(b, as)
	}
	return nil
}

// integer appends an int or a long as what it stands for.
func (d *decoder) integer(x int64, as *node) error {
	switch as.logical {
	case plain:
		d.out = strconv.AppendInt(d.out, x, 10)
		return nil
	case timeMillis, timeMicros:
		if x < 0 || x >= daySeconds*pow10[as.digits] {
			return fmt.Errorf("%d is no time of a day", x)
		}
	}
	d.out = append(d.out, '"')
	switch as.logical {
	case date:
		d.out = AppendDate(d.out, x)
	case timestamp:
		d.out = append(AppendTimestamp(d.out, x, as.digits), 'Z')
	case localTimestamp:
		d.out = AppendTimestamp(d.out, x, as.digits)
	default:
		d.out = AppendClock(d.out, x, as.digits)
	}
	d.out = append(d.out, '"')
	return nil
}

// AppendFloat appends a number as encoding/json does, and what JSON has no number for as a string.
func AppendFloat(dst []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, `"NaN"`...)
	case math.IsInf(x, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(x, -1):
		return append(dst, `"-Infinity"`...)
	}
	form := byte('f')
	if abs := math.Abs(x); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(dst, x, form, -1, bits)
}

// opaque appends bytes, a string or a fixed as what it stands for.
func (d *decoder) opaque(b []byte, as *node) error {
	switch {
	case as.logical == decimal:
		d.out = AppendDecimal(d.out, b, as.scale)
	case as.logical == uuidFixed:
		d.out = append(AppendUUID(append(d.out, '"'), b), '"')
	case as.logical == duration:
		d.out = append(AppendDuration(append(d.out, '"'), b), '"')
	case as.kind == kindString:
		if !utf8.Valid(b) {
			return errText
		}
		d.out = jsontext.AppendString(d.out, b)
	default:
		d.out = append(d.out, '"')
		d.out = append(base64.StdEncoding.AppendEncode(d.out, b), '"')
	}
	if len(d.out) > valueBytesMax {
		return errLarge
	}
	return nil
}

// skip passes over a value that the reader does not want.
func (d *decoder) skip(n *node) (err error) {
	if d.depth++; d.depth > depthMax {
		return errDeep
	}
	switch n.kind {
	case kindBoolean:
		_, err = d.take(1)
	case kindInt, kindLong, kindEnum:
		_, err = d.long()
	case kindFloat:
		_, err = d.take(4)
	case kindDouble:
		_, err = d.take(8)
	case kindFixed:
		_, err = d.take(int64(n.size))
	case kindBytes, kindString:
		_, err = d.bytes()
	case kindUnion:
		var i int64
		if i, err = d.long(); err == nil && (i < 0 || i >= int64(len(n.union))) {
			err = fmt.Errorf("branch %d of a union of %d", i, len(n.union))
		}
		if err == nil {
			err = d.skip(n.union[i])
		}
	case kindRecord:
		for i := 0; i < len(n.fields) && err == nil; i++ {
			err = d.skip(n.fields[i].typ)
		}
	case kindArray, kindMap:
		err = d.skipItems(n)
	}
	d.depth--
	return err
}

func (d *decoder) skipItems(n *node) error {
	idle := 0
	for {
		items, err := d.block()
		if err != nil || items == 0 {
			return err
		}
		for ; items > 0; items-- {
			left := len(d.in)
			if n.kind == kindMap {
				if _, err := d.bytes(); err != nil {
					return err
				}
			}
			if err := d.skip(n.items); err != nil {
				return err
			}
			if len(d.in) < left {
				continue
			}
			if idle++; idle > idleItemsMax {
				return errLarge
			}
		}
	}
}
