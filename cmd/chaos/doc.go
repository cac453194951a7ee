// Command chaos is the kill test: a job of two million lines is killed a hundred times, at every
// failpoint, frozen and taken over, restarted with other parallelisms, and then every line has to
// be there exactly once.
//
// It owns the files the job reads and the judgement of what it wrote. How processes are treated is
// checkpoint/checkpointtest/chaos's.
//
// Below: checkpoint/checkpointtest/chaos, checkpoint/failpoint. Above: the Makefile.
package main
