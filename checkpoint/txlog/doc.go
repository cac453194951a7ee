// Package txlog is the commit log in a transactional topic: the commit record of an epoch is in the
// same transaction as the epoch's output, and the end of that transaction decides.
//
// A log is made of a Session, which is one transactional producer and the topic, and a Store, which
// is the job's folder in the checkpoint store: lock, hint, marks, module bytes. Every record is an
// encoded checkpoint.Manifest, and the newest committed one is the truth.
//
// The package owns the order of fencing, reading back and publishing, and the meaning of the
// records. It never speaks to a broker: a Session does. It never touches output of sinks.
//
// Invariants beside those of package checkpoint:
//
//	T1  The newest committed record is the truth. Records are committed by one session at a time,
//	    so all of them are of one chain.
//	T2  What a claim carries was read after its fence returned: nothing can be committed between.
//	T3  A claim is published in a transaction of its own before its owner does anything else (I1).
//	T4  Decide returns nil only if every record of the transaction was acknowledged and its end was.
//	T5  A transaction is ended once. After any error of its end nothing is sent under this fence.
//	T6  An owner whose session is fenced claims again only if no newer claim appears for a while,
//	    and a log that held its job never claims over a newer claim: two owners do not duel.
//	T7  A log that is empty or shorter than the store remembers, or of another job, is refused
//	    before anybody is fenced.
//	T8  A job changes its log through a seal: the old log is closed by a record that holds the last
//	    manifest, and the new log begins with what that record holds.
//
// Below: checkpoint, checkpoint/failpoint. Beside: checkpoint/storelog, the same contract in a
// folder, whose JobStore is the Store. Above: connectors/kafka (the Session), host, cmd.
package txlog
