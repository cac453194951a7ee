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
	run  func(*testing.T)
	note string
}

const (
	closesAtEpoch = "an epoch closes every part (B1), so parts that Flink keeps open over a " +
		"checkpoint are published with it"
	neverResumes = "nothing is ever appended to after a restart: a part ends with its epoch, so " +
		"there is no length to cut to and no state of an open file"
	byFormat = "is a matter of the format, which a local file of text does not have"
	oldState = "is about the binary state of old Flink versions"
	isHadoop = "is about Hadoop's client, which a local disk does not use"
)

// TestUpstream runs, by their own names, Flink's tests of its two file sinks as far as a local
// file system goes, with what a reader sees as the measure: which rows, each once, in files that
// never change. Where counts of files are asserted they are those of Flink unless a note says why
// not.
func TestUpstream(t *testing.T) { connectortest.RunUpstream(t, upstreamFiles()) }

// TestUpstreamTable holds docs/flink-bucketing.md to the table below.
func TestUpstreamTable(t *testing.T) {
	connectortest.CheckUpstreamPage(t, connectortest.UpstreamPage{
		Path:    "../../docs/flink-bucketing.md",
		Package: "connectors/bucketing",
		Title:   "Flink's file sinks, test by test",
		Intro: "What becomes of the tests of BucketingSink and StreamingFileSink in the sink " +
			"`bucketing`. A test that runs is found under its own name below `TestUpstream` in " +
			"connectors/bucketing and checks what a reader sees: which rows, each once, in files " +
			"that never change.",
	}, upstreamFiles(), *update)
}

// upstreamFiles is the table.
func upstreamFiles() []connectortest.UpstreamFile {
	var files []connectortest.UpstreamFile
	for _, file := range []struct {
		name string
		rows []upstream
	}{
		{"BucketingSinkTest", bucketingSinkTests()},
		{"BucketingSink, other tests", bucketingOtherTests()},
		{"LocalStreamingFileSinkTest", streamingSinkTests()},
		{"RollingPolicyTest", rollingPolicyTests()},
		{"BulkWriterTest", bulkWriterTests()},
		{"BucketsTest", bucketsTests()},
		{"BucketTest", bucketTests()},
		{"BucketStateSerializerTest", bucketStateTests()},
		{"DateTimeBucketAssignerTest, BucketAssignerITCases", assignerTests()},
		{"AbstractRecoverableWriterTest", recoverableTests()},
		{"HadoopRecoverableWriterTest", hadoopTests()},
	} {
		f := connectortest.UpstreamFile{Name: file.name}
		for _, u := range file.rows {
			f.Tests = append(f.Tests, connectortest.Upstream{Name: u.name, Run: u.run, Note: u.note})
		}
		files = append(files, f)
	}
	return files
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
		{"testNonRollingSequenceFileWithoutCompressionWriter", nil, "SequenceFile " + byFormat},
		{"testNonRollingAvroKeyValueWithCompressionWriter", nil, "Avro " + byFormat},
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

func bucketingOtherTests() []upstream {
	return []upstream{
		{"BucketingSinkFaultToleranceITCase", faultTolerance,
			"no valid-length files: a visible file holds nothing that must not be read"},
		{"BucketingSinkFsInitTest.testInitForLocalFileSystem", initLocal, ""},
		{"BucketingSinkFsInitTest.testInitForHadoopFileSystem", nil, isHadoop},
		{"BucketingSinkFsInitTest.testInitForUnsupportedFileSystem", initUnsupported, ""},
		{"BucketingSinkMigrationTest", nil, oldState},
		{"DateTimeBucketerTest", dateTimeBucketer, ""},
		{"StringWriterTest", stringWriter,
			"duplicate() does not exist: writers of text have no state between records"},
		{"SequenceFileWriterTest", nil, "SequenceFile " + byFormat},
		{"AvroKeyValueSinkWriterTest", nil, "Avro " + byFormat},
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
		{"testCustomRollingPolicy", nil, "rolling is set by keys; code that decides is not offered"},
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
	const cleanup = "resumable state of a part does not exist"
	return []upstream{
		{"shouldNotCleanupResumablesThatArePartOfTheAckedCheckpoint", nil, cleanup},
		{"shouldCleanupOutdatedResumablesOnCheckpointAck", nil, cleanup},
		{"shouldNotCallCleanupWithoutInProgressPartFiles", nil, cleanup},
		{"inProgressFileShouldBeCommittedIfWriterDoesNotSupportResume", snapshotAndRestore, ""},
		{"inProgressFileShouldBeRestoredIfWriterSupportsResume", nil, neverResumes},
		{"pendingFilesShouldBeRestored", snapshotAndRestore, ""},
	}
}

func bucketStateTests() []upstream {
	return []upstream{
		{"testSerializationEmpty", emptyEpoch, "an epoch without parts has no committables"},
		{"testSerializationOnlyInProgress", nil, neverResumes},
		{"testSerializationFull", committableRoundTrip, "each part is a committable of its own"},
		{"testSerializationNullInProgress", committableRoundTrip, ""},
	}
}

func assignerTests() []upstream {
	return []upstream{
		{"testGetBucketPathWithSpecifiedTimezone", dateTimeBucketer, ""},
		{"testGetBucketPathWithSpecifiedFormatString", dateTimeBucketer, ""},
		{"testAssembleBucketPath", assembleBucketPath, ""},
	}
}

func recoverableTests() []upstream {
	return []upstream{
		{"testCloseWithNoData", nil, "a part without records is not published; an empty file " +
			"through the file-system contract is (connectortest, \"empty part is published\")"},
		{"testCommitAfterNormalClose", commitAfterClose, ""},
		{"testCommitAfterPersist", nil, neverResumes},
		{"testRecoverWithEmptyState", nil, neverResumes},
		{"testRecoverWithState", nil, neverResumes},
		{"testRecoverFromIntermWithoutAdditionalState", nil, neverResumes},
		{"testRecoverAfterMultiplePersistsState", nil, neverResumes},
		{"testCommitAfterRecovery", snapshotAndRestore, ""},
		{"testExceptionWritingAfterCloseForCommit", writeAfterClose, ""},
		{"testResumeAfterCommit", nil, neverResumes},
		{"testResumeWithWrongOffset", damagedPart,
			"a pending part of another length than it was closed with is an error"},
	}
}

func hadoopTests() []upstream {
	return []upstream{
		{"HadoopRecoverableWriterOldHadoopWithNoTruncateSupportTest", nil, isHadoop},
	}
}
