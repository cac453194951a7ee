package storelog

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// Names in the folder of a job.
const (
	epochPrefix   = "epoch-"
	appliedPrefix = "applied-"
	hintName      = "job"
	modulesName   = "modules"
	acceptedName  = "accepted"

	// RunName is the lock file of the running process, for file systems that have locks.
	RunName = "run"
)

// numberDigits pads numbers so that a listing is in order: a hundred epochs a second reach it
// after three centuries, and longer numbers still work.
const numberDigits = 12

// jobNameBytesMax bounds the name of a job: it is one element of a path.
const jobNameBytesMax = 200

// numbered returns the name of a numbered file.
func numbered(prefix string, n checkpoint.Epoch) string {
	return fmt.Sprintf("%s%0*d", prefix, numberDigits, uint64(n))
}

// parseNumbered is the reverse of numbered; ok is false for every name that it does not make.
func parseNumbered(prefix, name string) (checkpoint.Epoch, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 || numbered(prefix, checkpoint.Epoch(n)) != name {
		return 0, false
	}
	return checkpoint.Epoch(n), true
}

// moduleName returns the name of a module's bytes as one claim stored them.
func moduleName(sha string, claim uint64) string {
	return sha + "-" + strconv.FormatUint(claim, 10)
}

func parseModuleName(name string) (sha string, claim uint64, ok bool) {
	sha, digits, ok := strings.Cut(name, "-")
	if !ok || !isSHA256(sha) {
		return "", 0, false
	}
	claim, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || moduleName(sha, claim) != name {
		return "", 0, false
	}
	return sha, claim, true
}

// isSHA256 reports whether s is a digest as wasmflow writes it: 64 lower-case hex digits.
func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// Folder returns where job has its files in the store at root. A name that is not one plain
// element of a path is an error.
func Folder(root, job string) (string, error) {
	switch {
	case job == "" || job == "." || job == "..":
		return "", fmt.Errorf("job name %q names no folder", job)
	case len(job) > jobNameBytesMax:
		return "", fmt.Errorf("job name of %d bytes is longer than %d", len(job), jobNameBytesMax)
	case strings.ContainsAny(job, "/\x00"):
		return "", fmt.Errorf("job name %q holds a slash or a zero byte", job)
	}
	return path.Join(root, job), nil
}
