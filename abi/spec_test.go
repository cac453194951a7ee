package abi

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSpecNamesEverything holds SPEC.md to the names and numbers of the code.
func TestSpecNamesEverything(t *testing.T) {
	b, err := os.ReadFile("SPEC.md")
	require.NoError(t, err)
	spec := string(b)
	names := []string{
		ExportMemory, ExportInitialize, ExportStart, ExportMarker, ExportDescribe, ExportOpen,
		ExportReserve, ExportProcess, ExportMigrate, ExportScript, SectionScript,
		ImportModule, ImportModuleWASI, ImportModuleEnv, ImportLog, ImportMetric, ImportEnvAbort,
		ImportStateGet, ImportStatePut, ImportStateDelete, ImportStateIterate, ImportTimerSet,
		ImportTimerDelete, ImportAsyncRequest,
	}
	for _, c := range Capabilities() {
		names = append(names, string(c))
	}
	for _, r := range append(Roles(), ReservedRoles()...) {
		names = append(names, string(r))
	}
	for _, c := range ReadableColumns() {
		names = append(names, c.String())
	}
	for _, name := range names {
		require.Contains(t, spec, "`"+name, "SPEC.md does not name %s", name)
	}
	for id := range Column(columnBits) {
		if size := id.stride(); size != 0 {
			require.Contains(t, spec, fmt.Sprintf("| %d | %s | %d |", id, id, size))
		}
	}
	require.Contains(t, spec, fmt.Sprintf("version %d.%d", Major, Minor))
	require.Contains(t, spec, fmt.Sprintf("### 7.1 Header (%d bytes)", FrameHeaderSize))
	require.Contains(t, spec, fmt.Sprintf("### 8.1 Header (%d bytes)", OutputHeaderSize))
}
