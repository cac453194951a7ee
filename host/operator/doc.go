// Package operator runs the functions of guests over batches: deserializers, transforms,
// serializers, partitioners and bucket assigners behind the contracts of package connectors.
//
// It owns the way of a record into a guest and back: cutting a batch into frames, writing them in
// place into the guest's memory, calling until every record is consumed, copying what came back
// into the output batch, ordinals, and the search for the record that made a guest trap. It knows
// neither tasks nor jobs, and does not decide what happens to a record that failed: that is
// reported as a fault.
//
// Invariants:
//
//	O1  Outputs stand in the order of their parents, faults in that of their records, whatever
//	    traps in between.
//	O2  A record with a fault has no output, even if it had more to say and failed later.
//	O3  A trap costs its neighbours nothing but time: those before and after the culprit run
//	    again, and the culprit alone in a fresh instance, whose verdict counts.
//	O4  Bytes of an output batch belong to that batch or to the input batch, never to a guest:
//	    they outlive the next call.
//	O5  Nothing is allocated per record that succeeds, nor per call once buffers have grown.
//	O6  An instance whose output broke the contract is not entered again.
//	O7  A plugin that has spent its crash budget is not called, by no task, from the next frame on;
//	    what its policy does with a record leaves the record one fate, as a call would.
//
// Below: abi, connectors, host/guest. Above: host/conformance, host.
package operator
