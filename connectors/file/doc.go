// Package file reads records from files and writes records to plain files, on any file system
// that the command offers.
//
// The source owns how files become splits (enumerate.go, list.go, glob.go, seen.go), how bytes
// become records (scanner.go, charset.go, codec.go, container.go), where a reader goes on
// (cursor.go, split.go) and how a growing path is followed through rotations (tail*.go,
// follower.go, rotation.go, succession.go). It never changes, moves or deletes a file, never
// schedules, and opens file systems through connectors.Env only.
//
// Invariants of the source:
//
//	S1  A record's name is (split, byte offset of its first byte); it never depends on the
//	    number of tasks, on batch limits or on where a restart fell. Offsets in a compressed
//	    file count decompressed bytes; in a container they count records from the beginning of
//	    the range on.
//	S2  Every record of a file belongs to exactly one range: the one in which it begins.
//	S3  A restored position proves itself: a delimiter must end where it points. A file that is
//	    gone, shorter or another one is an error that names it, never a gap.
//	S4  Lent bytes stay where they are until the next Poll: the scanner moves its buffer only
//	    while nothing is lent.
//	S5  A followed path is one split for ever. Its files are read one after the other, each to
//	    its end, and none is read under two names. One that the reader saw and that is gone
//	    before it is read is an error; one that was never seen leaves no trace to report.
//	S6  Nothing is read twice because it was forgotten: what leaves the seen-set raises its floor
//	    or was away for longer than the look-back.
//
// The sink owns which file a task writes and how far it is decided. Readers see records as they
// come; a restart takes back what no epoch decided. It never appends to a file of an earlier claim
// and never removes what it did not write, unless write_mode says so.
//
// Invariants of the sink:
//
//	W1  A file has a live name that carries its claim, and a target that readers know. The live
//	    name is new with every claim, so an older owner's descriptor leads to a file that nobody
//	    reads any more.
//	W2  Every manifest carries the length of every file of the sink, also of files that no task
//	    writes now: the newest manifest is all that a new owner is told.
//	W3  A restart copies the decided length to a new live file and shows that under the target.
//	    Fewer bytes than decided are ErrLost.
//	W4  Output that no epoch decided is withdrawn by the next claim. That it is ours is told by a
//	    live name of the same file, which goes last.
//
// Below: connectors, connectors/filesystem, connectors/format, checkpoint. Above: cmd, which names
// it.
package file
