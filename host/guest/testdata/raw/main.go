//go:build wasip1

// Raw is a plugin without an SDK. Each of its functions does one thing the sandbox has to answer
// for; what it finds out it leaves as text behind the address that process returns, with its
// length in the first four bytes.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"
)

//go:wasmimport wasmflow log
func hostLog(level uint32, text unsafe.Pointer, size uint32)

//go:wasmimport wasmflow metric
func hostMetric(kind uint32, name unsafe.Pointer, size uint32, value float64)

var (
	region   []byte
	answer   []byte
	describe = []byte(`{"name":"raw","version":"1","functions":[{"name":"raw","role":"transform"}]}`)
	opened   = []byte(nil)
	started  = time.Now()
)

func main() {}

//go:wasmexport wasmflow_abi_v1
func marker() int32 { return 0 }

//go:wasmexport wasmflow_describe
func description() int64 { return pack(describe) }

//go:wasmexport wasmflow_open
func open(ptr unsafe.Pointer, size int32) int64 {
	opened = append([]byte(nil), unsafe.Slice((*byte)(ptr), size)...)
	if string(opened) == `{"rate":-1}` {
		return pack([]byte(`{"field":"rate","message":"must not be negative"}`))
	}
	return 0
}

func pack(b []byte) int64 {
	answer = b
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | int64(len(b))
}

//go:wasmexport wasmflow_reserve
func reserve(n int32) unsafe.Pointer {
	if int(n) > len(region) {
		region = make([]byte, (n+7)&^7)
	}
	return unsafe.Pointer(unsafe.SliceData(region))
}

//go:wasmexport wasmflow_process
func process(function, first int32, cursor int64) unsafe.Pointer {
	text := run(function)
	answer = binary.LittleEndian.AppendUint32(nil, uint32(len(text)))
	answer = append(answer, text...)
	return unsafe.Pointer(unsafe.SliceData(answer))
}

func setProgress(record uint32) { binary.LittleEndian.PutUint32(region[72:], record) }

func logLine(level uint32, text string) {
	hostLog(level, unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
}

func count(name string, value float64) {
	hostMetric(0, unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), value)
}

func run(function int32) string {
	switch function {
	case 0:
		return string(opened)
	case 1: // sleep
		before := time.Now()
		time.Sleep(90 * time.Minute)
		after := time.Now()
		return fmt.Sprintf("%s %s %s", before.UTC().Format(time.RFC3339Nano), after.Sub(before),
			after.UTC().Format(time.RFC3339Nano))
	case 2: // sleeping goroutines and a ticker
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Add(1)
			go func() { defer wg.Done(); time.Sleep(time.Duration(i) * time.Second) }()
		}
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		<-ticker.C
		<-ticker.C
		wg.Wait()
		return "done"
	case 3:
		b := make([]byte, 16)
		_, _ = rand.Read(b)
		return fmt.Sprintf("%x", b)
	case 4: // what there is of a world
		_, openErr := os.Open("/etc/passwd")
		_, writeErr := os.Create("/tmp/x")
		n, readErr := os.Stdin.Read(make([]byte, 1))
		return fmt.Sprintf("args=%d env=%d open=%t create=%t stdin=%d,%v", len(os.Args),
			len(os.Environ()), openErr != nil, writeErr != nil, n, readErr)
	case 5:
		setProgress(7)
		panic("out of cheese")
	case 6:
		setProgress(3)
		os.Exit(4)
	case 7: // effects of three records, the second of which will fail, and of none
		for r := range uint32(3) {
			setProgress(r)
			logLine(1, fmt.Sprintf("record %d", r))
			count("seen_total", 1)
			count("seen_total", 2)
			fmt.Printf("out %d\n", r)
		}
		setProgress(^uint32(0))
		fmt.Fprint(os.Stderr, "no ", "record")
	case 8:
		for i := range 5_000 {
			logLine(2, fmt.Sprintf("line %d\x1b[31m", i))
		}
	case 9:
		logLine(3, "\n")
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 'x'
		}
		_, _ = os.Stdout.Write(b)
	case 10: // more memory than any limit
		hold := [][]byte{}
		for {
			hold = append(hold, make([]byte, 1<<20))
		}
	case 11:
		return started.UTC().Format(time.RFC3339Nano)
	}
	return ""
}
