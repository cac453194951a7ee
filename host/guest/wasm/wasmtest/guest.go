package wasmtest

import "slices"

// Addresses in the memory of a Guest.
const (
	DescriptionAt = 1 << 10
	OutputAt      = 32 << 10 // where tests put an output header
	RegionAt      = 64 << 10 // what reserve returns
	guestPages    = 16
)

// Types of a Guest's functions, as indexes for its Imports.
const (
	TypeVoid    = iota // () -> ()
	TypeI32            // () -> i32
	TypeI64            // () -> i64
	TypeOpen           // (i32, i32) -> i64
	TypeReserve        // (i32) -> i32
	TypeProcess        // (i32, i32, i64) -> i32
	TypeLog            // (i32, i32, i32) -> ()
	TypeMetric         // (i32, i32, i32, f64) -> ()
	TypeExit           // (i32) -> ()
	TypeAbort          // (i32, i32, i32, i32) -> ()
	TypeExtra          // the guest's own
	TypeMigrate        // (i32, i32, i32) -> i64, of guests that migrate
)

// Guest is a plugin of the guest ABI made by hand: everything in it does the least that is right
// unless a test says otherwise. Code is without its closing end.
type Guest struct {
	Description string
	Imports     [][]byte
	Data        [][]byte // further data segments
	Type        []byte   // TypeExtra

	Marker, Describe, Open, Reserve, Process []byte
	// Start, if not nil, becomes the module's start function; the other two are exported as
	// _initialize and _start.
	Start, Initialize, StartExport []byte

	// More are further functions () -> () behind the others.
	More [][]byte
	// Migrate, if not nil, is exported as wasmflow_migrate; it stands behind More.
	Migrate []byte

	Pages   uint32
	Tables  [][]byte
	Exports [][]byte // instead of the usual ones
	Without []string // exports to leave out
	Also    [][]byte // exports to add
}

// FirstFunction is the index of the marker: imports come before it, then follow describe, open,
// reserve, process, start, _initialize, _start, and More.
func (g Guest) FirstFunction() uint32 { return uint32(len(g.Imports)) }

// DescriptionOf returns a description with one function per role given, named f0, f1, ...
func DescriptionOf(roles ...string) string {
	s := `{"name":"test","version":"1","functions":[`
	for i, role := range roles {
		if i > 0 {
			s += ","
		}
		s += `{"name":"f` + string(rune('0'+i)) + `","role":"` + role + `"}`
	}
	return s + `]}`
}

// Module returns the guest's bytes.
func (g Guest) Module() []byte {
	if g.Description == "" {
		g.Description = DescriptionOf("transform")
	}
	if g.Pages == 0 {
		g.Pages = guestPages
	}
	packed := int64(DescriptionAt)<<32 | int64(len(g.Description))
	bodies := [][]byte{
		Body(or(g.Marker, I32Const(0))...),
		Body(or(g.Describe, I64Const(packed))...),
		Body(or(g.Open, I64Const(0))...),
		Body(or(g.Reserve, I32Const(RegionAt))...),
		Body(or(g.Process, I32Const(0))...),
		Body(g.Start...),
		Body(g.Initialize...),
		Body(g.StartExport...),
	}
	types := [][]byte{U32(TypeI32), U32(TypeI64), U32(TypeOpen), U32(TypeReserve), U32(TypeProcess),
		U32(TypeVoid), U32(TypeVoid), U32(TypeVoid)}
	for _, code := range g.More {
		bodies, types = append(bodies, Body(code...)), append(types, U32(TypeVoid))
	}
	if g.Migrate != nil {
		bodies, types = append(bodies, Body(g.Migrate...)), append(types, U32(TypeMigrate))
		index := g.FirstFunction() + uint32(len(bodies)-1)
		g.Also = append(slices.Clone(g.Also), Export("wasmflow_migrate", Func, index))
	}
	functions := Vec(types...)
	data := append([][]byte{DataAt(DescriptionAt, []byte(g.Description))}, g.Data...)
	sections := [][]byte{
		Section(Types, g.types()),
		Section(Imports, Vec(g.Imports...)),
		Section(Functions, functions),
		Section(Tables, Vec(g.Tables...)),
		Section(Memories, Vec(append([]byte{0}, U32(g.Pages)...))),
		Section(Exports, Vec(g.exports()...)),
	}
	if g.Start != nil {
		sections = append(sections, Section(Start, U32(g.FirstFunction()+5)))
	}
	sections = append(sections, Section(Code, Vec(bodies...)), Section(Data, Vec(data...)))
	return Module(sections...)
}

func or(code, otherwise []byte) []byte {
	if code == nil {
		return otherwise
	}
	return code
}

func (g Guest) exports() [][]byte {
	if g.Exports != nil {
		return g.Exports
	}
	var out [][]byte
	names := []string{"wasmflow_abi_v1", "wasmflow_describe", "wasmflow_open", "wasmflow_reserve",
		"wasmflow_process"}
	names = append(names, "", "", "")
	if g.Initialize != nil {
		names[6] = "_initialize"
	}
	if g.StartExport != nil {
		names[7] = "_start"
	}
	for i, name := range names {
		if name != "" && !slices.Contains(g.Without, name) {
			out = append(out, Export(name, Func, g.FirstFunction()+uint32(i)))
		}
	}
	if !slices.Contains(g.Without, "memory") {
		out = append(out, Export("memory", Memory, 0))
	}
	return append(out, g.Also...)
}

func (g Guest) types() []byte {
	i, none := []byte{I32}, []byte(nil)
	types := [][]byte{
		Type(none, none),
		Type(none, i),
		Type(none, []byte{I64}),
		Type([]byte{I32, I32}, []byte{I64}),
		Type(i, i),
		Type([]byte{I32, I32, I64}, i),
		Type([]byte{I32, I32, I32}, none),
		Type([]byte{I32, I32, I32, F64}, none),
		Type(i, none),
		Type([]byte{I32, I32, I32, I32}, none),
		or(g.Type, Type(none, none)),
	}
	if g.Migrate != nil {
		types = append(types, Type([]byte{I32, I32, I32}, []byte{I64}))
	}
	return Vec(types...)
}

// DataAt is an active data segment.
func DataAt(address int32, b []byte) []byte {
	return Join([]byte{0}, I32Const(address), []byte{0x0b}, U32(uint32(len(b))), b)
}

// Call is the instruction call.
func Call(function uint32) []byte { return append([]byte{0x10}, U32(function)...) }

// Unreachable is the instruction that traps.
func Unreachable() []byte { return []byte{0x00} }

// Store32 writes v to the address.
func Store32(address, v int32) []byte {
	return Join(I32Const(address), I32Const(v), []byte{0x36, 2, 0})
}

// Forever is a loop without end.
func Forever() []byte { return []byte{0x03, 0x40, 0x0c, 0x00, 0x0b} }
