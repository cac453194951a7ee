package wasmflow

import "unsafe"

// column is an optional column of the output: empty until an entry sets it, then filled up with
// none for the entries that do not.
type column[T any] struct {
	values []T
	used   bool
}

func (c *column[T]) reset() { c.values, c.used = c.values[:0], false }

func (c *column[T]) set(i int, v, none T) {
	c.fill(i+1, none)
	c.values[i] = v
	c.used = true
}

func (c *column[T]) fill(n int, none T) {
	for len(c.values) < n {
		c.values = append(c.values, none)
	}
}

// cut takes back the values of entries from n on.
func (c *column[T]) cut(n int) {
	if len(c.values) > n {
		c.values = c.values[:n]
	}
}

// publish makes the column as long as the table of entries and adds it to the directory.
func (c *column[T]) publish(o *Emitter, id uint32, none T) {
	if !c.used || len(o.entries) == 0 {
		return
	}
	c.fill(len(o.entries), none)
	o.publish(id, unsafe.Pointer(&c.values[0]), unsafe.Sizeof(none), len(c.values))
}
