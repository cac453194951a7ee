// Package kafka reads topics of a Kafka cluster and writes to them.
//
// It owns finding partitions, where reading starts and stops, the positions of partitions, the
// offsets it commits for lag tools, and producing. It never joins a consumer group: partitions are
// dealt to tasks by a formula, and the truth about what was read is the manifest of an epoch.
//
// Invariants:
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
//	    record. A fetched record is the batch's carrier and is never changed.
//	Q7  An error of an asynchronous send is returned by every later Write and Flush; none is lost.
//
// Below: connectors, connectors/transport, checkpoint. Above: the command's table of connectors.
package kafka
