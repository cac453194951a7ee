package modules

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	cacheMode = 0o700
	// cacheEntriesMax bounds the cache: the modules of a few jobs, and their manifests.
	cacheEntriesMax = 128
)

// cache keeps what was fetched under its digest. An empty dir keeps nothing.
type cache struct{ dir string }

// get returns what has the digest, if it is there and at most sizeMax bytes long. What is damaged
// is removed (M5).
func (c *cache) get(digest string, sizeMax int64) ([]byte, bool) {
	if c.dir == "" || !isDigest(digest) { // which is the name of a file
		return nil, false
	}
	path := filepath.Join(c.dir, digest)
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	data, err := io.ReadAll(io.LimitReader(f, sizeMax+1))
	if err := errors.Join(err, f.Close()); err != nil || int64(len(data)) > sizeMax {
		return nil, false
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
		_ = os.Remove(path) // where that is refused, it is found out again the next time
		return nil, false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // only prune asks when it was of use
	return data, true
}

// isDigest reports whether s is a SHA-256 in lower-case hexadecimal.
func isDigest(s string) bool {
	sum, err := hex.DecodeString(s)
	return err == nil && len(sum) == sha256.Size && s == strings.ToLower(s)
}

// put keeps data.
func (c *cache) put(data []byte) error {
	if c.dir == "" {
		return nil
	}
	if err := os.MkdirAll(c.dir, cacheMode); err != nil {
		return fmt.Errorf("making the cache of modules: %w", err)
	}
	sum := sha256.Sum256(data)
	path := filepath.Join(c.dir, hex.EncodeToString(sum[:]))
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(data)) {
		return nil
	}
	tmp, err := os.CreateTemp(c.dir, "new-*")
	if err != nil {
		return fmt.Errorf("writing to the cache of modules: %w", err)
	}
	// It is not synced: a file that a power cut leaves short has another digest.
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing to the cache of modules: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return c.prune()
}

// prune removes what was of no use for the longest time, beyond the bound.
func (c *cache) prune() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("listing the cache of modules: %w", err)
	}
	if len(entries) <= cacheEntriesMax {
		return nil
	}
	type aged struct {
		path string
		used time.Time
	}
	var list []aged
	for _, d := range entries {
		if info, err := d.Info(); err == nil && !d.IsDir() {
			list = append(list, aged{filepath.Join(c.dir, d.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b aged) int { return a.used.Compare(b.used) })
	for ; len(list) > cacheEntriesMax; list = list[1:] {
		if err := os.Remove(list[0].path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("pruning the cache of modules: %w", err)
		}
	}
	return nil
}
