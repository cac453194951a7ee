package avro

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// appendSpare appends a default value, as the library hands it out, in binary form.
func appendSpare(dst []byte, n *node, v any) ([]byte, error) {
	switch n.kind {
	case kindUnion:
		for i, b := range n.union {
			if out, err := appendSpare(binary.AppendVarint(slices.Clone(dst), int64(i)), b, v); err == nil {
				return out, nil
			}
		}
	case kindNull:
		if v == nil {
			return dst, nil
		}
	case kindRecord:
		if m, ok := v.(map[string]any); ok {
			return appendSpareRecord(dst, n, m)
		}
	case kindArray:
		if items, ok := v.([]any); ok {
			return appendSpareItems(dst, n, items)
		}
	case kindMap:
		if m, ok := v.(map[string]any); ok {
			return appendSparePairs(dst, n, m)
		}
	}
	switch v := v.(type) {
	case bool:
		if n.kind == kindBoolean && v {
			return append(dst, 1), nil
		} else if n.kind == kindBoolean {
			return append(dst, 0), nil
		}
	case int32:
		if n.kind == kindInt {
			return binary.AppendVarint(dst, int64(v)), nil
		}
	case int64:
		if n.kind == kindLong {
			return binary.AppendVarint(dst, v), nil
		}
	case float32:
		if n.kind == kindFloat {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v)), nil
		}
	case float64:
		if n.kind == kindDouble {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v)), nil
		}
	case string:
		if i, ok := n.index[v]; ok && n.kind == kindEnum {
			return binary.AppendVarint(dst, int64(i)), nil
		}
		if n.kind == kindString {
			return append(binary.AppendVarint(dst, int64(len(v))), v...), nil
		}
	case []byte:
		if n.kind == kindFixed && len(v) == n.size {
			return append(dst, v...), nil
		}
		if n.kind == kindBytes {
			return append(binary.AppendVarint(dst, int64(len(v))), v...), nil
		}
	}
	return nil, fmt.Errorf("%v is no default for %s", v, n.name)
}

func appendSpareRecord(dst []byte, n *node, m map[string]any) (out []byte, err error) {
	for i := range n.fields {
		f := &n.fields[i]
		x, ok := m[f.name]
		switch {
		case ok:
		case f.hasSpare:
			x = f.spare
		default:
			return nil, fmt.Errorf("the default has no field %s", f.name)
		}
		if dst, err = appendSpare(dst, f.typ, x); err != nil {
			return nil, within(f.name, err)
		}
	}
	return dst, nil
}

func appendSpareItems(dst []byte, n *node, items []any) (out []byte, err error) {
	if len(items) > 0 {
		dst = binary.AppendVarint(dst, int64(len(items)))
	}
	for _, x := range items {
		if dst, err = appendSpare(dst, n.items, x); err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}

func appendSparePairs(dst []byte, n *node, m map[string]any) (out []byte, err error) {
	if len(m) > 0 {
		dst = binary.AppendVarint(dst, int64(len(m)))
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		dst = append(binary.AppendVarint(dst, int64(len(name))), name...)
		if dst, err = appendSpare(dst, n.items, m[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}
