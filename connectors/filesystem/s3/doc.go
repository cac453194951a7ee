// Package s3 is the file-system contract on Amazon S3 and on servers that speak its protocol.
//
// It owns the connection to a bucket, what is done when the server is away for a while, and the
// order of calls that makes a part whole before anybody sees it. It never decides what is a stray:
// callers do. It copies only what has to be read before it is published.
//
// A part is a multipart upload to its final key, which shows nothing until it is completed:
//
//	CreatePending  nothing but memory
//	first bytes    put the marker <root>/.wasmflow/<job>/<part>.<claim>.pending, which names the
//	               key; create the upload; look whether the marker is still there
//	Close          upload the last part                       -> token: upload and tags of its parts
//	Publish        look at the key; complete the upload; look again; remove the marker
//	Discard        abort the upload; remove the marker
//
// A part that a caller wants to read before it is published (PendingName.Readable) is an object in
// the marker's place, which says so in its metadata:
//
//	CreatePending  nothing but memory
//	first bytes    only of a part that is longer than one of an upload: as above, to the marker's key
//	Close          put the object, or complete the upload         -> token: path and tag
//	Publish        look at the key; copy the object to it; look again; remove the object
//	Discard        remove the object
//
// Invariants:
//
//	O1  While an upload is open its marker stands: it is put before the upload begins and removed
//	    after the upload ended. Uploads are found by their markers and not by listing all uploads,
//	    which common servers do only for whole keys.
//	O2  Who discards a part whose upload it does not know ends all uploads of the key, removes the
//	    marker and looks for uploads once more. Who begins an upload and finds its marker gone ends
//	    it. One of both sees the other: (1) the marker is removed, (2) an upload begins, (3) its
//	    owner looks for the marker.
//	O3  A part is fail-stop: after the first error nothing more is uploaded.
//	O4  A call whose answer is lost is followed by a look at what stands: objects whose name
//	    decides carry a nonce of the call, parts are known by key and length. One that ends before
//	    it says what came of the call is lost, whatever its status. Nothing is given up on a
//	    server's word alone: a marker goes when the object was seen.
//	O5  Nothing is published exclusively before the server has shown that it refuses a second
//	    object under a name: there are servers that ignore the condition.
//	O6  No call waits for ever, and what is tried again is tried within a bound.
//	O7  A staged object is removed only when its copy was seen, or when nobody needs it. So a copy of
//	    a dead owner that the server carries out late finds no source once the part was published:
//	    whoever took the published object away does not see it come back. Only the object that was
//	    written is copied: its tag is asked for.
//	O8  What is put in the place of a staged object is put where nothing stands: a put that the
//	    server carries out late neither replaces a part by its marker nor gives it another tag.
//
// Below: checkpoint/failpoint, connectors (classes of errors), connectors/filesystem. Above: cmd,
// which chooses it for s3: URLs.
package s3
