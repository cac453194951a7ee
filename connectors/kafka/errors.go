package kafka

import (
	"errors"
	"fmt"
)

var (
	// ErrPosition is returned, marked as permanent, for a split or a position that this source
	// never wrote. One of a later version is checkpoint.ErrNewerFormat.
	ErrPosition = errors.New("not a position of a Kafka source")
	// ErrRecreated is returned, marked as permanent, when a topic has another id than when its
	// positions were written: its offsets name other records now.
	ErrRecreated = errors.New("this is not the topic that the positions of the job belong to: " +
		"it was deleted, and perhaps created again; start with --fresh, or rename the source to " +
		"begin anew")
	// ErrNoTopic is returned when a topic does not exist, or a pattern matches none.
	ErrNoTopic = errors.New("no such topic")
	// ErrOutOfRange is returned, marked as permanent, when the next offset of a partition is no
	// longer in its log and out_of_range is "fail".
	ErrOutOfRange = errors.New("the next offset is not in the log any more")
	// ErrUnmatched is returned, marked as permanent, for a restored partition whose topic the job
	// file does not name any more.
	ErrUnmatched = errors.New("the topic is in the checkpoint and not in the job file; " +
		"set unmatched_topics to \"keep\" or \"drop\", or name the topic again")
	// ErrNoTransaction is returned for a transactional id that no broker knows.
	ErrNoTransaction = errors.New("no broker knows this transactional id")
	// ErrNotOpen is returned when a transaction is to be aborted and none is open.
	ErrNotOpen = errors.New("no transaction is open, so there is nothing to abort")
	// ErrEnded is returned for a partition that was read to its stop.
	ErrEnded = errors.New("it was read to its stop, so the job keeps no position there any more")
	// ErrNoGroupOffset is returned, marked as permanent, when no_group_offset is "fail".
	ErrNoGroupOffset = errors.New("the group has committed no offset")
)

// atPartition names where err happened.
func atPartition(err error, doing, topic string, partition int32, offset int64) error {
	return fmt.Errorf("%s topic %s, partition %d, offset %d: %w",
		doing, topic, partition, offset, err)
}
