package sdktest

import (
	"encoding/binary"
	"errors"
	"testing"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
)

// An answer to a migration begins with a status, 0 when it succeeded, and a reserved word. An entry
// begins with its namespace and the length of its key (abi/SPEC.md section 3).
const (
	answerHeaderSize = 8
	entryHeadSize    = 8
)

// Migrate lets the plugin take over an entry of state version from. It returns what the entry
// becomes, or why the plugin refuses it; the host would refuse the swap then.
func Migrate(t testing.TB, from uint32, e wasmflow.StateEntry) (wasmflow.StateEntry, error) {
	t.Helper()
	entry := binary.LittleEndian.AppendUint32(nil, e.Namespace)
	entry = binary.LittleEndian.AppendUint32(entry, uint32(len(e.Key)))
	entry = append(append(entry, e.Key...), e.Value...)
	answer := wasmflow.NewNative().Migrate(from, entry)
	status, rest := binary.LittleEndian.Uint32(answer), answer[answerHeaderSize:]
	if status != 0 {
		return wasmflow.StateEntry{}, errors.New(string(rest))
	}
	key := binary.LittleEndian.Uint32(rest[4:])
	rest, namespace := rest[entryHeadSize:], binary.LittleEndian.Uint32(rest)
	return wasmflow.StateEntry{
		Namespace: namespace, Key: rest[:key:key], Value: rest[key:],
	}, nil
}
