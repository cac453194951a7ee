// Package registry asks a schema registry that speaks the API of Confluent's, and knows the header
// that its serializers put before a message.
//
// It owns the connection, how long an answer is waited for, the words for a refusal, what is
// cached, and the names of subjects. It never reads a schema: the formats do, and hand what they
// made of one back to be kept.
//
// Invariants:
//
//	R1  A schema of an id never changes, so an answer is asked for once in each task.
//	R2  A registry that does not answer is asked again for Options.Patience; then the error is one
//	    that connectors.Classify calls retryable. What asking again cannot mend is permanent.
//	R3  An id that the registry does not know concerns the record that bears it: a
//	    *format.Refusal.
//	R4  Credentials stand in no error and no log.
//	R5  Nothing is registered in a dry run.
//
// Below: connectors, connectors/transport. Above: the formats that have schemas.
package registry
