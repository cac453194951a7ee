package wasm

import "bytes"

// SectionID is the number the binary format gives a section.
type SectionID byte

// The sections of a core module.
const (
	SectionCustom    SectionID = 0
	SectionType      SectionID = 1
	SectionImport    SectionID = 2
	SectionFunction  SectionID = 3
	SectionTable     SectionID = 4
	SectionMemory    SectionID = 5
	SectionGlobal    SectionID = 6
	SectionExport    SectionID = 7
	SectionStart     SectionID = 8
	SectionElement   SectionID = 9
	SectionCode      SectionID = 10
	SectionData      SectionID = 11
	SectionDataCount SectionID = 12
	sectionTag       SectionID = 13
)

// sectionRank is the place of a section in a module: the numbers grew with the proposals and no
// longer say it. Custom sections stand anywhere.
func sectionRank(id SectionID) int {
	switch {
	case id <= SectionElement:
		return int(id)
	case id == SectionDataCount:
		return int(SectionElement) + 1
	case id == SectionCode:
		return int(SectionElement) + 2
	case id == SectionData:
		return int(SectionElement) + 3
	}
	return -1
}

// Section is one section's place in the file.
type Section struct {
	ID    SectionID
	Start int    // of the section's id
	Body  int    // of the payload; for a custom section behind its name
	End   int    // behind the payload
	Name  string // of a custom section
}

// Module is a parsed module. It refers to the bytes given to Parse; neither may be changed.
type Module struct {
	Bytes    []byte
	Sections []Section

	Types   []FuncType
	Imports []Import
	// Funcs is the function index space: the type index of imported functions, then of own ones.
	Funcs         []uint32
	FuncsImported int
	Tables        []Table // imported first, like the two below
	Memories      []Limits
	Globals       []Global
	// GlobalsImported is how many of Globals are imported.
	GlobalsImported int
	// GlobalFuncs are the functions that initial values of globals refer to.
	GlobalFuncs  []uint32
	Exports      []Export
	HasStart     bool
	Start        uint32
	Segments     []Segment // of elements
	Bodies       []Body    // of Funcs[FuncsImported:]
	DataCount    uint32
	HasDataCount bool
	DataSegments int
	// GrowsTables is set when an instruction table.grow occurs anywhere.
	GrowsTables bool
	// FuncNames is the payload of the name section's function names, or nil. A name section that
	// is malformed is ignored, as the standard asks.
	FuncNames []byte

	declared struct{ functions int }
}

var (
	magic   = [4]byte{0, 'a', 's', 'm'}
	version = [4]byte{1, 0, 0, 0}
)

// Parse reads a module and checks everything this package promises. Errors are ErrNotWasm,
// ErrComponent, *SyntaxError, *FeatureError and *LimitError. The module refers to b.
func Parse(b []byte) (*Module, error) {
	if err := checkPreamble(b); err != nil {
		return nil, err
	}
	m := &Module{Bytes: b}
	r := reader{buf: b, pos: preambleSize, end: len(b)}
	last, customs := 0, uint64(0)
	for r.left() > 0 {
		start := r.pos
		id := SectionID(r.byte())
		payload := r.sub("a section", r.u32())
		if r.err != nil {
			return nil, r.err
		}
		section := Section{ID: id, Start: start, Body: payload.pos, End: payload.end}
		if id == SectionCustom {
			customs++
			section.Name = payload.name("the name of a custom section")
			section.Body = payload.pos
			r.limit(start, "custom sections", customs, customCountMax)
			payload.limit(start, "bytes in the name of a custom section",
				uint64(len(section.Name)), customNameMax)
		} else {
			last = r.order(start, id, last)
			m.section(id, &payload)
		}
		if r.err == nil {
			r.err = payload.err
		}
		if r.err != nil {
			return nil, r.err
		}
		m.Sections = append(m.Sections, section)
	}
	if err := m.checkWhole(len(b)); err != nil {
		return nil, err
	}
	m.FuncNames = m.findFuncNames()
	return m, nil
}

func checkPreamble(b []byte) error {
	if len(b) < preambleSize || !bytes.Equal(b[:4], magic[:]) {
		return ErrNotWasm
	}
	// Version and layer are two 16-bit numbers since the component model; layer 1 is components.
	if b[6] == 1 && b[7] == 0 {
		return ErrComponent
	}
	if !bytes.Equal(b[4:8], version[:]) {
		return &SyntaxError{Offset: 4, What: "unknown version of the binary format"}
	}
	return nil
}

// order holds a section's rank against the one before and returns the new rank.
func (r *reader) order(at int, id SectionID, last int) int {
	rank := sectionRank(id)
	switch {
	case id == sectionTag:
		r.feature(at, "exception handling")
	case rank < 0:
		r.fail(at, "unknown section %d", id)
	case rank <= last:
		r.fail(at, "section %d repeated or out of order", id)
	}
	return rank
}

// section parses one payload; errors stay in the payload's reader.
func (m *Module) section(id SectionID, r *reader) {
	switch id {
	case SectionType:
		m.readTypes(r)
	case SectionImport:
		m.readImports(r)
	case SectionFunction:
		m.readFunctions(r)
	case SectionTable:
		m.readTables(r)
	case SectionMemory:
		m.readMemories(r)
	case SectionGlobal:
		m.readGlobals(r)
	case SectionExport:
		m.readExports(r)
	case SectionStart:
		m.HasStart, m.Start = true, r.index("function", len(m.Funcs))
	case SectionElement:
		m.readElements(r)
	case SectionDataCount:
		m.HasDataCount, m.DataCount = true, r.u32()
	case SectionCode:
		m.readCode(r)
	case SectionData:
		m.readData(r)
	}
	_ = r.done("a section")
}

// checkWhole compares sections which announce something about each other.
func (m *Module) checkWhole(at int) error {
	if m.declared.functions != len(m.Bodies) {
		return &SyntaxError{Offset: at, What: "function and code section differ in length"}
	}
	if m.HasDataCount && int64(m.DataCount) != int64(m.DataSegments) {
		return &SyntaxError{Offset: at, What: "data count and data section differ"}
	}
	return nil
}

// FuncType returns the signature of function i of the index space.
func (m *Module) FuncType(i uint32) FuncType { return m.Types[m.Funcs[i]] }

// Export returns the export of that name.
func (m *Module) Export(name string) (Export, bool) {
	for _, e := range m.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Export{}, false
}
