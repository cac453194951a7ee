package wasm

const formFunc = 0x60

func (m *Module) readTypes(r *reader) {
	const entryMin = 3 // form, two counts
	n := r.count("types", entryMin, typesMax)
	m.Types = make([]FuncType, 0, n)
	for range n {
		at := r.pos
		switch form := r.byte(); {
		case r.err != nil:
			return
		case form == 0x4e, form == 0x4f, form == 0x50, form == 0x5e, form == 0x5f:
			r.feature(at, "garbage collection")
			return
		case form != formFunc:
			r.fail(at, "unknown form of type %#x", form)
			return
		}
		t := FuncType{Params: r.valueTypes("parameters"), Results: r.valueTypes("results")}
		if r.err != nil {
			return
		}
		m.Types = append(m.Types, t)
	}
}

func (r *reader) valueTypes(what string) []ValueType {
	n := r.count(what, 1, paramsMax)
	if n == 0 || r.err != nil {
		return nil
	}
	types := make([]ValueType, n)
	for i := range types {
		types[i] = r.valueType()
	}
	return types
}

func (m *Module) readImports(r *reader) {
	const entryMin = 4 // two empty names, kind, index
	n := r.count("imports", entryMin, importsMax)
	m.Imports = make([]Import, 0, n)
	for range n {
		i := Import{Module: r.name("an import's module"), Name: r.name("an import's name")}
		at := r.pos
		i.Kind = ExternKind(r.byte())
		if r.err != nil {
			return
		}
		switch i.Kind {
		case ExternFunc:
			i.TypeIndex = r.index("type", len(m.Types))
			m.Funcs = append(m.Funcs, i.TypeIndex)
			m.FuncsImported++
		case ExternTable:
			i.Table = r.table()
			m.Tables = append(m.Tables, i.Table)
		case ExternMemory:
			i.Memory = r.memory()
			m.Memories = append(m.Memories, i.Memory)
		case ExternGlobal:
			i.Global = r.global()
			m.Globals = append(m.Globals, i.Global)
			m.GlobalsImported++
		default:
			r.unknownKind(at, i.Kind)
		}
		if r.err != nil {
			return
		}
		m.Imports = append(m.Imports, i)
	}
	r.oneMemory(r.pos, len(m.Memories))
}

func (r *reader) unknownKind(at int, kind ExternKind) {
	const externTag = 4
	if kind == externTag {
		r.feature(at, "exception handling")
		return
	}
	r.fail(at, "unknown kind of import or export %#x", byte(kind))
}

func (r *reader) oneMemory(at, n int) {
	if n > 1 {
		r.feature(at, "multiple memories")
	}
}

func (m *Module) readFunctions(r *reader) {
	n := r.count("functions", 1, functionsMax)
	m.declared.functions = n
	funcs := make([]uint32, 0, len(m.Funcs)+n)
	m.Funcs = append(funcs, m.Funcs...)
	for range n {
		m.Funcs = append(m.Funcs, r.index("type", len(m.Types)))
	}
}

func (m *Module) readTables(r *reader) {
	const entryMin = 3 // type, flags, minimum
	for range r.count("tables", entryMin, tablesMax) {
		m.Tables = append(m.Tables, r.table())
	}
}

func (r *reader) table() Table {
	const initialised = 0x40
	at := r.pos
	if r.left() > 0 && r.buf[r.pos] == initialised {
		r.feature(at, "typed function references")
		return Table{}
	}
	return Table{Element: r.refType(), Limits: r.limits()}
}

func (m *Module) readMemories(r *reader) {
	const entryMin = 2 // flags, minimum
	at := r.pos
	for range r.count("memories", entryMin, uint64(r.left())) {
		m.Memories = append(m.Memories, r.memory())
	}
	r.oneMemory(at, len(m.Memories))
}

func (r *reader) memory() Limits {
	at := r.pos
	l := r.limits()
	r.limit(at, "pages of memory", uint64(max(l.Min, l.Max)), memoryPagesMax)
	return l
}

func (r *reader) limits() Limits {
	at := r.pos
	flags := r.byte()
	if r.err != nil {
		return Limits{}
	}
	switch flags {
	case 0, 1:
	case 2, 3:
		r.feature(at, "threads")
	case 4, 5, 6, 7:
		r.feature(at, "64-bit memories")
	default:
		r.fail(at, "unknown flags of limits %#x", flags)
	}
	l := Limits{Min: r.u32()}
	if flags == 1 {
		l.HasMax, l.Max = true, r.u32()
		if r.err == nil && l.Max < l.Min {
			r.fail(at, "maximum %d below minimum %d", l.Max, l.Min)
		}
	}
	return l
}

func (m *Module) readGlobals(r *reader) {
	const entryMin = 4 // type, mutability, expression
	for range r.count("globals", entryMin, globalsMax) {
		m.Globals = append(m.Globals, r.global())
		if f := m.constant(r); f != noIndex {
			m.GlobalFuncs = append(m.GlobalFuncs, f)
		}
		if r.err != nil {
			return
		}
	}
}

func (r *reader) global() Global {
	g := Global{Type: r.valueType()}
	at := r.pos
	mutable := r.byte()
	if mutable > 1 {
		r.fail(at, "unknown mutability %#x", mutable)
	}
	g.Mutable = mutable == 1
	return g
}

func (m *Module) readExports(r *reader) {
	const entryMin = 3 // empty name, kind, index
	n := r.count("exports", entryMin, exportsMax)
	seen := make(map[string]struct{}, n)
	m.Exports = make([]Export, 0, n)
	for range n {
		at := r.pos
		e := Export{Name: r.name("an export's name"), Kind: ExternKind(r.byte())}
		switch e.Kind {
		case ExternFunc:
			e.Index = r.index("function", len(m.Funcs))
		case ExternTable:
			e.Index = r.index("table", len(m.Tables))
		case ExternMemory:
			e.Index = r.index("memory", len(m.Memories))
		case ExternGlobal:
			e.Index = r.index("global", len(m.Globals))
		default:
			r.unknownKind(at, e.Kind)
		}
		if _, ok := seen[e.Name]; ok {
			r.fail(at, "second export named %q", e.Name)
		}
		if r.err != nil {
			return
		}
		seen[e.Name] = struct{}{}
		m.Exports = append(m.Exports, e)
	}
}

func (m *Module) readElements(r *reader) {
	const entryMin = 2 // flags and, for a declarative segment, more
	total := uint64(0)
	n := r.count("element segments", entryMin, segmentsMax)
	m.Segments = make([]Segment, 0, n)
	for range n {
		at := r.pos
		s := m.element(r)
		total += uint64(s.Count)
		if !r.limit(at, "elements in all segments", total, elementsMax) {
			return
		}
		m.Segments = append(m.Segments, s)
	}
}

// element reads one element segment. Its flags: bit 0 passive or declarative, bit 1 explicit
// table or declarative, bit 2 expressions instead of function indexes.
func (m *Module) element(r *reader) Segment {
	const passive, explicit, expressions, flagsMax = 1, 2, 4, 7
	at := r.pos
	s := Segment{Flags: r.u32()}
	if r.err == nil && s.Flags > flagsMax {
		r.fail(at, "unknown flags of an element segment %#x", s.Flags)
	}
	if r.err != nil {
		return s
	}
	if s.Flags&passive == 0 {
		if s.Flags&explicit != 0 {
			s.Table = r.u32()
		}
		if r.err == nil && int64(s.Table) >= int64(len(m.Tables)) {
			r.fail(at, "unknown table %d of %d", s.Table, len(m.Tables))
		}
		m.constant(r)
	}
	if s.Flags&(passive|explicit) != 0 {
		m.elementKind(r, s.Flags&expressions != 0)
	}
	n := r.count("elements", 1, elementsMax)
	s.Count = uint32(n)
	s.Funcs = make([]uint32, 0, n)
	for range n {
		if s.Flags&expressions == 0 {
			s.Funcs = append(s.Funcs, r.index("function", len(m.Funcs)))
		} else if f := m.constant(r); f != noIndex {
			s.Funcs = append(s.Funcs, f)
		}
		if r.err != nil {
			return s
		}
	}
	return s
}

func (m *Module) elementKind(r *reader, expressions bool) {
	at := r.pos
	if expressions {
		r.refType()
		return
	}
	if kind := r.byte(); kind != 0 {
		r.fail(at, "unknown element kind %#x", kind)
	}
}

func (m *Module) readData(r *reader) {
	const entryMin, flagsMax = 2, 2 // flags, length
	n := r.count("data segments", entryMin, segmentsMax)
	for range n {
		at := r.pos
		flags := r.u32()
		switch {
		case r.err != nil:
			return
		case flags > flagsMax:
			r.fail(at, "unknown flags of a data segment %#x", flags)
			return
		case flags == flagsMax:
			if r.index("memory", len(m.Memories)); r.err != nil {
				return
			}
		}
		if flags != 1 {
			if len(m.Memories) == 0 {
				r.fail(at, "unknown memory 0 of 0")
			}
			m.constant(r)
		}
		data := r.sub("a data segment", r.u32())
		if r.err == nil {
			r.err = data.err
		}
	}
	m.DataSegments = n
}

// constant reads one constant expression: one instruction and an end. For ref.func it returns
// the function, else noIndex.
func (m *Module) constant(r *reader) uint32 {
	fn := noIndex
	at := r.pos
	switch op := Opcode(r.byte()); op {
	case OpI32Const:
		r.i32()
	case OpI64Const:
		r.i64()
	case OpF32Const:
		r.skip(4)
	case OpF64Const:
		r.skip(8)
	case OpGlobalGet:
		// In WebAssembly 2.0 only imported globals have a value at this time.
		r.index("imported global", m.GlobalsImported)
	case OpRefNull:
		r.refType()
	case OpRefFunc:
		fn = r.index("function", len(m.Funcs))
	case prefixVector:
		if r.vectorOp() != OpV128Const {
			r.fail(at, "not a constant instruction")
		}
		r.skip(16)
	default:
		r.fail(at, "not a constant instruction: %#x", byte(op))
	}
	at = r.pos
	if end := Opcode(r.byte()); r.err == nil && end != OpEnd {
		r.afterConstant(at, end)
	}
	return fn
}

func (r *reader) afterConstant(at int, op Opcode) {
	switch op {
	case OpI32Const, OpI64Const, OpGlobalGet, opI32Add, opI32Sub, opI32Mul,
		opI64Add, opI64Sub, opI64Mul:
		r.feature(at, "extended constant expressions")
	default:
		r.fail(at, "constant expression of more than one instruction")
	}
}
