// Package chaos runs a job as real processes and does to them what production does: kill -9 at
// random moments and at named failpoints, processes that freeze, are taken over and wake again,
// restarts with another parallelism. Blows strike the world around the job, such as brokers and
// connections, after each of which the job has to get on. Then it asks the ends whether every
// record arrived once.
//
// It owns the order of the cruelties and the processes it starts. What goes in, what comes out and
// how it is judged are the ends' (Ends), so that files, Kafka, HDFS and S3 use the same runner.
//
// Invariants:
//
//	X1  Every choice comes from one seed, printed at the start; timing is the machine's.
//	X2  Every process started here is waited for, whatever happens.
//	X3  A run that did not do what it was asked to (a failpoint never reached, a zombie that was
//	    not fenced) fails: what was not tried is not proven.
//
// Below: nothing of this module but checkpoint/failpoint. Above: cmd/chaos.
package chaos
