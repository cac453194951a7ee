package filesystem

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"strconv"
	"strings"
)

// StagingFolder is the folder below a sink's root that holds everything not published yet.
// Readers of the output skip it because its name begins with a dot.
const StagingFolder = ".wasmflow"

// PartBytesMax bounds the name of a part: 255 bytes are what common systems allow for one name,
// and the pending form adds its suffix.
const PartBytesMax = 200

// pendingSuffix ends the name of a pending file: "<part>.<claim>.pending".
const pendingSuffix = ".pending"

// Staging returns the folder that holds the pending files of job below root.
func Staging(root, job string) string { return path.Join(root, StagingFolder, job) }

// Validate reports what is wrong with n. Implementations call it before they create anything, so
// that no name that came from a guest or a job file can leave the root.
func (n PendingName) Validate() error {
	switch {
	case !isCleanAbsolute(n.Root):
		return fmt.Errorf("root %q is no clean absolute path", n.Root)
	case !isCleanAbsolute(n.Target):
		return fmt.Errorf("target %q is no clean absolute path", n.Target)
	case !isBelow(n.Root, n.Target):
		return fmt.Errorf("target %q is not below root %q", n.Target, n.Root)
	case isBelow(path.Join(n.Root, StagingFolder), n.Target):
		return fmt.Errorf("target %q lies in the staging folder", n.Target)
	}
	if err := checkElement("job", n.Job); err != nil {
		return err
	}
	return checkElement("part", n.Part)
}

// PendingPath returns where systems with folders keep the pending form of n. The claim is part
// of the name, so that a listing alone tells which owner wrote it.
func (n PendingName) PendingPath() string {
	name := n.Part + "." + strconv.FormatUint(n.Claim, 10) + pendingSuffix
	return path.Join(Staging(n.Root, n.Job), name)
}

// ParsePending splits the last element of a PendingPath. ok is false for any other name, which
// clean-up then leaves alone.
func ParsePending(name string) (part string, claim uint64, ok bool) {
	rest, ok := strings.CutSuffix(name, pendingSuffix)
	if !ok {
		return "", 0, false
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot <= 0 {
		return "", 0, false
	}
	claim, err := strconv.ParseUint(rest[dot+1:], 10, 64)
	if err != nil || strconv.FormatUint(claim, 10) != rest[dot+1:] {
		return "", 0, false
	}
	return rest[:dot], claim, true
}

// IsPendingPath tells whether p is a path that PendingPath makes. Tokens are held against it, so that
// no damaged one names a file that is not ours.
func IsPendingPath(p string) bool {
	_, _, ok := ParsePending(path.Base(p))
	return ok && isCleanAbsolute(p) && path.Base(path.Dir(path.Dir(p))) == StagingFolder
}

// Strays lists the staging folder of job below root for an implementation of ListStrays, which says
// what token discards the pending form that it finds there. What is not of our making is left out.
func Strays(
	ctx context.Context, system FileSystem, root, job string, token func(Info) Token,
) iter.Seq2[Stray, error] {
	return func(yield func(Stray, error) bool) {
		for info, err := range system.List(ctx, Staging(root, job), false) {
			if errors.Is(err, ErrNotFound) {
				return
			}
			if err != nil {
				yield(Stray{}, err)
				return
			}
			part, claim, ok := ParsePending(path.Base(info.Path))
			if !ok || info.Dir {
				continue
			}
			if !yield(Stray{Token: token(info), Part: part, Claim: claim}, nil) {
				return
			}
		}
	}
}

// checkElement refuses what is not one plain element of a path.
func checkElement(what, name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%s %q names no file", what, name)
	case len(name) > PartBytesMax:
		return fmt.Errorf("%s of %d bytes is longer than %d", what, len(name), PartBytesMax)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%s %q holds a slash or a zero byte", what, name)
	}
	return nil
}

func isCleanAbsolute(p string) bool {
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && !strings.ContainsRune(p, 0)
}

func isBelow(dir, p string) bool {
	if dir == "/" {
		return len(p) > 1
	}
	return len(p) > len(dir)+1 && strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}
