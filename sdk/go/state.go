package wasmflow

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// StateEntry is one entry of a plugin's state: what stands under a key in a namespace, which is a
// number the plugin chose.
type StateEntry struct {
	Namespace  uint32
	Key, Value []byte
}

// MigrateFunc rewrites one entry of an older state version in place. The key and the value point
// into memory that is not kept; e may be given others. An error, or a panic, ends the migration and
// with it the swap: the plugin before goes on.
type MigrateFunc func(e *StateEntry) error

// StateVersion numbers the form of the plugin's state: what stands in it, and how. It is 0 unless
// this is called. A plugin with another number takes the place of one that runs only if Migrate has
// a way from the number of that one.
func StateVersion(version uint32) { plugin.stateVersion = version }

// Migrate registers how entries of state version from become those of StateVersion. Each version
// that is to be taken over wants one.
func Migrate(from uint32, f MigrateFunc) {
	number := strconv.FormatUint(uint64(from), 10)
	if f == nil {
		panic("wasmflow: the migration from state version " + number + " is nil")
	}
	if _, ok := plugin.migrations[from]; ok {
		panic("wasmflow: the migration from state version " + number + " is registered twice")
	}
	if plugin.migrations == nil {
		plugin.migrations = make(map[uint32]MigrateFunc)
	}
	plugin.migrations[from] = f
}

// The answer of a migration begins with a status and a reserved word, an entry with its namespace
// and the length of its key.
const (
	migrateDone    = 0
	migrateRefused = 1

	migrateHeaderSize   = 8
	stateEntryHeadSize  = 8
	stateEntryBytesMax  = 1 << 20
	migrateTextBytesMax = 4 << 10
)

// migrate answers the host's question whether there is a way from a state version, where entry is
// empty, or rewrites an entry. The guest keeps the answer.
func (g *guest) migrate(from uint32, entry []byte) []byte {
	g.migrated = make([]byte, migrateHeaderSize)
	if err := g.migrateEntry(from, entry); err != nil {
		text := err.Error()
		g.migrated = binary.LittleEndian.AppendUint32(g.migrated[:0], migrateRefused)
		g.migrated = binary.LittleEndian.AppendUint32(g.migrated, 0)
		g.migrated = append(g.migrated, text[:min(len(text), migrateTextBytesMax)]...)
		return g.migrated
	}
	binary.LittleEndian.PutUint32(g.migrated, migrateDone)
	return g.migrated
}

func (g *guest) migrateEntry(from uint32, entry []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New(panicText(p))
		}
	}()
	f := g.migrations[from]
	if f == nil {
		return errors.New("the plugin has no migration from state version " +
			strconv.FormatUint(uint64(from), 10))
	}
	if len(entry) == 0 {
		return nil
	}
	e, err := parseStateEntry(entry)
	if err != nil {
		return err
	}
	if err := f(&e); err != nil {
		return err
	}
	if size := stateEntryHeadSize + len(e.Key) + len(e.Value); size > stateEntryBytesMax {
		return errors.New("the migrated entry has " + strconv.Itoa(size) + " bytes, the limit is " +
			strconv.Itoa(stateEntryBytesMax))
	}
	g.migrated = binary.LittleEndian.AppendUint32(g.migrated, e.Namespace)
	g.migrated = binary.LittleEndian.AppendUint32(g.migrated, uint32(len(e.Key)))
	g.migrated = append(append(g.migrated, e.Key...), e.Value...)
	return nil
}

// parseStateEntry reads an entry, whose key and value point at b.
func parseStateEntry(b []byte) (StateEntry, error) {
	if len(b) < stateEntryHeadSize {
		return StateEntry{}, errors.New("an entry of state of " + strconv.Itoa(len(b)) + " bytes")
	}
	rest := b[stateEntryHeadSize:]
	size := binary.LittleEndian.Uint32(b[4:])
	if uint64(size) > uint64(len(rest)) {
		return StateEntry{}, errors.New("the key of an entry of state is longer than the entry")
	}
	return StateEntry{
		Namespace: binary.LittleEndian.Uint32(b),
		Key:       rest[:size:size], Value: rest[size:len(rest):len(rest)],
	}, nil
}
