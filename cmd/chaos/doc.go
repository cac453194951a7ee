// Command chaos is the kill test: a job of two million lines is killed a hundred times, at every
// failpoint, frozen and taken over, restarted with other parallelisms, and then every line has to
// be there exactly once.
//
// With -kafka it is a job between topics of three brokers, which suffer, too: leaders, coordinators
// and controllers are killed, connections are cut, stalled and slowed down, and the job is down for
// longer than its transaction may last. A reader follows the output all the time.
//
// With -swaps it is two jobs, into folders and between topics, whose plugin is replaced a thousand
// times while they work, by good versions and by ones that are broken in six ways, and which are
// killed in the middle. Every version marks its records: each epoch has to be made by the one
// version that its record in the log names, whatever happened.
//
// With -hdfs and -s3 the job writes to a real HDFS or S3 server, where it decides, too, and dies at
// every step in the life of a part; the servers die as well.
//
// It owns the files and topics the job reads and the judgement of what it wrote. How processes are
// treated is checkpoint/checkpointtest/chaos's.
//
// Below: checkpoint/checkpointtest/chaos, checkpoint/failpoint. Above: the Makefile.
package main
