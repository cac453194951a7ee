package fstest

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// Disk is a disk in memory that remembers what would survive a power failure. Its clock moves by
// one second with every change, so that modification times are the same in every run.
type Disk struct {
	mu struct {
		sync.Mutex
		root  *node
		nodes uint64
		ticks int64
	}
}

// node is a file or a folder. A file with two names is one node in two folders.
type node struct {
	id      uint64
	modTime time.Time

	names  map[string]*node // of a folder, as a process sees them; nil for files
	synced map[string]*node // of a folder, as a power failure leaves them at worst

	data    []byte // of a file
	durable int    // leading bytes of data that are synced
}

// NewDisk returns an empty disk with the root folder "/".
func NewDisk() *Disk {
	d := &Disk{}
	d.mu.root = d.newNode(true)
	return d
}

// newNode makes a node. d.mu is held, or d is not shared yet.
func (d *Disk) newNode(folder bool) *node {
	d.mu.nodes++
	n := &node{id: d.mu.nodes, modTime: d.tick()}
	if folder {
		n.names, n.synced = map[string]*node{}, map[string]*node{}
	}
	return n
}

func (d *Disk) tick() time.Time {
	d.mu.ticks++
	return time.Unix(d.mu.ticks, 0).UTC()
}

// find returns the node at p. d.mu is held.
func (d *Disk) find(p string) (*node, error) {
	n := d.mu.root
	for element := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if element == "" {
			continue
		}
		if n.names == nil {
			return nil, syscall.ENOTDIR
		}
		next, ok := n.names[element]
		if !ok {
			return nil, syscall.ENOENT
		}
		n = next
	}
	return n, nil
}

// slot returns the folder that p is or would be in. d.mu is held.
func (d *Disk) slot(p string) (folder *node, name string, err error) {
	folder, err = d.find(path.Dir(p))
	if err == nil && folder.names == nil {
		err = syscall.ENOTDIR
	}
	return folder, path.Base(p), err
}

// add puts n under p, which must be free. d.mu is held.
func (d *Disk) add(p string, n *node) error {
	folder, name, err := d.slot(p)
	if err != nil {
		return err
	}
	if _, taken := folder.names[name]; taken {
		return syscall.EEXIST
	}
	folder.names[name] = n
	folder.modTime = d.tick()
	return nil
}

// remove drops the name p of a file. d.mu is held.
func (d *Disk) remove(p string) (*node, error) {
	folder, name, err := d.slot(p)
	if err != nil {
		return nil, err
	}
	n, ok := folder.names[name]
	switch {
	case !ok:
		return nil, syscall.ENOENT
	case n.names != nil:
		return nil, syscall.EISDIR
	}
	delete(folder.names, name)
	folder.modTime = d.tick()
	return n, nil
}

func pathError(op, p string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: p, Err: err}
}

// Create implements local.Disk.
func (d *Disk) Create(p string) (local.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.newNode(false)
	if err := d.add(p, n); err != nil {
		return nil, pathError("create", p, err)
	}
	return &memFile{disk: d, node: n}, nil
}

// Append opens a file for writing at its end, for tests that tamper with one.
func (d *Disk) Append(p string) (local.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(p)
	if err == nil && n.names != nil {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError("append", p, err)
	}
	return &memFile{disk: d, node: n}, nil
}

// Open implements local.Disk. The reader sees what is appended later.
func (d *Disk) Open(p string) (io.ReadSeekCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(p)
	if err == nil && n.names != nil {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError("open", p, err)
	}
	return &memReader{disk: d, node: n}, nil
}

// Stat implements local.Disk.
func (d *Disk) Stat(p string) (local.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(p)
	if err != nil {
		return local.Entry{}, pathError("stat", p, err)
	}
	e := local.Entry{
		Size: int64(len(n.data)), ModTime: n.modTime, Identity: strconv.FormatUint(n.id, 16),
	}
	if n.names != nil {
		e.Mode = fs.ModeDir
	}
	return e, nil
}

// ReadDir implements local.Disk.
func (d *Disk) ReadDir(dir string) ([]local.Name, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(dir)
	if err == nil && n.names == nil {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, pathError("readdir", dir, err)
	}
	var names []local.Name
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		names = append(names, local.Name{Name: name, Dir: n.names[name].names != nil})
	}
	return names, nil
}

// Mkdir implements local.Disk.
func (d *Disk) Mkdir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return pathError("mkdir", dir, d.add(dir, d.newNode(true)))
}

// Link implements local.Disk.
func (d *Disk) Link(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(from)
	switch {
	case err != nil:
	case n.names != nil:
		err = syscall.EPERM
	default:
		err = d.add(to, n)
	}
	return pathError("link", to, err)
}

// Rename implements local.Disk, for files only.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	folder, name, err := d.slot(to)
	if err != nil {
		return pathError("rename", to, err)
	}
	old := folder.names[name]
	if old != nil && old.names != nil {
		return pathError("rename", to, syscall.EISDIR)
	}
	if n, err := d.find(from); err == nil && n == old {
		return nil // two names of one file: POSIX leaves both
	}
	n, err := d.remove(from)
	if err != nil {
		return pathError("rename", from, err)
	}
	folder.names[name] = n
	return nil
}

// Unlink implements local.Disk.
func (d *Disk) Unlink(p string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.remove(p)
	return pathError("unlink", p, err)
}

// SyncDir implements local.Disk.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(dir)
	if err == nil && n.names == nil {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return pathError("sync", dir, err)
	}
	n.synced = maps.Clone(n.names)
	return nil
}

// Clone returns a copy with everything on it: what another process finds after a kill -9.
func (d *Disk) Clone() *Disk { return d.clone(func(int) int { return 0 }, true) }

// CrashClone returns a copy as a power failure could leave it. Every name that was made or
// removed since its folder's last sync, and every tail of a file since its last sync, is kept or
// lost by the seed's dice; a kept tail may be cut, or hold zeros where bytes never arrived. keep
// is the chance of being kept in percent: 0 loses all that is not synced, 100 keeps all.
func (d *Disk) CrashClone(seed uint64, keep int) *Disk {
	rng := rand.New(rand.NewPCG(seed, uint64(keep)))
	if keep >= 100 {
		return d.Clone()
	}
	return d.clone(func(n int) int {
		if rng.IntN(100) >= keep {
			return 0
		}
		return 1 + rng.IntN(n)
	}, false)
}

// cloner copies a tree of nodes, once each, however many names they have.
type cloner struct {
	dice   func(n int) int // 0: lost; otherwise 1..n
	whole  bool
	copies map[*node]*node
}

func (d *Disk) clone(dice func(int) int, whole bool) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := cloner{dice: dice, whole: whole, copies: map[*node]*node{}}
	e := &Disk{}
	e.mu.nodes, e.mu.ticks = d.mu.nodes, d.mu.ticks
	e.mu.root = c.copy(d.mu.root)
	return e
}

func (c *cloner) copy(n *node) *node {
	if m, ok := c.copies[n]; ok {
		return m
	}
	m := &node{id: n.id, modTime: n.modTime}
	c.copies[n] = m
	if n.names == nil {
		m.data = c.content(n)
		m.durable = len(m.data)
		if c.whole {
			m.durable = n.durable
		}
		return m
	}
	m.names, m.synced = map[string]*node{}, map[string]*node{}
	all := maps.Clone(n.synced)
	maps.Copy(all, n.names)
	for _, name := range slices.Sorted(maps.Keys(all)) { // sorted, so that a seed repeats (T1)
		if kept := c.pick(n.names[name], n.synced[name]); kept != nil {
			m.names[name] = c.copy(kept)
		}
		if s := n.synced[name]; s != nil && c.whole {
			m.synced[name] = c.copy(s)
		}
	}
	if !c.whole {
		m.synced = maps.Clone(m.names)
	}
	return m
}

// pick chooses between the name as processes saw it and as it was synced last.
func (c *cloner) pick(now, synced *node) *node {
	if c.whole || now == synced || c.dice(1) == 1 {
		return now
	}
	return synced
}

// content returns what is left of a file.
func (c *cloner) content(n *node) []byte {
	tail := n.data[n.durable:]
	if c.whole || len(tail) == 0 {
		return bytes.Clone(n.data)
	}
	kept := bytes.Clone(n.data[:n.durable+c.dice(len(tail))])
	if torn := len(kept) - n.durable; torn > 0 && c.dice(2) == 1 {
		// The length reached the disk before all of the bytes did.
		clear(kept[n.durable+c.dice(torn)/2:])
	}
	return kept
}

// memFile writes at the end of a node.
type memFile struct {
	disk *Disk
	node *node
}

func (f *memFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.node.data = append(f.node.data, p...)
	f.node.modTime = f.disk.tick()
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.node.durable = len(f.node.data)
	return nil
}

func (f *memFile) Close() error { return nil }

// memReader reads a node from an offset on.
type memReader struct {
	disk   *Disk
	node   *node
	offset int64
}

func (r *memReader) Read(p []byte) (int, error) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	if r.offset >= int64(len(r.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, r.node.data[r.offset:])
	r.offset += int64(n)
	return n, nil
}

func (r *memReader) Seek(offset int64, whence int) (int64, error) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += int64(len(r.node.data))
	}
	if offset < 0 {
		return 0, syscall.EINVAL
	}
	r.offset = offset
	return offset, nil
}

func (r *memReader) Close() error { return nil }

var _ local.Disk = (*Disk)(nil)
