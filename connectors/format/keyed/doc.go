// Package keyed puts a function that works on keys beside one that works on values.
//
// It owns the order of the two and the faults: a fault names the record that came in, whichever of
// the two refused it. It knows no format.
//
// Invariants:
//
//	K1  Keys are deserialized before values and serialized after them: the function of values,
//	    which may be a guest's, sees a key that it can read.
//	K2  A function of keys sees the record with key and value in each other's place. It makes one
//	    record of each or a fault.
//	K3  What goes to the dead letters is the record that came in, with its key and value as they
//	    were.
//
// Below: connectors. Above: host, which opens the functions of a job.
package keyed
