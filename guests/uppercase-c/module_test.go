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

// builds are the committed modules, with the setting of the Makefile that makes them.
var builds = []struct {
	name  string
	bytes func() []byte
	simd  string
}{
	{"uppercase_c.wasm", uppercasec.Module, "SIMD=-msimd128"},
	{"uppercase_c_scalar.wasm", uppercasec.Scalar, "SIMD="},
}

// TestModuleIsTheOneRecorded holds the committed modules against the committed hashes.
func TestModuleIsTheOneRecorded(t *testing.T) {
	for _, b := range builds {
		recorded, err := os.ReadFile(b.name + ".sha256")
		require.NoError(t, err)
		sum := sha256.Sum256(b.bytes())
		require.Equal(t, hex.EncodeToString(sum[:])+"  "+b.name+"\n", string(recorded),
			"run make commit in guests/uppercase-c")
	}
}

// TestModuleIsBuiltFromTheSource holds U1 where the compiler is at hand.
func TestModuleIsBuiltFromTheSource(t *testing.T) {
	out, err := exec.Command(compiler, "--version").Output()
	if err != nil {
		t.Logf("%s cannot be run (%v): only the hashes of the modules were checked", compiler, err)
		return
	}
	if !strings.Contains(string(out), "version "+compilerVersion) {
		t.Logf("%s is not of version %s: only the hashes of the modules were checked", compiler,
			compilerVersion)
		return
	}
	for _, b := range builds {
		path := filepath.Join(t.TempDir(), b.name)
		out, err = exec.Command("make", "--silent", "--always-make", path, "OUT="+path, b.simd).
			CombinedOutput()
		require.NoError(t, err, "%s", out)
		built, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, b.bytes(), built, "run make commit in guests/uppercase-c")
	}
}
