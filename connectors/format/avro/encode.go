package avro

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// trialsMax bounds how often a branch of a union is tried for one record: unions within unions
// multiply.
const trialsMax = 10000

var errTrials = errors.New("its unions leave too many ways to read it; set unions = \"tagged\"")

// encoder turns JSON into one value.
type encoder struct {
	out    []byte
	tagged bool
	drop   bool // fields that the schema lacks are left out instead of refused
	trials int
	depth  int

	// Memory to work in.
	text, digits, unscaled []byte
}

// json appends the binary form of a JSON text to e.out.
func (e *encoder) json(parser *fastjson.Parser, to *schema, text []byte) error {
	// The parser below takes texts that are not quite JSON.
	if err := jsontext.Check(text); err != nil {
		return err
	}
	v, err := parser.ParseBytes(text)
	if err != nil {
		return fmt.Errorf("reading the value as JSON: %w", err)
	}
	e.depth, e.trials = 0, 0
	if err := e.value(to.root, v); err != nil {
		return fmt.Errorf("the value does not fit its Avro schema: %w", err)
	}
	return nil
}

// value appends the value of n that v stands for.
func (e *encoder) value(n *node, v *fastjson.Value) error {
	if e.depth++; e.depth > depthMax {
		return errDeep
	}
	var err error
	switch n.kind {
	case kindUnion:
		err = e.union(n, v)
	case kindRecord:
		err = e.record(n, v)
	case kindArray:
		err = e.array(n, v)
	case kindMap:
		err = e.pairs(n, v)
	case kindNull:
		if v.Type() != fastjson.TypeNull {
			err = want("null", v)
		}
	case kindBoolean:
		switch v.Type() {
		case fastjson.TypeTrue:
			e.out = append(e.out, 1)
		case fastjson.TypeFalse:
			e.out = append(e.out, 0)
		default:
			err = want("a boolean", v)
		}
	case kindInt, kindLong:
		err = e.integer(n, v)
	case kindFloat, kindDouble:
		err = e.float(n, v)
	default:
		err = e.opaque(n, v)
	}
	e.depth--
	return err
}

// shownBytesMax bounds what an error repeats of a value.
const shownBytesMax = 40

func want(what string, v *fastjson.Value) error {
	return fmt.Errorf("want %s, not %s", what, shown(v))
}

func shown(v *fastjson.Value) string {
	text := v.MarshalTo(nil)
	if len(text) > shownBytesMax {
		return fmt.Sprintf("the %s %.*s...", v.Type(), shownBytesMax, text)
	}
	return fmt.Sprintf("the %s %s", v.Type(), text)
}

func (e *encoder) record(n *node, v *fastjson.Value) error {
	if v.Type() != fastjson.TypeObject {
		return want("an object for record "+n.name, v)
	}
	object := v.GetObject()
	met := 0
	for i := range n.fields {
		f := &n.fields[i]
		x := object.Get(f.name)
		switch {
		case x != nil:
			met++
			if err := e.value(f.typ, x); err != nil {
				return within(f.name, err)
			}
		case f.hasSpare:
			e.out = append(e.out, f.binary...)
		case f.typ.nullable():
			e.out = f.typ.appendNull(e.out)
		default:
			return within(f.name, errors.New("it is missing and has no default"))
		}
	}
	if met < object.Len() && !e.drop {
		return e.unknown(n, object)
	}
	return nil
}

// unknown names a field that record n lacks. A name that stands twice leaves one over, too.
func (e *encoder) unknown(n *node, object *fastjson.Object) error {
	name, found, seen := "", false, map[string]bool{}
	object.Visit(func(key []byte, _ *fastjson.Value) {
		known := false
		for i := range n.fields {
			known = known || n.fields[i].name == string(key)
		}
		if !found && (!known || seen[string(key)]) {
			name, found = string(key), true
		}
		seen[string(key)] = true
	})
	return within(name, fmt.Errorf("record %s has no such field, or it stands there twice; "+
		"set unknown_fields = \"drop\" to leave it out", n.name))
}

// appendNull appends null as a value of n, which is nullable.
func (n *node) appendNull(dst []byte) []byte {
	for i, b := range n.union {
		if b.kind == kindNull {
			return binary.AppendVarint(dst, int64(i))
		}
	}
	return dst
}

func (e *encoder) array(n *node, v *fastjson.Value) error {
	if v.Type() != fastjson.TypeArray {
		return want("an array", v)
	}
	items := v.GetArray()
	if len(items) > 0 {
		e.out = binary.AppendVarint(e.out, int64(len(items)))
	}
	for i, x := range items {
		if err := e.value(n.items, x); err != nil {
			return within("["+strconv.Itoa(i)+"]", err)
		}
	}
	e.out = append(e.out, 0)
	return nil
}

func (e *encoder) pairs(n *node, v *fastjson.Value) (err error) {
	if v.Type() != fastjson.TypeObject {
		return want("an object for a map", v)
	}
	object := v.GetObject()
	if object.Len() > 0 {
		e.out = binary.AppendVarint(e.out, int64(object.Len()))
	}
	object.Visit(func(key []byte, x *fastjson.Value) {
		if err != nil {
			return
		}
		e.out = append(binary.AppendVarint(e.out, int64(len(key))), key...)
		if err = e.value(n.items, x); err != nil {
			err = within(string(key), err)
		}
	})
	e.out = append(e.out, 0)
	return err
}

func (e *encoder) union(n *node, v *fastjson.Value) error {
	if v.Type() == fastjson.TypeNull {
		if !n.nullable() {
			return want("a value of the union", v)
		}
		e.out = n.appendNull(e.out)
		return nil
	}
	if e.tagged {
		return e.taggedUnion(n, v)
	}
	only, several := -1, false
	for i, b := range n.union {
		if b.kind != kindNull {
			several = several || only >= 0
			only = i
		}
	}
	if only < 0 {
		return want("null", v)
	}
	if !several {
		e.out = binary.AppendVarint(e.out, int64(only))
		return e.value(n.union[only], v)
	}
	return e.firstFit(n, v)
}

// firstFit takes the first branch that v is a value of. Records that leave no field over go first.
func (e *encoder) firstFit(n *node, v *fastjson.Value) error {
	drop, start := e.drop, len(e.out)
	defer func() { e.drop = drop }()
	for _, e.drop = range []bool{false, true} {
		if e.drop && !drop {
			break
		}
		for i, b := range n.union {
			if !b.mayBe(v.Type()) {
				continue
			}
			if e.trials++; e.trials > trialsMax {
				return errTrials
			}
			depth := e.depth
			e.out = binary.AppendVarint(e.out[:start], int64(i))
			err := e.value(b, v)
			if err == nil || errors.Is(err, errTrials) {
				return err
			}
			e.depth = depth
		}
	}
	e.out = e.out[:start]
	return want("a value of one branch of the union", v)
}

// mayBe reports whether JSON of type t can be a value of n.
func (n *node) mayBe(t fastjson.Type) bool {
	switch n.kind {
	case kindNull:
		return false
	case kindBoolean:
		return t == fastjson.TypeTrue || t == fastjson.TypeFalse
	case kindInt, kindLong, kindFloat, kindDouble:
		return t == fastjson.TypeNumber || t == fastjson.TypeString
	case kindArray:
		return t == fastjson.TypeArray
	case kindMap, kindRecord:
		return t == fastjson.TypeObject
	case kindBytes, kindFixed:
		return t == fastjson.TypeString || n.logical == decimal && t == fastjson.TypeNumber
	}
	return t == fastjson.TypeString
}

// taggedUnion takes the branch that v, an object of one member, names.
func (e *encoder) taggedUnion(n *node, v *fastjson.Value) error {
	if v.Type() != fastjson.TypeObject || v.GetObject().Len() != 1 {
		return want("an object of one member that names a branch of the union", v)
	}
	for i, b := range n.union {
		if x := v.GetObject().Get(b.name); x != nil && b.kind != kindNull {
			e.out = binary.AppendVarint(e.out, int64(i))
			if err := e.value(b, x); err != nil {
				return within(b.name, err)
			}
			return nil
		}
	}
	return want("the name of a branch of the union", v)
}

// number returns the text of a number.
func (e *encoder) number(v *fastjson.Value) []byte {
	e.text = v.MarshalTo(e.text[:0])
	return e.text
}

func (e *encoder) integer(n *node, v *fastjson.Value) error {
	var x int64
	var err error
	switch {
	case v.Type() == fastjson.TypeNumber:
		if x, err = parseInt(e.number(v)); err != nil {
			return want("an integer for "+n.name, v)
		}
	case v.Type() != fastjson.TypeString || n.logical == plain:
		return want("an integer for "+n.name, v)
	default:
		if x, err = n.logical.parse(v.GetStringBytes(), n.digits); err != nil {
			return fmt.Errorf("want %s such as %s, not %s: %w", n.logical.what(), n.logical.example(),
				shown(v), err)
		}
	}
	if n.kind == kindInt && x != int64(int32(x)) {
		return want("an int of 32 bits", v)
	}
	if (n.logical == timeMillis || n.logical == timeMicros) &&
		(x < 0 || x >= daySeconds*pow10[n.digits]) {
		return want("a time of a day", v)
	}
	e.out = binary.AppendVarint(e.out, x)
	return nil
}

// parseInt reads a decimal integer without an allocation.
func parseInt(text []byte) (int64, error) {
	negative := len(text) > 0 && text[0] == '-'
	digits := text
	if negative {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, errFormat
	}
	var u uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, errFormat
		}
		u = u*10 + uint64(c-'0')
	}
	switch {
	case negative && u <= 1<<63:
		return -int64(u), nil
	case !negative && u <= math.MaxInt64:
		return int64(u), nil
	}
	return 0, errFormat
}

func (e *encoder) float(n *node, v *fastjson.Value) error {
	var x float64
	switch v.Type() {
	case fastjson.TypeNumber:
		x = v.GetFloat64()
		if text := e.number(v); len(text) > floatDigitsExact {
			// The quick parser rounds long numbers a little off.
			var err error
			if x, err = strconv.ParseFloat(string(text), 64); err != nil {
				return want("a number in the range of "+n.name, v)
			}
		}
	case fastjson.TypeString:
		switch string(v.GetStringBytes()) {
		case "NaN":
			x = math.NaN()
		case "Infinity":
			x = math.Inf(1)
		case "-Infinity":
			x = math.Inf(-1)
		default:
			return want("a number", v)
		}
	default:
		return want("a number", v)
	}
	if math.IsInf(x, 0) && v.Type() == fastjson.TypeNumber {
		return want("a number in the range of "+n.name, v)
	}
	if n.kind == kindDouble {
		e.out = binary.LittleEndian.AppendUint64(e.out, math.Float64bits(x))
		return nil
	}
	if math.Abs(x) > math.MaxFloat32 && !math.IsInf(x, 0) {
		return want("a number in the range of float", v)
	}
	e.out = binary.LittleEndian.AppendUint32(e.out, math.Float32bits(float32(x)))
	return nil
}

// floatDigitsExact is the length of a number that 53 bits hold as an integer whatever it is.
const floatDigitsExact = 15

// opaque appends bytes, a string, a fixed or an enum.
func (e *encoder) opaque(n *node, v *fastjson.Value) error {
	if n.logical == decimal {
		return e.decimal(n, v)
	}
	if v.Type() != fastjson.TypeString {
		return want("a string for "+n.name, v)
	}
	text := v.GetStringBytes()
	switch {
	case n.kind == kindEnum:
		i, ok := n.index[string(text)]
		if !ok {
			return want("a symbol of enum "+n.name, v)
		}
		e.out = binary.AppendVarint(e.out, int64(i))
		return nil
	case n.kind == kindString:
		if !utf8.Valid(text) {
			return errText
		}
		e.out = append(binary.AppendVarint(e.out, int64(len(text))), text...)
		return nil
	}
	start := len(e.out)
	var err error
	switch n.logical {
	case uuidFixed:
		e.out, err = parseUUID(e.out, text)
	case duration:
		e.out, err = parseDuration(e.out, text)
	default:
		return e.base64(n, text, v)
	}
	if err != nil {
		e.out = e.out[:start]
		return fmt.Errorf("want a %s, not %s: %w", n.name, shown(v), err)
	}
	return nil
}

func (e *encoder) base64(n *node, text []byte, v *fastjson.Value) (err error) {
	if e.text, err = base64.StdEncoding.AppendDecode(e.text[:0], text); err != nil {
		return want("Base64 for "+n.name, v)
	}
	return e.sized(n, e.text, v)
}

// sized appends bytes, or a fixed of just so many.
func (e *encoder) sized(n *node, b []byte, v *fastjson.Value) error {
	if n.kind == kindFixed {
		if len(b) != n.size {
			return want(fmt.Sprintf("%d bytes for %s", n.size, n.name), v)
		}
		e.out = append(e.out, b...)
		return nil
	}
	e.out = append(binary.AppendVarint(e.out, int64(len(b))), b...)
	return nil
}

func (e *encoder) decimal(n *node, v *fastjson.Value) error {
	var text []byte
	switch v.Type() {
	case fastjson.TypeNumber:
		text = e.number(v)
	case fastjson.TypeString:
		text = v.GetStringBytes()
	default:
		return want("a decimal", v)
	}
	b, digits, err := appendUnscaled(e.unscaled[:0], e.digits, text, n)
	e.digits = digits
	if err != nil {
		return err
	}
	e.unscaled = b
	if n.kind == kindFixed && len(b) < n.size {
		fill := byte(0)
		if b[0]&0x80 != 0 {
			fill = 0xff
		}
		for range n.size - len(b) {
			e.out = append(e.out, fill)
		}
		e.out = append(e.out, b...)
		return nil
	}
	return e.sized(n, b, v)
}
