// Package connectortest holds the conformance suites that every source, sink and file system must
// pass. A connector's test is a harness, which tells how to open the thing under test, and one call
// of RunFileSystem, RunSource or RunSink.
//
// It owns what the contracts mean where words leave room. It knows no connector.
//
// Below: connectors, connectors/filesystem, checkpoint. Above: the tests of connectors.
package connectortest
