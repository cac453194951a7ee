package measure

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine says where and of what figures are: the commit, the processor and the toolchain.
func Machine() string {
	cpu, commit := "unknown CPU", "unknown"
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "model name\t: "); ok {
				cpu = name
				break
			}
		}
		_ = f.Close() // it was only read
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("Commit %s, %s, %d CPUs, %s/%s, %s", commit, cpu, runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, runtime.Version())
}
