package guest

import (
	"bytes"
	"os"
	"strconv"
)

// residentBytes is what a process has in memory, 0 if that cannot be told.
func residentBytes(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	const resident = 1 // the second field, in pages
	fields := bytes.Fields(text)
	if len(fields) <= resident {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[resident]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
