// Package broker is a model of the part of Kafka on which checkpoint/txlog rests: partitions with
// open transactions and markers, a transaction coordinator with producer epochs, readers that see
// what is committed, and a client that produces transactions.
//
// The model is honest about what brokers do and hide: a transaction that is ended shows in a
// partition only after its marker is written there; records of an open transaction hold back every
// later one from readers; a request may arrive although its sender was told that it failed, also
// when the sender is long dead; a transaction that stays open too long is aborted; an epoch is
// raised with every transaction (transaction version 2).
//
// Invariants:
//
//	B1  The broker starts no goroutine and reads no clock; the same calls give the same answers.
//	B2  What happens later (markers, late requests, timeouts) happens in Step, or at once when the
//	    broker was made without Delays.
//
// Below: checkpoint, checkpoint/txlog. Above: tests only.
package broker
