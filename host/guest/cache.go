package guest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// diskCache keeps compiled modules, one folder each. The engine's own cache in such a folder checks
// less than all of a file before it runs it as machine code, so every file has its hash beside it,
// and a folder that does not match is removed before the engine looks at it.
type diskCache struct{ dir string }

const (
	cacheMode = 0o700
	// cacheEntriesMax bounds the cache: compiled Go plugins take 10 MiB each.
	cacheEntriesMax = 64
	sumsName        = "sums"
	refusalName     = "refused"
	enginePath      = "github.com/tetratelabs/wazero"
)

func openDiskCache(dir string) (*diskCache, error) {
	if err := os.MkdirAll(dir, cacheMode); err != nil {
		return nil, fmt.Errorf("making the compilation cache: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the compilation cache: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		// Only the owner can do this; for anybody else it is the refusal it should be.
		if err := os.Chmod(dir, cacheMode); err != nil {
			return nil, fmt.Errorf("compilation cache %s is open to others (mode %#o) "+
				"and holds machine code; make it 0700: %w", dir, mode, err)
		}
	}
	return &diskCache{dir: dir}, nil
}

// newHandover returns a cache for a single use, and what removes it again.
func newHandover() (*diskCache, func() error, error) {
	dir, err := os.MkdirTemp("", "wasmflow-compile-")
	if err != nil {
		return nil, nil, fmt.Errorf("making a folder to compile in: %w", err)
	}
	return &diskCache{dir: dir}, func() error { return os.RemoveAll(dir) }, nil
}

// cacheEntry is the folder of one module.
type cacheEntry struct {
	cache *diskCache
	dir   string
}

// entry returns the folder for a module. The key is everything that decides the machine code: the
// module as the engine sees it, the rewriter and the engine.
func (c *diskCache) entry(binary []byte, meterVersion string) cacheEntry {
	h := sha256.New()
	fmt.Fprintf(h, "engine %s\x00meter %s\x00", engineVersion(), meterVersion)
	h.Write(binary)
	return cacheEntry{cache: c, dir: filepath.Join(c.dir, hex.EncodeToString(h.Sum(nil)))}
}

func engineVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, d := range info.Deps {
		if d.Path == enginePath {
			return d.Version + d.Sum
		}
	}
	return "unknown"
}

// prepare removes the entry unless every file is as it was when the entry was sealed, and reports
// whether it is known: it holds the compiled module, or the verdict that it cannot be compiled.
func (e cacheEntry) prepare() (known bool, err error) {
	want, err := os.ReadFile(filepath.Join(e.dir, sumsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("reading the cache's sums: %w", err)
	}
	if err == nil {
		if got, err := e.sums(); err == nil && bytes.Equal(got, want) {
			return true, nil
		}
	}
	if err := os.RemoveAll(e.dir); err != nil {
		return false, fmt.Errorf("removing a damaged cache entry: %w", err)
	}
	return false, nil
}

// refusal returns the verdict on a module that took too much to compile.
func (e cacheEntry) refusal() ([]byte, bool) {
	verdict, err := os.ReadFile(filepath.Join(e.dir, refusalName))
	return verdict, err == nil
}

// refuse writes a verdict down, so that the module is not tried at every start. Where it cannot be
// written it is tried again.
func (e cacheEntry) refuse(verdict []byte) {
	err := os.RemoveAll(e.dir)
	if err == nil {
		err = os.MkdirAll(e.dir, cacheMode)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(e.dir, refusalName), verdict, 0o600)
	}
	if err == nil {
		err = e.seal()
	}
	if err != nil {
		e.remove()
	}
}

// seal writes down what the files are now. It does nothing if they are known already.
func (e cacheEntry) seal() error {
	sums, err := e.sums()
	if err != nil {
		return err
	}
	path := filepath.Join(e.dir, sumsName)
	if known, err := os.ReadFile(path); err == nil && bytes.Equal(known, sums) {
		return nil
	}
	tmp, err := os.CreateTemp(e.dir, sumsName+".*")
	if err != nil {
		return fmt.Errorf("sealing a cache entry: %w", err)
	}
	_, err = tmp.Write(sums)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("sealing a cache entry: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return e.cache.prune()
}

// sums lists the entry's files with their hashes. Files being written are left out.
func (e cacheEntry) sums() ([]byte, error) {
	var out []byte
	err := filepath.WalkDir(e.dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if err != nil || d.IsDir() || strings.HasPrefix(name, sumsName) ||
			strings.HasSuffix(name, ".tmp") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		rel, relErr := filepath.Rel(e.dir, path)
		out = fmt.Appendf(out, "%x  %s\n", h.Sum(nil), filepath.ToSlash(rel))
		return errors.Join(err, relErr, f.Close())
	})
	if err != nil {
		return nil, fmt.Errorf("hashing a cache entry: %w", err)
	}
	return out, nil
}

// remove drops the entry. What cannot be removed is found out again by prepare.
func (e cacheEntry) remove() { _ = os.RemoveAll(e.dir) }

// prune removes the oldest entries beyond the bound.
func (c *diskCache) prune() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("listing the compilation cache: %w", err)
	}
	type aged struct {
		path string
		at   int64
	}
	var list []aged
	for _, d := range entries {
		info, err := d.Info()
		if err != nil || !d.IsDir() || len(d.Name()) != 2*sha256.Size {
			continue // gone meanwhile, or not ours
		}
		list = append(list, aged{filepath.Join(c.dir, d.Name()), info.ModTime().UnixNano()})
	}
	slices.SortFunc(list, func(a, b aged) int { return int(min(max(a.at-b.at, -1), 1)) })
	for ; len(list) > cacheEntriesMax; list = list[1:] {
		if err := os.RemoveAll(list[0].path); err != nil {
			return fmt.Errorf("pruning the compilation cache: %w", err)
		}
	}
	return nil
}
