// Package bucketing is the sink that spreads records over folders, called buckets, of a file
// system, exactly once. A bucket is an hour, a country, whatever a built-in or a guest function
// says.
//
// It owns the names of parts and the moment at which a part is closed. It never names a file
// system: everything goes through connectors/filesystem. It never opens a part again and never
// changes a published file.
//
// A part is open while a task writes it, closed when it is durable, invisible and ready to be named
// in a manifest, and published when readers see it:
//
//	open --- size, age, idleness, too many open, Prepare ---> closed --- Commit ---> published
//	  |                                                          |
//	  +-- Close, crash --> gone, or a stray <--- Abort, crash ---+
//
// With compact a closed part may be held: the manifest names it, and Settle of a later epoch
// publishes it or joins it with others into a new part, which takes its place.
//
// Invariants:
//
//	B1  Prepare closes every open part, so no part spans two epochs.
//	B2  A part's name is <prefix>-<job id>-<sink>-<task>-<claim>-<nonce>-<n><suffix>, with n rising
//	    over the life of a claim: no attempt ever meets another's file.
//	B3  A part is published by Commit or Recover only, that is, after its epoch was decided.
//	B4  A bucket's name is untrusted. It is checked before anything is made from it, and a bad one
//	    costs its record, not the job (checkBucket).
//	B5  Strays are removed only if their claim is lower than ours, no retained manifest names them,
//	    and their name says that this sink wrote them.
//	B6  A part that a committable names and that is neither pending nor published is ErrLost,
//	    unless the committable's own epoch is known to be applied or a person accepted its loss.
//
//	B7  What a part was joined from goes when that part is published, and not before.
//	B8  A held part is pending, or its records are published under a name that a retained record
//	    gives; otherwise the start stops with ErrLost.
//	B9  A bucket's mark is written after everything else of its epoch, and changes nothing.
//
// Below: connectors, connectors/filesystem, connectors/format, checkpoint. Above: the command's
// table of connectors.
package bucketing
