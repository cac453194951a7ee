// Command fuzz gives every decoder of foreign bytes its share of fuzzing: the frames and answers of
// guests, modules from the first byte to the running instance, what plugins say of themselves, and
// files that others wrote.
//
// It owns which targets stand for which subject, how their processor time is counted, and which of
// the inputs that were found are worth keeping beside the tests. What is wrong with an input is the
// targets' business, which stand in the packages they test.
//
// Invariants:
//
//	F1  A minute is a minute of processor time, user and system, of the processes that fuzz, as
//	    the kernel counted it when they ended. Building them does not count.
//	F2  A report is of one run. A later run goes on with the inputs of the earlier ones, not with
//	    their minutes.
//	F3  Nothing that was found is lost: failing inputs stand in the package's testdata/fuzz, where
//	    every later test runs them, and the exit code tells of them.
//	F4  What is kept beside the tests has a bound.
//
// Above, below: nothing.
package main
