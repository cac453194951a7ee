package uppercasec_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	uppercasec "github.com/wasmflow/wasmflow/guests/uppercase-c"
)

// The compiler that made the committed module. Another one may make a different module that is as
// good.
const (
	compiler        = "clang-19"
	compilerVersion = "19.1.7"
)

// TestModuleIsTheOneRecorded holds the committed module against the committed hash.
func TestModuleIsTheOneRecorded(t *testing.T) {
	recorded, err := os.ReadFile("uppercase_c.wasm.sha256")
	require.NoError(t, err)
	sum := sha256.Sum256(uppercasec.Module())
	require.Equal(t, hex.EncodeToString(sum[:])+"  uppercase_c.wasm\n", string(recorded),
		"run make commit in guests/uppercase-c")
}

// TestModuleIsBuiltFromTheSource holds U1 where the compiler is at hand.
func TestModuleIsBuiltFromTheSource(t *testing.T) {
	out, err := exec.Command(compiler, "--version").Output()
	if err != nil {
		t.Logf("%s cannot be run (%v): only the hash of the module was checked", compiler, err)
		return
	}
	if !strings.Contains(string(out), "version "+compilerVersion) {
		t.Logf("%s is not of version %s: only the hash of the module was checked", compiler, compilerVersion)
		return
	}
	path := filepath.Join(t.TempDir(), "built.wasm")
	out, err = exec.Command("make", "--silent", "--always-make", path, "OUT="+path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	built, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, uppercasec.Module(), built, "run make commit in guests/uppercase-c")
}
