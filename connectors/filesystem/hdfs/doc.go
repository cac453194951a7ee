// Package hdfs is the file-system contract on the Hadoop Distributed File System.
//
// It owns the connections to NameNodes and DataNodes, what is done when they are away for a while,
// and the order of calls that makes a part whole before it is named. It never appends, never
// recovers a lease and never decides which pending files are strays: callers do.
//
// A part lives through these steps:
//
//	CreatePending  mkdir -p <root>/.wasmflow/<job>; create <part>.<claim>.pending
//	Close          write, close, compare the length that the NameNode knows   -> token
//	Publish        mkdir -p target's folder; rename
//	Discard        delete the pending name
//
// Invariants:
//
//	D1  A writer is fail-stop: after the first error of a write or a close nothing more is called
//	    on it but the removal of its file. The client library answers a second Close after a
//	    failed one as if it were the benign wait for replicas, while bytes are lost.
//	D2  A file gets a token only when the NameNode knows it closed with the length written.
//	D3  Rename of the client library replaces what stands under the new name. Publish looks before
//	    it, and targets of parts are names that are never used twice; where the name decides,
//	    PublishExclusive renames through WebHDFS, which replaces nothing.
//	D4  A call whose answer is lost is done again only where a second one cannot do harm, or after
//	    looking what the first one did.
//	D5  No call waits for ever: every read and write of a connection has a deadline, and one that
//	    failed is closed, because the answer to an abandoned call would be taken for the next one's.
//
// Below: connectors (classes of errors), connectors/filesystem. Above: cmd, which chooses it for
// hdfs: URLs.
package hdfs
