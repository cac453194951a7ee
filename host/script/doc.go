// Package script makes plugins of scripts: of a file in JavaScript, TypeScript or Python and what
// it imports, packed with the engine that runs it.
//
// It owns the form of what stands in the section wasmflow.script: the file's name, a zero byte, the
// script's text as one ECMAScript module; or name and text of a file in Python and of each module
// that it imports from beside it, with a zero byte between two of them. It never runs a script:
// what a script offers is asked of the packed plugin, like of any other (host/guest).
//
// Invariants:
//
//	S1  The packed plugin is the engine, byte for byte, and one custom section behind it, so that
//	    all scripts are one module to the cache of compiled modules.
//	S2  The same files make the same plugin.
//	S3  A file that imports nothing but "wasmflow" is packed as it stands, so that the lines of a
//	    stack are those of the file.
//	S4  What is read is regular files, and of the script's own no more than a plugin may have.
//
// Below: the prebuilt engines (guests/prebuilt), the format of modules (host/guest/wasm),
// host/regular. Above: the
// command build.
package script
