// Package txlog is the commit log in a transactional topic: the commit record of an epoch is in the
// same transaction as the epoch's output, and the end of that transaction decides.
//
// The package owns the order of fencing, reading back and publishing, and the meaning of the
// records. It never speaks to a broker: a Session does. It never touches output of sinks.
//
// Neighbours: checkpoint (the contracts), checkpoint/storelog (the same contract in a folder).
package txlog
