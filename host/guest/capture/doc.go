// Package capture keeps batches that a guest failed on, so that they can be run again elsewhere.
//
// It owns the format of a captured batch (.wfb) and the folder of a plugin's captures. A file holds
// all that a call depends on but for the module: the frame, the place of its records, from which
// randomness derives, function, configuration, limits, clock; and what came of it. It never calls a
// guest: host/operator says what was given, host/replay runs it again.
//
// Invariants:
//
//	K1  A capture is written on failure only, and what keeps it from being written is told and
//	    harms nothing else.
//	K2  Files hold records, so nobody but their owner can read them: 0600, in a folder of 0700. A
//	    folder that was there before is used if nobody else can enter it, and never changed.
//	K3  A folder never holds more of a plugin than its settings allow; the oldest go first.
//	K4  A file is whole or refused: it appears under its name once it is complete, and its digest
//	    covers every byte.
//	K5  A decoder believes no length before it has held it against the bytes that are there.
//	K6  A plugin has a few captures of each cause, those of the first failures, and a few in each
//	    second: a record that fails for ever costs little, and does not push others out.
//
// Above: host/operator, host/replay, host. Below: host/guest, abi.
package capture
