package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// What is kept of a target's inputs beside its tests: every test run reads and runs all of them,
// and everybody who clones the repository takes them along.
const (
	keptFilesMax = 80
	keptBytesMax = 96 << 10
)

// corpusOf is the folder from which the go tool runs a target's inputs with every test.
func corpusOf(t target) string {
	return filepath.Join(t.folder, "testdata", "fuzz", t.name)
}

// keep copies inputs from the folder of all that were found to the one beside the tests, the
// shortest first, as long as there is room (F4). The go tool has shortened each of them already. It
// returns how many it copied.
func keep(found, corpus string) (int, error) {
	have, err := sizes(corpus)
	if err != nil {
		return 0, err
	}
	candidates, err := sizes(found)
	if err != nil {
		return 0, err
	}
	files, bytes := len(have), int64(0)
	for _, f := range have {
		bytes += f.size
	}
	kept := 0
	for _, f := range candidates {
		known := slices.ContainsFunc(have, func(h sized) bool { return h.name == f.name })
		if known {
			continue
		}
		if files+1 > keptFilesMax || bytes+f.size > keptBytesMax {
			break // what follows is larger
		}
		if err := copyFile(filepath.Join(found, f.name), corpus, f.name); err != nil {
			return kept, fmt.Errorf("keeping the input %s: %w", f.name, err)
		}
		files, bytes, kept = files+1, bytes+f.size, kept+1
	}
	return kept, nil
}

// sized is a file and its size.
type sized struct {
	name string
	size int64
}

// sizes lists a folder, the smallest file first. A folder that is not there is empty.
func sizes(dir string) ([]sized, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the inputs in %s: %w", dir, err)
	}
	list := make([]sized, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("listing the inputs in %s: %w", dir, err)
		}
		list = append(list, sized{e.Name(), info.Size()})
	}
	slices.SortFunc(list, func(a, b sized) int {
		return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.name, b.name))
	})
	return list, nil
}

func copyFile(from, folder, name string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), data, 0o644)
}
