// Package devbroker runs a Kafka broker inside this process, for trying jobs where no Kafka is at
// hand and for tests.
//
// It owns starting a broker on a loopback address and keeping its topics in a folder. It never
// listens on an address that other machines reach, and it is no place for data that matters: there
// is one copy, and a crash of the process may lose what was written last.
//
// Invariants:
//
//	B1  A broker listens on a loopback address only.
//	B2  Close waits until everything is in the folder; the next broker there goes on with it.
//	B3  A reader of committed records sees no record of an aborted transaction.
//
// Below: the client library's fake cluster. Above: the command.
package devbroker
