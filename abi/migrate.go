package abi

import (
	"encoding/binary"
	"fmt"
)

// MigrateStatus is the first word of what wasmflow_migrate returns.
type MigrateStatus uint32

// The statuses of a migration.
const (
	MigrateDone    MigrateStatus = 0 // the entry as the guest's own version has it follows
	MigrateRefused MigrateStatus = 1 // a text follows that says why
)

const (
	// MigrateHeaderSize is the size of what stands before the entry or the text.
	MigrateHeaderSize = 8
	// StateEntryBytesMax bounds an entry of state, before and after a migration: state is read and
	// written an entry at a time, and a snapshot holds many.
	StateEntryBytesMax = 1 << 20
)

// MigrationError is a guest's word that it cannot take over state of an older version.
type MigrationError struct{ Message string }

func (e *MigrationError) Error() string { return e.Message }

// ParseMigration reads what wasmflow_migrate returned and gives the entry, which points at data. A
// refusal is a *MigrationError, with a text that is fit for a terminal; every other error says what
// is wrong with the answer.
func ParseMigration(data []byte) (entry []byte, err error) {
	if len(data) < MigrateHeaderSize {
		return nil, fmt.Errorf("a migration of %d bytes, its header has %d", len(data),
			MigrateHeaderSize)
	}
	status := MigrateStatus(binary.LittleEndian.Uint32(data))
	if reserved := binary.LittleEndian.Uint32(data[4:]); reserved != 0 {
		return nil, fmt.Errorf("reserved bytes of a migration are %#x", reserved)
	}
	rest := data[MigrateHeaderSize:]
	switch status {
	case MigrateDone:
		if len(rest) > StateEntryBytesMax {
			return nil, fmt.Errorf("an entry of %d bytes, the limit is %d", len(rest),
				StateEntryBytesMax)
		}
		return rest, nil
	case MigrateRefused:
		text := printable(string(rest))
		if text == "" {
			text = "refused without a reason"
		}
		return nil, &MigrationError{text}
	}
	return nil, fmt.Errorf("a migration has status %d, which is none", status)
}
