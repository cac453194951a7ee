// Package servers starts the real servers that tests and people try connectors against, from
// released artefacts, on loopback ports that are free.
//
// It owns fetching the artefacts (through Maven or the Go tools, once, into a cache folder of the
// user), the configuration of the servers, their processes and their data. It never listens on an
// address that other machines reach, and it knows nothing of what is tested.
//
// Invariants:
//
//	V1  A server dies with the process that started it, also when that is killed.
//	V2  Close has waited for every process, freed every port and removed every file, except for
//	    the cache.
//	V3  A port is used by one server at a time, also across processes: a lock in the cache folder
//	    says so, and ports lie outside the range that outgoing connections take.
//	V4  A file in the cache is complete: it is made beside its place and renamed.
//
// Below: the client library, for asking the servers who leads what. Above: tests of connectors,
// cmd/testservers, cmd/chaos.
package servers
