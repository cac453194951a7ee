package parquet

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

var (
	errLevels = fmt.Errorf("%w: the levels of its columns do not fit each other", format.ErrDamaged)
	errText   = errors.New("its text is not UTF-8")
	errType   = errors.New("its type does not hold what it stands for")
)

// assembler makes rows from columns: the inverse of shredder, for any schema.
type assembler struct {
	root    *column
	sizeMax int
	leaves  [][]parquet.Value // of the row, what is not taken yet
	out     []byte
}

// append returns a row as JSON, which is valid until the next call.
func (a *assembler) append(row parquet.Row) ([]byte, error) {
	if len(a.leaves) != a.root.last {
		a.leaves = make([][]parquet.Value, a.root.last)
	}
	clear(a.leaves)
	for i := 0; i < len(row); {
		leaf, begin := row[i].Column(), i
		for i++; i < len(row) && row[i].Column() == leaf; i++ {
		}
		if leaf < 0 || leaf >= len(a.leaves) {
			return nil, errLevels
		}
		a.leaves[leaf] = row[begin:i]
	}
	a.out = a.out[:0]
	if err := a.present(a.root); err != nil {
		return nil, err
	}
	for _, rest := range a.leaves {
		if len(rest) > 0 {
			return nil, errLevels
		}
	}
	return a.out, nil
}

// peek returns the next value of the first leaf of a node, whose levels are those of the node's.
func (a *assembler) peek(c *column) (parquet.Value, bool) {
	if values := a.leaves[c.first]; len(values) > 0 {
		return values[0], true
	}
	return parquet.Value{}, false
}

// value appends a node, which may be there once, never or more than once.
func (a *assembler) value(c *column) error {
	switch {
	case c.repeated:
		return a.items(c, '[', ']', a.present)
	case c.optional:
		v, ok := a.peek(c)
		if !ok {
			return errLevels
		}
		if v.DefinitionLevel() < c.def {
			a.out = append(a.out, "null"...)
			return a.skip(c)
		}
	}
	return a.present(c)
}

// skip passes over what stands for a node that is not there.
func (a *assembler) skip(c *column) error {
	for i := c.first; i < c.last; i++ {
		if len(a.leaves[i]) == 0 || a.leaves[i][0].DefinitionLevel() >= c.def {
			return errLevels
		}
		a.leaves[i] = a.leaves[i][1:]
	}
	return nil
}

// items appends what a repeated node holds.
func (a *assembler) items(c *column, begin, end byte, item func(*column) error) error {
	a.out = append(a.out, begin)
	v, ok := a.peek(c)
	if !ok {
		return errLevels
	}
	if v.DefinitionLevel() < c.def {
		a.out = append(a.out, end)
		return a.skip(c)
	}
	for {
		if err := item(c); err != nil {
			return err
		}
		if v, ok := a.peek(c); !ok || v.RepetitionLevel() != c.rep {
			break
		}
		a.out = append(a.out, ',')
	}
	a.out = append(a.out, end)
	return nil
}

// present appends a node that is there, once.
func (a *assembler) present(c *column) error {
	switch c.shown {
	case showRecord:
		return a.record(c)
	case showList:
		return a.items(c.fields[0], '[', ']', func(repeated *column) error {
			if item, wrapped := repeated.item(); wrapped {
				return a.value(item)
			}
			return a.present(repeated)
		})
	case showMap:
		return a.items(c.fields[0], '{', '}', func(pair *column) error {
			if err := a.present(pair.fields[0]); err != nil {
				return err
			}
			a.out = append(a.out, ':')
			return a.value(pair.fields[1])
		})
	}
	v, ok := a.peek(c)
	if !ok || v.DefinitionLevel() != c.def {
		return errLevels
	}
	a.leaves[c.first] = a.leaves[c.first][1:]
	if err := a.leaf(c, v); err != nil {
		return fmt.Errorf("column %s: %w", c.member[:len(c.member)-1], err)
	}
	if len(a.out) > a.sizeMax {
		return fmt.Errorf("%w: a record of more than %d bytes", format.ErrTooLarge, a.sizeMax)
	}
	return nil
}

func (a *assembler) record(c *column) error {
	a.out = append(a.out, '{')
	for i, field := range c.fields {
		if i > 0 {
			a.out = append(a.out, ',')
		}
		a.out = append(a.out, field.member...)
		if err := a.value(field); err != nil {
			return err
		}
	}
	a.out = append(a.out, '}')
	return nil
}

// leaf appends a value as package avro has it.
func (a *assembler) leaf(c *column, v parquet.Value) error {
	switch v.Kind() {
	case parquet.Boolean:
		a.out = strconv.AppendBool(a.out, v.Boolean())
	case parquet.Int32:
		if c.shown == showUnsigned {
			a.out = strconv.AppendUint(a.out, uint64(v.Uint32()), 10)
			return nil
		}
		return a.integer(c, int64(v.Int32()))
	case parquet.Int64:
		if c.shown == showUnsigned {
			a.out = strconv.AppendUint(a.out, v.Uint64(), 10)
			return nil
		}
		return a.integer(c, v.Int64())
	case parquet.Int96:
		a.instant(v)
	case parquet.Float:
		a.out = avro.AppendFloat(a.out, float64(v.Float()), 32)
	case parquet.Double:
		a.out = avro.AppendFloat(a.out, v.Double(), 64)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return a.bytes(c, v.ByteArray())
	default:
		return errLevels // a null where a value was announced
	}
	return nil
}

// integer appends a number as what it stands for.
func (a *assembler) integer(c *column, x int64) error {
	switch c.shown {
	case showNumber:
		a.out = strconv.AppendInt(a.out, x, 10)
		return nil
	case showDecimal:
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(x))
		a.out = avro.AppendDecimal(a.out, b[:], c.scale)
		return nil
	}
	a.out = append(a.out, '"')
	switch c.shown {
	case showDate:
		a.out = avro.AppendDate(a.out, x)
	case showTimestamp:
		a.out = append(avro.AppendTimestamp(a.out, x, c.digits), 'Z')
	case showLocal:
		a.out = avro.AppendTimestamp(a.out, x, c.digits)
	case showClock:
		day := int64(24 * 60 * 60)
		for range c.digits {
			day *= 10
		}
		if x < 0 || x >= day {
			return fmt.Errorf("%w: %d is no time of a day", format.ErrDamaged, x)
		}
		a.out = avro.AppendClock(a.out, x, c.digits)
	default:
		return fmt.Errorf("%w: %w", format.ErrDamaged, errType)
	}
	a.out = append(a.out, '"')
	return nil
}

// instant appends a timestamp of old writers: nanoseconds of a day, which is counted from noon of
// the first day of the Julian calendar.
func (a *assembler) instant(v parquet.Value) {
	const epoch = 2440588
	x := v.Int96()
	nanos := int64(x[1])<<32 | int64(x[0])
	a.out = avro.AppendDate(append(a.out, '"'), int64(int32(x[2]))-epoch)
	a.out = avro.AppendClock(append(a.out, 'T'), max(nanos, 0), 9)
	a.out = append(a.out, 'Z', '"')
}

// bytes appends bytes as what they stand for.
func (a *assembler) bytes(c *column, b []byte) error {
	fits := true
	switch c.shown {
	case showText:
		if !utf8.Valid(b) {
			return fmt.Errorf("%w: %w", format.ErrDamaged, errText)
		}
		a.out = jsontext.AppendString(a.out, b)
	case showBytes:
		a.out = base64.StdEncoding.AppendEncode(append(a.out, '"'), b)
		a.out = append(a.out, '"')
	case showDecimal:
		if fits = len(b) <= decimalBytesMax; fits {
			a.out = avro.AppendDecimal(a.out, b, c.scale)
		}
	case showUUID:
		if fits = len(b) == uuidBytes; fits {
			a.out = append(avro.AppendUUID(append(a.out, '"'), b), '"')
		}
	case showInterval:
		if fits = len(b) == intervalBytes; fits {
			a.out = append(avro.AppendDuration(append(a.out, '"'), b), '"')
		}
	default:
		fits = false
	}
	if !fits {
		return fmt.Errorf("%w: %w", format.ErrDamaged, errType)
	}
	return nil
}
