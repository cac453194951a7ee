package parquet

import (
	"fmt"

	"github.com/parquet-go/parquet-go/deprecated"
	parquetformat "github.com/parquet-go/parquet-go/format"

	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// shown is how a value is shown in JSON.
type shown uint8

const (
	showNumber shown = iota
	showUnsigned
	showBytes // base64
	showText
	showDate
	showClock
	showTimestamp
	showLocal // a timestamp of no zone
	showDecimal
	showUUID
	showInterval
	showRecord
	showList
	showMap
)

const (
	// nodesMax bounds how deeply the nodes of a schema are nested: an array or a map has two.
	nodesMax = 2 * levelsMax
	// decimalDigitsMax bounds a decimal: its text takes time that grows with the square.
	decimalDigitsMax = 1000
	// decimalBytesMax holds as many.
	decimalBytesMax = 512
	uuidBytes       = 16
	intervalBytes   = 12
)

// column is a node of the schema of a file that is read. Its leaves stand side by side.
type column struct {
	member             []byte // its name and what stands before a value, in JSON
	shown              shown
	optional, repeated bool
	first, last        int // leaves, last excluded
	def, rep           int // levels of a value that is there
	digits, scale      int // of a fraction of a second; of a decimal
	fields             []*column
}

// schemaWalk goes through a schema, whose nodes are listed depth first.
type schemaWalk struct {
	nodes  []parquetformat.SchemaElement
	leaves int
}

// newColumns returns the root of a schema.
func newColumns(nodes []parquetformat.SchemaElement) (*column, error) {
	w := &schemaWalk{nodes: nodes}
	root, err := w.column(0, 0, 0)
	if err != nil {
		return nil, err
	}
	root.shown = showRecord
	return root, nil
}

func (w *schemaWalk) column(depth, def, rep int) (*column, error) {
	if len(w.nodes) == 0 || depth > nodesMax {
		return nil, fmt.Errorf("%w: a schema of %d levels", format.ErrDamaged, depth)
	}
	n := &w.nodes[0]
	w.nodes = w.nodes[1:]
	c := &column{first: w.leaves, def: def, rep: rep}
	c.member = append(jsontext.AppendString(nil, []byte(n.Name)), ':')
	if depth > 0 && n.RepetitionType.Valid {
		c.optional = n.RepetitionType.V == parquetformat.Optional
		c.repeated = n.RepetitionType.V == parquetformat.Repeated
	}
	if c.optional || c.repeated {
		c.def++
	}
	if c.repeated {
		c.rep++
	}
	if n.Type.Valid {
		if w.leaves++; w.leaves > columnsMax {
			return nil, fmt.Errorf("%w: more than %d columns", format.ErrTooLarge, columnsMax)
		}
		c.last = w.leaves
		c.show(n)
		if c.shown == showDecimal && (c.scale < 0 || c.scale > decimalDigitsMax) {
			return nil, fmt.Errorf("%w: a decimal with %d digits of a fraction", format.ErrDamaged,
				c.scale)
		}
		return c, nil
	}
	for range max(n.NumChildren.V, 0) {
		field, err := w.column(depth+1, c.def, c.rep)
		if err != nil {
			return nil, err
		}
		c.fields = append(c.fields, field)
	}
	if c.last = w.leaves; c.last == c.first {
		return nil, fmt.Errorf("%w: group %q has no columns", format.ErrUnsupported, n.Name)
	}
	c.group(n)
	return c, nil
}

// leaves appends the leaves below c, in their order.
func (c *column) leaves(to []*column) []*column {
	if len(c.fields) == 0 {
		return append(to, c)
	}
	for _, f := range c.fields {
		to = f.leaves(to)
	}
	return to
}

// group finds out what a group stands for.
func (c *column) group(n *parquetformat.SchemaElement) {
	c.shown = showRecord
	if len(c.fields) != 1 || !c.fields[0].repeated {
		return
	}
	_, isMap := n.LogicalType.Value.(*parquetformat.MapType)
	_, isList := n.LogicalType.Value.(*parquetformat.ListType)
	if converted := n.ConvertedType; converted.Valid && n.LogicalType.Value == nil {
		isMap = converted.V == deprecated.Map || converted.V == deprecated.MapKeyValue
		isList = converted.V == deprecated.List
	}
	inner := c.fields[0]
	switch {
	case isMap && len(inner.fields) == 2 && inner.fields[0].isText():
		c.shown = showMap
	case isMap, isList:
		c.shown = showList
	}
}

func (c *column) isText() bool { return c.shown == showText && !c.optional && !c.repeated }

// item returns what stands in a list, whose repeated node it is given: the node itself in the form
// of old writers.
func (c *column) item() (item *column, wrapped bool) {
	if len(c.fields) == 1 && c.shown == showRecord && !c.fields[0].repeated {
		return c.fields[0], true
	}
	return c, false
}

// show finds out what a leaf stands for.
func (c *column) show(n *parquetformat.SchemaElement) {
	if n.Type.V == parquetformat.ByteArray || n.Type.V == parquetformat.FixedLenByteArray {
		c.shown = showBytes
	}
	switch t := n.LogicalType.Value.(type) {
	case *parquetformat.StringType, *parquetformat.EnumType, *parquetformat.JsonType:
		c.shown = showText
	case *parquetformat.DateType:
		c.shown = showDate
	case *parquetformat.TimeType:
		c.shown, c.digits = showClock, digitsOf(t.Unit)
	case *parquetformat.TimestampType:
		c.shown, c.digits = showLocal, digitsOf(t.Unit)
		if t.IsAdjustedToUTC {
			c.shown = showTimestamp
		}
	case *parquetformat.DecimalType:
		c.shown, c.scale = showDecimal, int(t.Scale)
	case *parquetformat.IntType:
		if !t.IsSigned {
			c.shown = showUnsigned
		}
	case *parquetformat.UUIDType:
		c.shown = showUUID
	case nil:
		if n.ConvertedType.Valid {
			c.showConverted(n)
		}
	}
}

func digitsOf(u parquetformat.TimeUnit) int {
	switch u.Value.(type) {
	case *parquetformat.MilliSeconds:
		return 3
	case *parquetformat.MicroSeconds:
		return 6
	}
	return 9
}

// showConverted does what show does, for files of old writers.
func (c *column) showConverted(n *parquetformat.SchemaElement) {
	switch n.ConvertedType.V {
	case deprecated.UTF8, deprecated.Enum, deprecated.Json:
		c.shown = showText
	case deprecated.Date:
		c.shown = showDate
	case deprecated.TimeMillis:
		c.shown, c.digits = showClock, 3
	case deprecated.TimeMicros:
		c.shown, c.digits = showClock, 6
	case deprecated.TimestampMillis:
		c.shown, c.digits = showTimestamp, 3
	case deprecated.TimestampMicros:
		c.shown, c.digits = showTimestamp, 6
	case deprecated.Decimal:
		c.shown, c.scale = showDecimal, int(n.Scale.V)
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		c.shown = showUnsigned
	case deprecated.Interval:
		c.shown = showInterval
	}
}
