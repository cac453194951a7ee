package guest

import (
	"bytes"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasmflow/wasmflow/abi"
)

// Numbers of WASI preview 1.
const (
	errnoSuccess = 0
	errnoBadF    = 8
	errnoFault   = 21
	errnoInval   = 28
	errnoNoSys   = 52
	errnoSPipe   = 70

	fdStdin, fdStdout, fdStderr = 0, 1, 2

	clockReal, clockMonotonic, clockProcess, clockThread = 0, 1, 2, 3

	rightRead, rightWrite = 1 << 1, 1 << 6

	fileTypeCharacterDevice = 2

	eventClock, eventRead, eventWrite = 0, 1, 2
)

// wasiFunctions is all of WASI preview 1, so that whatever a toolchain drags in links. What would
// reach outside answers as if nothing were there: no arguments, no environment, no file but the
// three standard ones, no sockets.
func wasiFunctions() []hostFunc {
	i := signature("i")
	return []hostFunc{
		{"args_get", signature("ii"), i, wasiSuccess},
		{"args_sizes_get", signature("ii"), i, wasiNoStrings},
		{"environ_get", signature("ii"), i, wasiSuccess},
		{"environ_sizes_get", signature("ii"), i, wasiNoStrings},
		{"clock_res_get", signature("ii"), i, wasiClockRes},
		{"clock_time_get", signature("iIi"), i, wasiClockTime},
		{"fd_advise", signature("iIIi"), i, wasiNoFile},
		{"fd_allocate", signature("iII"), i, wasiNoFile},
		{"fd_close", signature("i"), i, wasiStandardOnly},
		{"fd_datasync", signature("i"), i, wasiStandardOnly},
		{"fd_fdstat_get", signature("ii"), i, wasiFdStat},
		{"fd_fdstat_set_flags", signature("ii"), i, wasiStandardOnly},
		{"fd_fdstat_set_rights", signature("iII"), i, wasiNoFile},
		{"fd_filestat_get", signature("ii"), i, wasiFileStat},
		{"fd_filestat_set_size", signature("iI"), i, wasiNoFile},
		{"fd_filestat_set_times", signature("iIIi"), i, wasiNoFile},
		{"fd_pread", signature("iiiIi"), i, wasiNoFile},
		{"fd_prestat_get", signature("ii"), i, wasiNoFile},
		{"fd_prestat_dir_name", signature("iii"), i, wasiNoFile},
		{"fd_pwrite", signature("iiiIi"), i, wasiNoFile},
		{"fd_read", signature("iiii"), i, wasiRead},
		{"fd_readdir", signature("iiiIi"), i, wasiNoFile},
		{"fd_renumber", signature("ii"), i, wasiNoFile},
		{"fd_seek", signature("iIii"), i, wasiSeek},
		{"fd_sync", signature("i"), i, wasiStandardOnly},
		{"fd_tell", signature("ii"), i, wasiSeek},
		{"fd_write", signature("iiii"), i, wasiWrite},
		{"path_create_directory", signature("iii"), i, wasiNoFile},
		{"path_filestat_get", signature("iiiii"), i, wasiNoFile},
		{"path_filestat_set_times", signature("iiiiIIi"), i, wasiNoFile},
		{"path_link", signature("iiiiiii"), i, wasiNoFile},
		{"path_open", signature("iiiiiIIii"), i, wasiNoFile},
		{"path_readlink", signature("iiiiii"), i, wasiNoFile},
		{"path_remove_directory", signature("iii"), i, wasiNoFile},
		{"path_rename", signature("iiiiii"), i, wasiNoFile},
		{"path_symlink", signature("iiiii"), i, wasiNoFile},
		{"path_unlink_file", signature("iii"), i, wasiNoFile},
		{"poll_oneoff", signature("iiii"), i, wasiPoll},
		{"proc_exit", signature("i"), nil, wasiExit},
		{"proc_raise", signature("i"), i, wasiNotOffered},
		{"random_get", signature("ii"), i, wasiRandom},
		{"sched_yield", nil, i, wasiSuccess},
		{"sock_accept", signature("iii"), i, wasiNoFile},
		{"sock_recv", signature("iiiiii"), i, wasiNoFile},
		{"sock_send", signature("iiiii"), i, wasiNoFile},
		{"sock_shutdown", signature("ii"), i, wasiNoFile},
	}
}

func errno(code uint64, ok bool) uint64 {
	if !ok {
		return errnoFault
	}
	return code
}

func wasiSuccess(_ *Instance, _ api.Memory, stack []uint64)    { stack[0] = errnoSuccess }
func wasiNoFile(_ *Instance, _ api.Memory, stack []uint64)     { stack[0] = errnoBadF }
func wasiNotOffered(_ *Instance, _ api.Memory, stack []uint64) { stack[0] = errnoNoSys }

// wasiNoStrings answers the count and the size of arguments or environment.
func wasiNoStrings(_ *Instance, mem api.Memory, stack []uint64) {
	ok := mem.WriteUint32Le(uint32(stack[0]), 0) && mem.WriteUint32Le(uint32(stack[1]), 0)
	stack[0] = errno(errnoSuccess, ok)
}

func standard(fd uint64) bool { return uint32(fd) <= fdStderr }

func wasiStandardOnly(_ *Instance, _ api.Memory, stack []uint64) {
	if !standard(stack[0]) {
		stack[0] = errnoBadF
		return
	}
	stack[0] = errnoSuccess
}

func wasiSeek(_ *Instance, _ api.Memory, stack []uint64) {
	if !standard(stack[0]) {
		stack[0] = errnoBadF
		return
	}
	stack[0] = errnoSPipe
}

func wasiClockRes(_ *Instance, mem api.Memory, stack []uint64) {
	if uint32(stack[0]) > clockThread {
		stack[0] = errnoInval
		return
	}
	stack[0] = errno(errnoSuccess, mem.WriteUint64Le(uint32(stack[1]), 1))
}

// time returns the clock of that number. The clocks of CPU time are the monotonic one: a guest's
// CPU time is not the same from run to run.
func (c *clock) time(id uint32) (int64, bool) {
	switch id {
	case clockReal:
		return c.real, true
	case clockMonotonic, clockProcess, clockThread:
		return c.monotonic, true
	}
	return 0, false
}

func wasiClockTime(in *Instance, mem api.Memory, stack []uint64) {
	t, ok := in.clock.time(uint32(stack[0]))
	if !ok {
		stack[0] = errnoInval
		return
	}
	stack[0] = errno(errnoSuccess, mem.WriteUint64Le(uint32(stack[2]), uint64(t)))
}

func wasiFdStat(_ *Instance, mem api.Memory, stack []uint64) {
	const size = 24 // type u8, flags u16 at 2, rights u64 at 8, inherited rights u64 at 16
	if !standard(stack[0]) {
		stack[0] = errnoBadF
		return
	}
	b, ok := mem.Read(uint32(stack[1]), size)
	if ok {
		clear(b)
		b[0] = fileTypeCharacterDevice
		rights := uint64(rightWrite)
		if uint32(stack[0]) == fdStdin {
			rights = rightRead
		}
		binary.LittleEndian.PutUint64(b[8:], rights)
	}
	stack[0] = errno(errnoSuccess, ok)
}

func wasiFileStat(_ *Instance, mem api.Memory, stack []uint64) {
	const size, typeAt = 64, 16
	if !standard(stack[0]) {
		stack[0] = errnoBadF
		return
	}
	b, ok := mem.Read(uint32(stack[1]), size)
	if ok {
		clear(b)
		b[typeAt] = fileTypeCharacterDevice
	}
	stack[0] = errno(errnoSuccess, ok)
}

// wasiRead finds the standard input at its end.
func wasiRead(_ *Instance, mem api.Memory, stack []uint64) {
	if uint32(stack[0]) != fdStdin {
		stack[0] = errnoBadF
		return
	}
	stack[0] = errno(errnoSuccess, mem.WriteUint32Le(uint32(stack[3]), 0))
}

// wasiWrite takes lines for the log: standard output at level info, standard error at warn. It may
// take less than it is given, as a pipe does: vectors may overlap, so that a MiB of memory makes a
// GiB to write, and nothing stops the host while it reads them.
func wasiWrite(in *Instance, mem api.Memory, stack []uint64) {
	fd, vectors := uint32(stack[0]), uint32(stack[1])
	count, resultAt := uint32(stack[2]), uint32(stack[3])
	if fd != fdStdout && fd != fdStderr {
		stack[0] = errnoBadF
		return
	}
	if count > vectorsMax {
		stack[0] = errnoInval
		return
	}
	const vectorSize = 8
	table, ok := mem.Read(vectors, count*vectorSize)
	total := 0
	for i := 0; ok && i < int(count) && total < writeBytesMax; i++ {
		ptr := binary.LittleEndian.Uint32(table[i*vectorSize:])
		size := binary.LittleEndian.Uint32(table[i*vectorSize+4:])
		var b []byte
		if b, ok = mem.Read(ptr, size); ok {
			b = b[:min(len(b), writeBytesMax-total)]
			in.write(fd, mem, b)
			total += len(b)
		}
	}
	in.charge(total)
	ok = ok && mem.WriteUint32Le(resultAt, uint32(total))
	stack[0] = errno(errnoSuccess, ok)
}

var newline = [1]byte{'\n'}

// write cuts what the guest writes into lines. Standard error is also kept for a trap's message.
func (in *Instance) write(fd uint32, mem api.Memory, b []byte) {
	level, line := abi.LogInfo, &in.stdout
	if fd == fdStderr {
		level, line = abi.LogWarn, &in.stderr
		in.crash.add(b)
	}
	for len(b) > 0 {
		text, rest, ended := bytes.Cut(b, newline[:])
		room := max(logLineBytesMax-len(*line), 0)
		*line = append(*line, text[:min(len(text), room)]...)
		if ended {
			in.effects.log(in.currentRecord(mem), level, *line)
			*line = (*line)[:0]
		}
		b = rest
	}
}

func wasiExit(_ *Instance, _ api.Memory, stack []uint64) {
	panic(&exitError{code: uint32(stack[0])})
}

func wasiRandom(in *Instance, mem api.Memory, stack []uint64) {
	b, ok := mem.Read(uint32(stack[0]), uint32(stack[1]))
	if ok {
		in.charge(len(b))
		in.random.read(b)
	}
	stack[0] = errno(errnoSuccess, ok)
}
