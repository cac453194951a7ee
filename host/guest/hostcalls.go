package guest

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf16"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasmflow/wasmflow/abi"
)

func wasmflowFunctions() []hostFunc {
	return []hostFunc{
		{abi.ImportLog, signature("iii"), nil, hostLog},
		{abi.ImportMetric, signature("iiiF"), nil, hostMetric},
	}
}

func envFunctions() []hostFunc {
	return []hostFunc{{abi.ImportEnvAbort, signature("iiii"), nil, hostAbort}}
}

// bytesAt returns a range of guest memory, valid until the guest runs again. A range beyond the
// memory ends the call: no honest guest passes one.
func bytesAt(mem api.Memory, call string, ptr, size uint32) []byte {
	b, ok := mem.Read(ptr, size)
	if !ok {
		panic(&abortError{fmt.Sprintf("%s: %d bytes at address %d are beyond the memory of %d bytes",
			call, size, ptr, mem.Size())})
	}
	return b
}

func hostLog(in *Instance, mem api.Memory, stack []uint64) {
	level := abi.LogLevel(uint32(stack[0]))
	text := bytesAt(mem, "wasmflow.log", uint32(stack[1]), uint32(stack[2]))
	in.charge(min(len(text), logLineBytesMax))
	in.effects.log(in.currentRecord(mem), level, text)
}

func hostMetric(in *Instance, mem api.Memory, stack []uint64) {
	const call = "wasmflow.metric"
	kind := abi.MetricKind(uint32(stack[0]))
	name := bytesAt(mem, call, uint32(stack[1]), uint32(stack[2]))
	value := math.Float64frombits(stack[3])
	if kind > abi.MetricHistogram {
		panic(&abortError{fmt.Sprintf("%s: unknown kind %d", call, kind)})
	}
	if !in.effects.metric(in.currentRecord(mem), kind, name, value) {
		panic(&abortError{fmt.Sprintf("%s: %q is not a name of a-z, 0-9 and '_' of at most %d",
			call, clip(printable(string(name)), metricNameBytesMax), metricNameBytesMax)})
	}
}

// hostAbort is how AssemblyScript says that it gives up: message, file, line, column. Its strings
// are UTF-16 with their size in bytes four bytes before them.
func hostAbort(_ *Instance, mem api.Memory, stack []uint64) {
	text := "abort: " + assemblyScriptString(mem, uint32(stack[0]))
	if line := uint32(stack[2]); line != 0 { // they count from one; zero is an unknown place
		text += fmt.Sprintf(" at %s:%d:%d",
			assemblyScriptString(mem, uint32(stack[1])), line, uint32(stack[3]))
	}
	panic(&abortError{text})
}

func assemblyScriptString(mem api.Memory, ptr uint32) string {
	const sizeField, bytesMax = 4, 1_024
	if ptr < sizeField {
		return "?"
	}
	size, ok := mem.ReadUint32Le(ptr - sizeField)
	if !ok {
		return "?"
	}
	b, ok := mem.Read(ptr, min(size, bytesMax)&^1)
	if !ok {
		return "?"
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return printable(string(utf16.Decode(units)))
}
