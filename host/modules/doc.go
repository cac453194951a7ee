// Package modules gets the bytes of plugins from where a job file or a swap says they are, and
// makes sure that they are the bytes that were meant.
//
// It owns references to modules (a path, a URL of a file system, https:// and oci://), the fetching
// of them with its limits, the cache of what was fetched, digests and signatures. It never looks
// into a module beyond its first four bytes, compiles nothing and decides nothing about swaps.
//
// Invariants:
//
//	M1. What Load returns has the digest that the reference or the pin names, where one does, and a
//	    valid signature, where a public key is given. Both are checked before anybody parses it.
//	M2. Nothing travels without TLS, but to this machine where a job file says plain_http; a redirect
//	    is bound by the same rule.
//	M3. Credentials go to the server that the job file's own reference names, and to the place where
//	    that one sends for a token; neither they nor anything else of fetch.tls is used where a
//	    redirect leads to another server. Docker's credentials go to the registry they were stored
//	    for.
//	M4. Nothing is read beyond the limit of its kind, whatever a server says of its length.
//	M5. The cache is keyed by digest and every byte that leaves it is hashed again, so it can be lost
//	    or damaged, but cannot lie. Which signatures there are is asked anew each time: taking one
//	    away takes effect.
//	M6. No message holds a credential, the query of a URL, or the place a redirect leads to.
//	M7. Load returns by the end of its context, also when a path waits in the operating system: what
//	    is no regular file is not opened, and a mount that hangs is waited for by a goroutine that
//	    nobody waits for.
//
// Below: connectors, connectors/transport and host/regular. Beside: host/guest, which reads the
// module. Above: host/config, which checks references, host and the commands.
package modules
