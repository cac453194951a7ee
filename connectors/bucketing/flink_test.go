package bucketing

import (
	"flag"
	"testing"

	"github.com/wasmflow/wasmflow/connectors/connectortest"
)

var update = flag.Bool("update", false, "write golden files and the generated table")

// upstream is a connectortest.Upstream that reads as a row of a table.
type upstream struct {
	name string
	run  func(*ground)
	note string
}

const (
	closesAtEpoch = "an epoch closes every part (B1), so parts that Flink keeps open over a " +
		"checkpoint are published with it"
	oldState = "is about the binary state of old Flink versions"
	isHadoop = "is about Hadoop's settings, which come from its own files here and not from code"
)

// TestUpstream runs, by their own names, Flink's tests of its two file sinks, with what a reader
// sees as the measure: which rows, each once, in files that never change. Where counts of files are
// asserted they are those of Flink unless a note says why not. This one runs on a disk in memory;
// TestUpstreamOn runs the same on real file systems.
func TestUpstream(t *testing.T) {
	connectortest.UpstreamPage{
		Page: "flink-bucketing.md", Package: "connectors/bucketing",
		Title: "Flink's file sinks, test by test",
		Intro: "What becomes of the tests of BucketingSink and StreamingFileSink in the sink " +
			"`bucketing`. A test that runs is found under its own name below `TestUpstream` in " +
			"connectors/bucketing and checks what a reader sees: which rows, each once, in files " +
			"that never change. All of them run on a disk in memory, on the machine's own disk, on a " +
			"real HDFS and on a real S3 server.",
		Files: upstreamFiles(),
	}.Run(t, *update)
}

// upstreamFiles is the table as the page has it, with tests on a disk in memory.
func upstreamFiles() []connectortest.UpstreamFile {
	var files []connectortest.UpstreamFile
	for _, file := range upstreamRows() {
		f := connectortest.UpstreamFile{Name: file.name}
		for _, u := range file.rows {
			test := connectortest.Upstream{Name: u.name, Note: u.note}
			if u.run != nil {
				test.Run = func(t *testing.T) { u.run(&ground{T: t}) }
			}
			f.Tests = append(f.Tests, test)
		}
		files = append(files, f)
	}
	return files
}

// upstreamClass is the tests of one class.
type upstreamClass struct {
	name string
	rows []upstream
}

// upstreamRows is the table.
func upstreamRows() []upstreamClass {
	return []upstreamClass{
		{"BucketingSinkTest", bucketingSinkTests()},
		{"BucketingSinkFaultToleranceITCase", []upstream{{"runCheckpointedProgram", faultTolerance,
			"no valid-length files: a visible file holds nothing that must not be read"}}},
		{"BucketingSinkFsInitTest", fsInitTests()},
		{"BucketingSinkMigrationTest", []upstream{{"testRestore", nil, oldState}}},
		{"DateTimeBucketerTest", dateTimeTests()},
		{"StringWriterTest", stringWriterTests()},
		{"SequenceFileWriterTest", []upstream{{"testDuplicate", sequenceFileOfEveryBucket,
			"a writer is made for every part; there is none to duplicate"}}},
		{"AvroKeyValueSinkWriterTest", []upstream{{"testDuplicate", avroFileOfEveryBucket,
			"a writer is made for every part; there is none to duplicate"}}},
		{"LocalStreamingFileSinkTest", streamingSinkTests()},
		{"RollingPolicyTest", rollingPolicyTests()},
		{"BulkWriterTest", bulkWriterTests()},
		{"BucketsTest", bucketsTests()},
		{"BucketTest", bucketTests()},
		{"BucketStateSerializerTest", bucketStateTests()},
		{"DateTimeBucketAssignerTest", dateTimeTests()},
		{"BucketAssignerITCases", []upstream{{"testAssembleBucketPath", assembleBucketPath, ""}}},
		{"AbstractRecoverableWriterTest", recoverableTests()},
		{"HadoopRecoverableWriterOldHadoopWithNoTruncateSupportTest", hadoopTests()},
	}
}

func bucketingSinkTests() []upstream {
	const partIndex = "a name holds job, claim and nonce, so it is new without being probed for; " +
		"what stands there is left as it is"
	return []upstream{
		{"testClosingWithoutInput", closingWithoutInput, ""},
		{"testInactivityPeriodWithLateNotify", inactivityWithLateNotify, ""},
		{"testBucketStateTransitions", bucketStateTransitions,
			closesAtEpoch + "; an open file of a crash is removed by the next claim, not left"},
		{"testSameParallelismWithShufflingStates", rescale(2, 2, "a", "b", "c"),
			closesAtEpoch + "; committables are finished by one committer, whoever wrote them"},
		{"testScalingDown", rescale(3, 2, "a", "b", "c", "d"), closesAtEpoch},
		{"testScalingUp", rescale(2, 3, "a", "b", "c", "d", "e"), closesAtEpoch},
		{"testRolloverInterval", rolloverInterval, closesAtEpoch},
		{"testNonRollingStringWriter", nonRollingStringWriter,
			"Flink's runs without checkpoints and with an empty pending name; here the final epoch " +
				"of bounded input publishes"},
		{"testNonRollingSequenceFileWithoutCompressionWriter", nonRollingSequenceFile,
			"checked byte by byte"},
		{"testNonRollingAvroKeyValueWithCompressionWriter", nonRollingAvro,
			"the schema of a pair is one schema here, and values are JSON that fits it"},
		{"testDateTimeRollingStringWriter", dateTimeRolling, ""},
		{"testCustomBucketing", customBucketing, ""},
		{"testCustomBucketingInactiveBucketCleanup", inactiveBucketCleanup, ""},
		{"testUserDefinedConfiguration", nil, isHadoop},
		{"testThatPartIndexIsIncrementedWhenPartSuffixIsSpecifiedAndPreviousPartFileInProgressState",
			partIndexIncremented(".my", "part-0-0.my.in-progress"), partIndex},
		{"testThatPartIndexIsIncrementedWhenPartSuffixIsSpecifiedAndPreviousPartFileInPendingState",
			partIndexIncremented(".my", "part-0-0.my.pending"), partIndex},
		{"testThatPartIndexIsIncrementedWhenPartSuffixIsSpecifiedAndPreviousPartFileInFinalState",
			partIndexIncremented(".my", "part-0-0.my"), partIndex},
		{"testThatPartIndexIsIncrementedWhenPartSuffixIsNotSpecifiedAndPreviousPartFileInProgressState",
			partIndexIncremented("", "part-0-0.in-progress"), partIndex},
		{"testThatPartIndexIsIncrementedWhenPartSuffixIsNotSpecifiedAndPreviousPartFileInPendingState",
			partIndexIncremented("", "part-0-0.pending"), partIndex},
		{"testThatPartIndexIsIncrementedWhenPartSuffixIsNotSpecifiedAndPreviousPartFileInFinalState",
			partIndexIncremented("", "part-0-0"), partIndex},
	}
}

func fsInitTests() []upstream {
	return []upstream{
		{"testInitForLocalFileSystem", initFileSystem, ""},
		{"testInitForHadoopFileSystem", initFileSystem, ""},
		{"testInitForUnsupportedFileSystem", initUnsupported, ""},
	}
}

func dateTimeTests() []upstream {
	return []upstream{
		{"testGetBucketPathWithSpecifiedTimezone", dateTimeBucketer(defaultPattern, "2018-08-03--23"),
			""},
		{"testGetBucketPathWithSpecifiedFormatString",
			dateTimeBucketer("yyyy-MM-dd-HH", "2018-08-03-23"), ""},
	}
}

func stringWriterTests() []upstream {
	return []upstream{
		{"testDuplicate", stringWriterOfEveryBucket,
			"the writer of text is made from the settings for every part, not copied"},
		{"testMultiRowdelimiters", stringWriter, ""},
	}
}

func streamingSinkTests() []upstream {
	return []upstream{
		{"testClosingWithoutInitializingStateShouldNotFail", closingWithoutWriters, ""},
		{"testTruncateAfterRecoveryAndOverwrite", truncateAfterRecovery,
			"nothing is cut and no name is used twice: the rows written after the checkpoint were in " +
				"parts of their own, which the next claim removes"},
		{"testCommitStagedFilesInCorrectOrder", commitInOrder, closesAtEpoch},
		{"testInactivityPeriodWithLateNotify", inactivityWithLateNotify, ""},
		{"testClosingOnSnapshot", closingOnSnapshot,
			"close removes what was not prepared instead of leaving it"},
		{"testClosingWithCustomizedBucketer", closingWithCustomBucketer,
			"names of buckets are text; an integer is its digits"},
		{"testScalingDownAndMergingOfStates", rescale(2, 1, "test1", "test2", "test1"),
			closesAtEpoch + "; nothing is merged because nothing is open"},
		{"testClosingWithoutInput", closingWithoutInput, ""},
	}
}

func rollingPolicyTests() []upstream {
	const fixed = "age is checked as strictly above rollover_interval, as BucketingSink does"
	return []upstream{
		{"testDefaultRollingPolicy", defaultRollingPolicy, closesAtEpoch + "; " + fixed},
		{"testDefaultRollingPolicyDeprecatedCreate", defaultRollingPolicy, closesAtEpoch},
		{"testRollOnCheckpointPolicy", rollOnCheckpoint, ""},
		{"testCustomRollingPolicy", customRollingPolicy,
			"rolling is set by keys; code that decides is not offered"},
	}
}

func bulkWriterTests() []upstream {
	return []upstream{
		{"testCustomBulkWriter", partConfig("part", ""), ""},
		{"testCustomBulkWriterWithBucketAssigner", partConfig("part", ""), ""},
		{"testCustomBulkWriterWithPartConfig", partConfig("prefix", ".ext"), ""},
	}
}

func bucketsTests() []upstream {
	return []upstream{
		{"testSnapshotAndRestore", snapshotAndRestore, ""},
		{"testMergeAtScaleInAndMaxCounterAtRecovery", rescale(2, 1, "test1", "test1", "test1"),
			"numbers begin at 0 with every claim, whose number is in the name"},
		{"testOnProcessingTime", onProcessingTime, ""},
		{"testBucketIsRemovedWhenNotActive", bucketIsRemoved, ""},
		{"testPartCounterAfterBucketResurrection", partCounterGoesOn, ""},
		{"testContextPassingNormalExecution", timestampReachesBucketer, ""},
		{"testContextPassingNullTimestamp", nullTimestamp,
			"a record without a timestamp is a fault under event time and falls back to the clock " +
				"under record time"},
	}
}

func bucketTests() []upstream {
	const restored = "an epoch closes the part (B1), so restoring it is publishing it"
	return []upstream{
		{"shouldNotCleanupResumablesThatArePartOfTheAckedCheckpoint", commitKeepsLaterParts, ""},
		{"shouldCleanupOutdatedResumablesOnCheckpointAck", strayIsCleaned,
			"what no epoch names goes with the next claim, not with the next checkpoint"},
		{"shouldCleanupResumableAfterRestoring", restoringLeavesNothing, ""},
		{"shouldNotCallCleanupWithoutInProgressPartFiles", emptyEpochsTouchNothing, ""},
		{"inProgressFileShouldBeCommittedIfWriterDoesNotSupportResume", recoverAfter("", "test"), ""},
		{"inProgressFileShouldBeRestoredIfWriterSupportsResume", recoverAfter("", "test"), restored},
		{"pendingFilesShouldBeRestored", snapshotAndRestore, ""},
	}
}

func bucketStateTests() []upstream {
	return []upstream{
		{"testSerializationEmpty", emptyEpoch, "an epoch without parts has no committables"},
		{"testSerializationOnlyInProgress", openPartTravels, "the open part of an epoch is a closed one"},
		{"testSerializationFull", committableRoundTrip, "each part is a committable of its own"},
		{"testSerializationNullInProgress", committableRoundTrip, ""},
	}
}

func recoverableTests() []upstream {
	const otherFiles = "what comes after a restart is in parts of its own: a part is never appended " +
		"to again, so there is no length to cut to"
	return []upstream{
		{"testCloseWithNoData", closeWithNoData, ""},
		{"testCommitAfterNormalClose", commitAfterClose, ""},
		{"testCommitAfterPersist", commitAfterPersist, ""},
		{"testRecoverWithEmptyState", recoverAfter("test1", ""), otherFiles},
		{"testRecoverWithState", recoverAfter("test2", "test1"), otherFiles},
		{"testRecoverFromIntermWithoutAdditionalState", recoverAfter("test2", "test1", ""), otherFiles},
		{"testRecoverAfterMultiplePersistsState", recoverAfter("", "test1", "test2"), otherFiles},
		{"testCommitAfterRecovery", recoverAfter("", "test1", "", "test2"), otherFiles},
		{"testExceptionWritingAfterCloseForCommit", writeAfterClose, ""},
		{"testResumeAfterCommit", resumeAfterCommit,
			"committing again is no error and changes nothing; writing again is one"},
		{"testResumeWithWrongOffset", damagedPart,
			"a pending part of another length than it was closed with is an error"},
	}
}

func hadoopTests() []upstream {
	return []upstream{
		{"testWriteAndCommitWorks", commitAfterClose, ""},
		{"testRecoveryAfterClosingForCommitWorks", recoverAfter("", "test"), ""},
		{"testExceptionThrownWhenRecoveringWithInProgressFile", strayIsCleaned,
			"nothing is ever cut, so it is no error that a system cannot: an open file of a crash is " +
				"removed, and its rows come again"},
	}
}
