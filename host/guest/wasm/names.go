package wasm

const (
	nameSection         = "name"
	subsectionFuncNames = 1
	funcNameBytesMax    = 4 << 10 // C++ templates reach one or two KiB
)

// findFuncNames returns the payload of the first well-formed sub-section of function names. Local
// names and the rest are of no use to anyone here, and the engine's use of local names takes time
// that grows with their number times that of the functions.
func (m *Module) findFuncNames() []byte {
	for _, s := range m.Sections {
		if s.ID != SectionCustom || s.Name != nameSection {
			continue
		}
		r := reader{buf: m.Bytes, pos: s.Body, end: s.End}
		for r.left() > 0 {
			id := r.byte()
			sub := r.sub("a sub-section", r.u32())
			if r.err != nil {
				return nil
			}
			if id == subsectionFuncNames && m.funcNamesValid(sub) {
				return sub.buf[sub.pos:sub.end]
			}
		}
	}
	return nil
}

// funcNamesValid checks a map of function indexes, ascending, to names.
func (m *Module) funcNamesValid(r reader) bool {
	const entryMin = 2 // index, empty name
	next := int64(0)
	for range r.count("names", entryMin, uint64(len(m.Funcs))) {
		i := r.index("function", len(m.Funcs))
		name := r.name("a function's name")
		if r.err != nil || int64(i) < next || len(name) > funcNameBytesMax {
			return false
		}
		next = int64(i) + 1
	}
	return r.done("function names") == nil
}

// AppendStripped appends the module to dst without its custom sections, save for the names of
// functions, which traps are told with. What is left decides what the module does: it is what a
// cache of compiled code is keyed by, and all the engine gets to see.
func (m *Module) AppendStripped(dst []byte) []byte {
	dst = append(dst, m.Bytes[:preambleSize]...)
	for _, s := range m.Sections {
		if s.ID != SectionCustom {
			dst = append(dst, m.Bytes[s.Start:s.End]...)
		}
	}
	if m.FuncNames == nil {
		return dst
	}
	return appendFuncNames(dst, m.FuncNames)
}
