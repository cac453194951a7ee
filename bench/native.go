package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// nativeBatch is the read buffer of the native job, as large as a batch of wasmflow.
const nativeBatch = 1 << 20

// native is the job of the file benchmark as a programmer would write it in Go without any
// framework: tasks share the input by byte ranges, read lines, put each into capitals and append
// it to a file of their own, which is synced and renamed in the end. It keeps no positions, so
// it starts anew after a crash.
func native(input, output string, tasks int) error {
	info, err := os.Stat(input)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		return err
	}
	errs := make([]error, tasks)
	var wg sync.WaitGroup
	for i := range tasks {
		wg.Go(func() {
			from, to := info.Size()*int64(i)/int64(tasks), info.Size()*int64(i+1)/int64(tasks)
			errs[i] = nativeRange(input, filepath.Join(output, fmt.Sprintf("part-%d", i)), from, to)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// nativeRange handles the lines that begin in [from, to).
func nativeRange(input, output string, from, to int64) (err error) {
	in, err := os.Open(input)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r := bufio.NewReaderSize(in, nativeBatch)
	at := from
	if from > 0 {
		if _, err := in.Seek(from-1, io.SeekStart); err != nil {
			return err
		}
		skipped, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		at = from - 1 + int64(len(skipped))
	}
	out, err := os.Create(output + ".pending")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriterSize(out, nativeBatch)
	upper := make([]byte, 0, 4096)
	for at < to {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil {
			return err
		}
		at += int64(len(line))
		upper = append(upper[:0], bytes.TrimSuffix(line, []byte{'\n'})...)
		for i, c := range upper {
			if 'a' <= c && c <= 'z' {
				upper[i] = c - ('a' - 'A')
			}
		}
		upper = append(upper, '\n')
		if _, err := w.Write(upper); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Flush(), out.Sync()); err != nil {
		return err
	}
	return os.Rename(output+".pending", output)
}
