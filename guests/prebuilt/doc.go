// Package prebuilt holds modules in many languages, built and committed, so that tests run them on
// a machine that has none of the languages' tools.
//
// It owns the manifests beside the modules: what a module is, what it was made of and with, and the
// hashes that tie the two together. It never builds a module; `make guests-rebuild` does, and
// records the hashes with the program in stamp.
//
// Invariants:
//
//	B1  Every module has a manifest of its name, and the other way around.
//	B2  A module is the one its manifest has the hash of, and so are its sources: who changes a
//	    source builds anew.
//
// Below: nothing. Above: tests of host/conformance and examples.
package prebuilt
