// Package kafka reads topics of a Kafka cluster and writes to them.
//
// It owns finding partitions, where reading starts and stops, the positions of partitions, the
// offsets it commits for lag tools, producing, and the transactions that decide epochs. It never
// joins a consumer group: partitions are dealt to tasks by a formula, and the truth about what was
// read is the manifest of an epoch. What a commit record says, when it is written and what an owner
// may do is the business of checkpoint/txlog, for which Session is the producer.
//
// Invariants of reading and writing:
//
//	Q1  A split is a partition, named topic-partition. Its position is the next offset to read,
//	    counting control records, so the lag of a partition that was read to its end is 0.
//	Q2  Where reading starts and stops is resolved to offsets once, when a split is found. A
//	    restored offset is never replaced by a start mode.
//	Q3  A partition that was found is never forgotten because an answer of a broker left it out.
//	Q4  A topic is known by its id. One that was deleted and made again is another topic, and is
//	    refused.
//	Q5  Committed group offsets are for lag tools. Failing to commit them fails nothing.
//	Q6  A record's bytes are lent by the client's fetch buffer; polling allocates nothing per
//	    record. A fetched record is the batch's carrier: the first sink that writes it sends it again,
//	    with other fields, and its bytes are never changed.
//	Q7  An error of an asynchronous send is returned by every later Write and Flush; none is lost.
//	Q8  A topic that is read is looked after: when brokers have not known it for absenceMax, and
//	    were there to say so all the time, reading fails, also when nothing more is to be found.
//
// Invariants of transactions:
//
//	X1  One client writes for all tasks and all sinks of a log, so an epoch is one transaction, which
//	    holds all output and the commit record, or nothing.
//	X2  A client that failed, was fenced or is in doubt is never used again. Every claim begins with
//	    a new one, whose first request fences what went before and ends its transaction.
//	X3  After the first failed send nothing of the transaction can be committed any more.
//	X4  Commit is nil only if every send and the end of the transaction were acknowledged, and there
//	    was a record. "Not committed" is said only when the broker was never asked to commit, or
//	    said itself that it did not; and nobody aborts after it was asked.
//	X5  A record belongs to the epoch that its task was in when it wrote it. Those of an epoch whose
//	    transaction is not open yet are staged, and go first when it is. The records of a task stay
//	    in order.
//	X6  A transaction with records is not open for longer than half of its timeout while it waits
//	    for anything but Kafka, and none stays open when its writers are gone.
//	X7  Output in a cluster where no epochs are decided is one transaction for each task and epoch.
//	    Its id is used again when the epoch after it is committed, and by no other owner. Whether it
//	    was committed is read from the state at the brokers, never from the answer to ending it.
//	X8  Nothing is created before the first Fence. A commits topic that was there is never made anew.
//
// Below: connectors, connectors/transport, checkpoint, checkpoint/txlog. Above: the command's table
// of connectors, and what opens a job's log.
package kafka
