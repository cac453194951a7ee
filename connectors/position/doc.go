// Package position is the durable positions of sources whose place is a few numbers, and what such
// sources do alike: the enumeration of a single split, and the numbering of the records of a
// stream that cannot be read again.
//
// It owns the bytes of those positions. It reads no input and knows no system. Sources whose
// positions hold names or grow have codecs of their own.
//
// Invariants:
//
//	N1  A position that no version of its source wrote is refused, not guessed at; one of a later
//	    version is checkpoint.ErrNewerFormat.
//	N2  Every start of a Run has a number of its own, so a record's place names it for ever
//	    although the record cannot be read again.
//
// Below: connectors, checkpoint. Above: the sources in connectors.
package position
