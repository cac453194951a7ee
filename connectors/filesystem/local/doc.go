// Package local is the file-system contract on a disk of this machine.
//
// It owns the order of system calls that makes a part durable before it is named in a manifest
// and visible only after. It never retries, never overwrites a published file and never decides
// which pending files are strays: callers do.
//
// A part lives through these steps:
//
//	CreatePending  mkdir -p <root>/.wasmflow/<job>; create <part>.<claim>.pending
//	Close          write, fsync file, close, fsync folder      -> token
//	Publish        mkdir -p target's folder; link, fsync folder, unlink the pending name
//	Discard        unlink the pending name
//
// A live file is created under a name of its own, like a pending one, and Show gives it the name
// that readers know: by link, or by link to a passing name and rename where it replaces another.
//
// Invariants:
//
//	L1  A name is durable before anything that relies on it is: a folder's own entry is synced
//	    in its parent, up to the root, before the first file in it counts as durable.
//	L2  Publication is link(2), which fails on an existing name on every system; rename(2) is
//	    used only by WriteFile and Show, which replace on purpose.
//	L3  The pending name goes only after the target's folder is synced, so at any crash one of
//	    the two names leads to the bytes.
//	L4  Temporary files begin with a dot and end in ".tmp". A crash may leave one behind; nothing
//	    ever reads it.
//
// Every system call goes through Disk, so that tests cut the power between any two of them
// (connectors/filesystem/fstest).
//
// Below: connectors/filesystem, checkpoint/failpoint. Above: cmd, which chooses it for plain paths
// and file: URLs.
package local
