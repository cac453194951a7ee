package kafka

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// splitID names a partition (Q1).
func splitID(topic string, partition int32) string {
	return topic + "-" + strconv.Itoa(int(partition))
}

// parseSplitID is the inverse of splitID; ok is false for what splitID never returns.
func parseSplitID(id string) (topic string, partition int32, ok bool) {
	i := strings.LastIndexByte(id, '-')
	if i < 1 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(id[i+1:], 10, 32)
	if err != nil || n < 0 || splitID(id[:i], int32(n)) != id {
		return "", 0, false
	}
	return id[:i], int32(n), true
}

// assign returns the task of a partition: the partitions of a topic are dealt in turn from a task
// that depends on the topic, so that many small topics spread, too. It is Flink's formula, so that
// partitions lie where they lay before.
func assign(topic string, partition int32, tasks int) int {
	start := int64((javaHash(topic)*31)&0x7fffffff) % int64(tasks)
	return int((start + int64(partition)) % int64(tasks))
}

// javaHash is String.hashCode of Java, over UTF-16.
func javaHash(s string) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(unit)
	}
	return h
}
