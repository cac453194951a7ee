// Partition-by-field is a plugin that chooses a record's partition by a field of its JSON value, so
// that equal values end in the same partition.
//
// The hash is that of Kafka's own partitioner (murmur2): a field with the text "abc" goes where a
// Java producer would send the key "abc". Numbers and booleans are hashed as they are written.
package main
