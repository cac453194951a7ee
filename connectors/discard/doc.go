// Package discard is a sink that counts records and drops them: for benchmarks, and for jobs
// whose functions do the work.
//
// It owns a counter. It never looks at a record.
//
// Below: connectors. Above: the command's table of connectors, bench.
package discard
