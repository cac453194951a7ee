package bucketing

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// bucketBytesMax bounds a bucket's name: with base path and part name it stays far below
	// the 4096 bytes that common systems allow for a path.
	bucketBytesMax = 1024
	// elementBytesMax is the longest name of one folder on common systems.
	elementBytesMax = 255
	// bucketDepthMax bounds the folders that one record can make.
	bucketDepthMax = 16
	// bucketShownMax is how much of a bad name an error shows.
	bucketShownMax = 80
	// hiddenMarks begin names that readers (Hive, Spark, Flink and wasmflow's own file source)
	// skip: records in such a bucket would be lost without a word. The staging folder is one.
	hiddenMarks = "._"
)

// errBucket marks a name that must not become a folder.
var errBucket = errors.New("is no bucket name")

// checkBucket decides whether an untrusted name may become a folder below the base path (B4).
// The empty name is the base path itself. Everything else is a path of plain elements: relative,
// without "." and "..", hidden or empty elements, control characters and bytes that are no UTF-8,
// and of bounded length and depth. So joining it to the base path cannot leave the base path.
func checkBucket(name string) error {
	if err := bucketProblem(name); err != nil {
		shown := name
		if len(shown) > bucketShownMax {
			shown = shown[:bucketShownMax] + "..."
		}
		return fmt.Errorf("%q %w: %w", shown, errBucket, err)
	}
	return nil
}

func bucketProblem(name string) error {
	if name == "" {
		return nil
	}
	if len(name) > bucketBytesMax {
		return fmt.Errorf("%d bytes are more than %d", len(name), bucketBytesMax)
	}
	if name[0] == '/' {
		return errors.New("it is absolute; buckets lie below the base path")
	}
	if err := checkText(name); err != nil {
		return fmt.Errorf("it %w", err)
	}
	depth := 0
	for element := range strings.SplitSeq(name, "/") {
		depth++
		switch {
		case element == "":
			return errors.New("an element is empty; write one slash between two")
		case element == "." || element == "..":
			return fmt.Errorf("the element %q leaves the bucket", element)
		case strings.IndexByte(hiddenMarks, element[0]) >= 0:
			return errors.New("an element begins with a dot or an underscore, which readers skip")
		case len(element) > elementBytesMax:
			return fmt.Errorf("an element of %d bytes is longer than %d", len(element), elementBytesMax)
		}
	}
	if depth > bucketDepthMax {
		return fmt.Errorf("%d folders deep is more than %d", depth, bucketDepthMax)
	}
	return nil
}

// checkText refuses what no name should hold.
func checkText(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("is no valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return fmt.Errorf("holds the control character %q", r)
		}
	}
	return nil
}
