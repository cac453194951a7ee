package parquet

import (
	"bytes"
	"math/big"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/wasmflow/wasmflow/connectors/format/avro"
)

// Digits of a decimal that a number of 32 and of 64 bits holds.
const (
	int32Digits = 9
	int64Digits = 18
)

// leaf is a column.
type leaf struct {
	node      parquet.Node
	shape     shape
	unordered bool // the library does not know the order of its values
}

// leafOf returns the column of a type that holds no others.
func leafOf(t *avro.Type) leaf {
	switch t.Kind {
	case "boolean":
		return leaf{node: parquet.Leaf(parquet.BooleanType), shape: shape{read: readBoolean}}
	case "int", "long":
		return integerLeaf(t)
	case "float":
		return leaf{node: parquet.Leaf(parquet.FloatType), shape: shape{read: readFloat}}
	case "double":
		return leaf{node: parquet.Leaf(parquet.DoubleType), shape: shape{read: readDouble}}
	case "string":
		return leaf{node: dictionary(parquet.String()), shape: shape{read: readBytes}}
	case "enum":
		l := leaf{node: dictionary(parquet.Enum()), shape: shape{read: readEnum}}
		for _, s := range t.Symbols {
			l.shape.symbols = append(l.shape.symbols, []byte(s))
		}
		return l
	}
	if t.Logical == "decimal" {
		return decimalLeaf(t)
	}
	if t.Kind == "bytes" {
		return leaf{
			node:  parquet.Leaf(anyBytes{parquet.ByteArrayType}),
			shape: shape{read: readBytes},
		}
	}
	typ := parquet.FixedLenByteArrayType(t.Size)
	switch t.Logical {
	case "uuid":
		typ = parquet.UUID().Type()
	case "duration": // laid out as in Avro
		typ = parquet.IntervalNode().Type()
	}
	return leaf{
		node: parquet.Leaf(unordered{
			Type: typ, low: make([]byte, t.Size), high: bytes.Repeat([]byte{0xff}, t.Size),
		}),
		shape:     shape{read: readFixed, size: t.Size},
		unordered: true,
	}
}

func dictionary(n parquet.Node) parquet.Node { return parquet.Encoded(n, &parquet.RLEDictionary) }

// integerLeaf returns the column of an int or a long.
func integerLeaf(t *avro.Type) leaf {
	l := leaf{node: parquet.Leaf(parquet.Int64Type), shape: shape{read: readInt64}}
	if t.Kind == "int" {
		l = leaf{node: parquet.Leaf(parquet.Int32Type), shape: shape{read: readInt32}}
	}
	switch t.Logical {
	case "date":
		l.node = parquet.Date()
	case "time-millis":
		l.node = parquet.TimeAdjusted(parquet.Millisecond, false)
	case "time-micros":
		l.node = parquet.TimeAdjusted(parquet.Microsecond, false)
	case "timestamp-millis", "local-timestamp-millis":
		l.node = parquet.TimestampAdjusted(parquet.Millisecond, t.Logical[0] == 't')
	case "timestamp-micros", "local-timestamp-micros":
		l.node = parquet.TimestampAdjusted(parquet.Microsecond, t.Logical[0] == 't')
	case "timestamp-nanos", "local-timestamp-nanos":
		l.node = parquet.TimestampAdjusted(parquet.Nanosecond, t.Logical[0] == 't')
	}
	l.node = dictionary(l.node)
	return l
}

// decimalLeaf returns the column of a decimal, in the form that readers like best.
func decimalLeaf(t *avro.Type) leaf {
	s := shape{read: readDecimal, size: t.Size}
	switch {
	case t.Precision <= int32Digits:
		s.decimal = parquet.Int32
		return leaf{
			node: dictionary(parquet.Decimal(t.Scale, t.Precision, parquet.Int32Type)), shape: s,
		}
	case t.Precision <= int64Digits:
		s.decimal = parquet.Int64
		return leaf{
			node: dictionary(parquet.Decimal(t.Scale, t.Precision, parquet.Int64Type)), shape: s,
		}
	}
	s.decimal, s.width = parquet.FixedLenByteArray, decimalBytes(t.Precision)
	typ := parquet.Decimal(t.Scale, t.Precision, parquet.FixedLenByteArrayType(s.width)).Type()
	low, high := decimalBounds(t.Precision, s.width)
	return leaf{node: parquet.Leaf(unordered{typ, low, high}), shape: s, unordered: true}
}

// decimalBytes returns how many bytes hold every number of so many digits, and its sign.
func decimalBytes(digits int) int { return largest(digits).BitLen()/8 + 1 }

// largest returns the largest number of so many digits.
func largest(digits int) *big.Int {
	x := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	return x.Sub(x, big.NewInt(1))
}

// decimalBounds returns the smallest and the largest number of so many digits, in two's complement.
func decimalBounds(digits, width int) (low, high []byte) {
	x := largest(digits)
	high = x.FillBytes(make([]byte, width))
	x.Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*width)), x)
	return x.FillBytes(make([]byte, width)), high
}

// unordered is a type of fixed length whose bounds in the index are the first and the last value
// there can be (P3). The library orders bytes as numbers without a sign, which decimals are not,
// and forgets the place of a page of nulls among the bounds of fixed lengths.
type unordered struct {
	parquet.Type
	low, high []byte
}

// NewColumnIndexer implements parquet.Type.
func (u unordered) NewColumnIndexer(int) parquet.ColumnIndexer { return &wideIndexer{of: u} }

// wideIndexer makes an index that excludes nothing but pages of nulls.
type wideIndexer struct {
	of    unordered
	index format.ColumnIndex
}

// Reset implements parquet.ColumnIndexer.
func (i *wideIndexer) Reset() { i.index = format.ColumnIndex{} }

// IndexPage implements parquet.ColumnIndexer.
func (i *wideIndexer) IndexPage(values, nulls int64, _, _ parquet.Value) {
	low, high := i.of.low, i.of.high
	if nulls == values {
		low, high = nil, nil
	}
	i.index.NullPages = append(i.index.NullPages, nulls == values)
	i.index.NullCounts = append(i.index.NullCounts, nulls)
	i.index.MinValues = append(i.index.MinValues, low)
	i.index.MaxValues = append(i.index.MaxValues, high)
}

// ColumnIndex implements parquet.ColumnIndexer.
func (i *wideIndexer) ColumnIndex() format.ColumnIndex { return i.index }

// anyBytes is a type of bytes of any length and value. The library cuts a bound off and adds one to
// the last byte, which leaves that of bytes which begin with 0xff throughout below their value (P3).
// A column with a dictionary takes no notice of it.
type anyBytes struct{ parquet.Type }

// NewColumnIndexer implements parquet.Type.
func (b anyBytes) NewColumnIndexer(sizeMax int) parquet.ColumnIndexer {
	const whole = 0
	return &cutIndexer{ColumnIndexer: b.Type.NewColumnIndexer(whole), sizeMax: sizeMax}
}

// cutIndexer makes an index with bounds of sizeMax bytes, where there are such.
type cutIndexer struct {
	parquet.ColumnIndexer
	sizeMax int
}

// ColumnIndex implements parquet.ColumnIndexer. What is cut stays in order.
func (i *cutIndexer) ColumnIndex() format.ColumnIndex {
	index := i.ColumnIndexer.ColumnIndex()
	for k, low := range index.MinValues {
		index.MinValues[k] = low[:min(len(low), i.sizeMax)]
	}
	for k, high := range index.MaxValues {
		index.MaxValues[k] = above(high, i.sizeMax)
	}
	return index
}

// above returns bytes that are not below high, of which there are sizeMax at most unless none of
// those are.
func above(high []byte, sizeMax int) []byte {
	if len(high) <= sizeMax {
		return high
	}
	for n := sizeMax; n > 0; n-- {
		if last := high[n-1]; last < 0xff {
			return append(bytes.Clone(high[:n-1]), last+1)
		}
	}
	return high
}

var (
	_ parquet.ColumnIndexer = (*wideIndexer)(nil)
	_ parquet.ColumnIndexer = (*cutIndexer)(nil)
)
