package wasm

// Patch says what a rewriter adds to a module. It only ever appends to index spaces, so that no
// index in the module changes its meaning.
type Patch struct {
	Types   []FuncType
	Globals []GlobalDef
	Exports []Export
	Funcs   []FuncDef
	// Body appends the locals and the code of own function i, its closing end included. Where it
	// is nil the bodies stay as they are.
	Body func(dst []byte, i int) []byte
}

// GlobalDef is a mutable global with its initial value.
type GlobalDef struct {
	Type ValueType // I32 or I64
	Init int64
}

// FuncDef is a function to append. Code is its locals and instructions, its closing end included.
type FuncDef struct {
	Name      string // in the name section
	TypeIndex uint32
	Code      []byte
}

// writer builds the patched module. Everything it writes has passed Parse or comes from a Patch,
// so it has no errors to report.
type writer struct {
	m     *Module
	patch *Patch
	out   []byte
}

// AppendPatched appends to dst the module with p applied. Custom sections are left out, save for
// the names of functions: offsets into the code, which some of them hold, are wrong afterwards.
func (m *Module) AppendPatched(dst []byte, p *Patch) []byte {
	w := writer{m: m, patch: p, out: append(dst, m.Bytes[:preambleSize]...)}
	sections := make(map[SectionID]Section, len(m.Sections))
	for _, s := range m.Sections {
		if s.ID != SectionCustom {
			sections[s.ID] = s
		}
	}
	for _, id := range sectionOrder() {
		s, ok := sections[id]
		w.section(id, s, ok)
	}
	w.names()
	return w.out
}

// sectionOrder lists the sections as they stand in a module.
func sectionOrder() []SectionID {
	return []SectionID{
		SectionType, SectionImport, SectionFunction, SectionTable, SectionMemory, SectionGlobal,
		SectionExport, SectionStart, SectionElement, SectionDataCount, SectionCode, SectionData,
	}
}

func (w *writer) section(id SectionID, s Section, present bool) {
	m, p := w.m, w.patch
	switch {
	case id == SectionCode && (p.Body != nil || len(p.Funcs) > 0):
		w.code()
	case id == SectionType && len(p.Types) > 0:
		w.extend(id, s, len(m.Types), len(p.Types), w.types())
	case id == SectionFunction && len(p.Funcs) > 0:
		w.extend(id, s, len(m.Bodies), len(p.Funcs), w.functions())
	case id == SectionGlobal && len(p.Globals) > 0:
		w.extend(id, s, len(m.Globals)-m.GlobalsImported, len(p.Globals), w.globals())
	case id == SectionExport && len(p.Exports) > 0:
		w.extend(id, s, len(m.Exports), len(p.Exports), w.exports())
	case present:
		w.out = append(w.out, m.Bytes[s.Start:s.End]...)
	}
}

// extend writes a section that holds the n entries it had, if it was there, and added ones.
func (w *writer) extend(id SectionID, s Section, n, added int, entries []byte) {
	var old []byte
	if s.End > s.Body {
		r := reader{buf: w.m.Bytes, pos: s.Body, end: s.End}
		r.u32() // the count
		old = w.m.Bytes[r.pos:s.End]
	}
	count := AppendU32(nil, uint32(n+added))
	w.out = AppendU32(append(w.out, byte(id)), uint32(len(count)+len(old)+len(entries)))
	w.out = append(w.out, count...)
	w.out = append(w.out, old...)
	w.out = append(w.out, entries...)
}

func (w *writer) types() []byte {
	var b []byte
	for _, t := range w.patch.Types {
		b = append(b, formFunc)
		for _, types := range [][]ValueType{t.Params, t.Results} {
			b = append(AppendU32(b, uint32(len(types))), valueBytes(types)...)
		}
	}
	return b
}

func (w *writer) functions() []byte {
	var b []byte
	for _, f := range w.patch.Funcs {
		b = AppendU32(b, f.TypeIndex)
	}
	return b
}

func (w *writer) globals() []byte {
	const mutable = 1
	var b []byte
	for _, g := range w.patch.Globals {
		op := OpI64Const
		if g.Type == I32 {
			op = OpI32Const
		}
		b = append(b, byte(g.Type), mutable, byte(op))
		b = append(AppendS64(b, g.Init), byte(OpEnd))
	}
	return b
}

func (w *writer) exports() []byte {
	var b []byte
	for _, e := range w.patch.Exports {
		b = append(AppendU32(b, uint32(len(e.Name))), e.Name...)
		b = AppendU32(append(b, byte(e.Kind)), e.Index)
	}
	return b
}

// code writes the bodies. Sizes stand before what they measure and are not known beforehand; they
// are written with the five bytes of the largest and filled in, which is what linkers do.
func (w *writer) code() {
	m, p := w.m, w.patch
	w.out = append(w.out, byte(SectionCode))
	section := w.room()
	w.out = AppendU32(w.out, uint32(len(m.Bodies)+len(p.Funcs)))
	for i := range m.Bodies {
		b := &m.Bodies[i]
		if p.Body == nil {
			w.out = append(w.out, m.Bytes[b.Offset:b.End]...)
			continue
		}
		at := w.room()
		w.out = p.Body(w.out, i)
		w.fill(at)
	}
	for _, f := range p.Funcs {
		w.out = append(AppendU32(w.out, uint32(len(f.Code))), f.Code...)
	}
	w.fill(section)
}

// room leaves room for a size and returns its place.
func (w *writer) room() int {
	w.out = append(w.out, make([]byte, leb32BytesMax)...)
	return len(w.out)
}

// fill writes the size of what follows the room at.
func (w *writer) fill(at int) {
	size := uint32(len(w.out) - at)
	for i := range leb32BytesMax {
		b := byte(size) & 0x7f
		if i < leb32BytesMax-1 {
			b |= continuationBit
		}
		w.out[at-leb32BytesMax+i] = b
		size >>= 7
	}
}

// names writes the name section with the names there were and those of the added functions.
func (w *writer) names() {
	if w.m.FuncNames == nil && len(w.patch.Funcs) == 0 {
		return
	}
	n := uint32(0)
	var old []byte
	if w.m.FuncNames != nil {
		r := reader{buf: w.m.FuncNames, end: len(w.m.FuncNames)}
		n = r.u32()
		old = w.m.FuncNames[r.pos:]
	}
	entries := AppendU32(nil, n+uint32(len(w.patch.Funcs)))
	entries = append(entries, old...)
	for i, f := range w.patch.Funcs {
		entries = AppendU32(entries, uint32(len(w.m.Funcs)+i))
		entries = append(AppendU32(entries, uint32(len(f.Name))), f.Name...)
	}
	w.out = appendFuncNames(w.out, entries)
}

// appendFuncNames appends a name section that has function names only.
func appendFuncNames(dst, names []byte) []byte {
	sub := AppendU32([]byte{subsectionFuncNames}, uint32(len(names)))
	payload := append(AppendU32(nil, uint32(len(nameSection))), nameSection...)
	size := len(payload) + len(sub) + len(names)
	dst = AppendU32(append(dst, byte(SectionCustom)), uint32(size))
	dst = append(append(dst, payload...), sub...)
	return append(dst, names...)
}

// AppendU32 appends an unsigned number as short as possible.
func AppendU32(dst []byte, v uint32) []byte {
	for v >= continuationBit {
		dst = append(dst, byte(v)|continuationBit)
		v >>= 7
	}
	return append(dst, byte(v))
}

// AppendS64 appends a signed number as short as possible. It does for 32 and 33 bits too.
func AppendS64(dst []byte, v int64) []byte {
	for {
		b := byte(v) & 0x7f
		v >>= 7
		if v == 0 && b&signBit == 0 || v == -1 && b&signBit != 0 {
			return append(dst, b)
		}
		dst = append(dst, b|continuationBit)
	}
}

// AppendOp appends an instruction without its immediates.
func AppendOp(dst []byte, op Opcode) []byte {
	if prefix := op >> 8; prefix != 0 {
		return AppendU32(append(dst, byte(prefix)), uint32(op&0xff))
	}
	return append(dst, byte(op))
}

// AppendBlockType appends the type of a block.
func AppendBlockType(dst []byte, t BlockType) []byte {
	switch {
	case t.TypeIndex != NoType:
		return AppendS64(dst, int64(t.TypeIndex))
	case t.Result != 0:
		return append(dst, byte(t.Result))
	}
	return append(dst, blockEmpty)
}
