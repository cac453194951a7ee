package simulation

// Bug is a mistake that the simulation makes on purpose.
type Bug string

// The bugs. Each is a mistake that somebody has made in a system like this one.
const (
	NoBug Bug = ""

	BugSkipFileSync        Bug = "skip fsync of files"
	BugSkipFolderSync      Bug = "skip fsync of folders"
	BugRenameFence         Bug = "fence by a plain rename"
	BugNoListing           Bug = "do not look for higher records after publishing"
	BugPublishEarly        Bug = "publish before the decision"
	BugReusePendingName    Bug = "re-use the name of a pending part"
	BugDecideEarly         Bug = "decide without waiting for all tasks"
	BugRecoverOwnTasks     Bug = "recover only the committables of tasks that exist"
	BugSkipRecover         Bug = "skip the recovery of sinks"
	BugPositionAhead       Bug = "snapshot one record too far"
	BugPositionBehind      Bug = "snapshot one record too short"
	BugAcknowledgeEarly    Bug = "acknowledge before the commit"
	BugAbortAfterDecide    Bug = "discard after Decide was called"
	BugCleanAnyClaim       Bug = "clean up the pending parts of any claim"
	BugCollectLate         Bug = "collect the splits after handing one out"
	BugCommitWhenFenced    Bug = "commit although fenced"
	BugForgetFoundSplits   Bug = "adopt the enumerator's state without the splits it found"
	BugRestartWithoutClaim Bug = "restart tasks from memory instead of the last decided epoch"
	BugReadInPause         Bug = "read on in a pause"
)

// The bugs of a log in a topic and of the sinks that join it.
const (
	BugReadBeforeFence    Bug = "read the log before the fence and not after it"
	BugNoWait             Bug = "claim at once after being fenced"
	BugIgnoreFailedRecord Bug = "commit although a record of the transaction failed"
	BugRetryEndLater      Bug = "answer an unknown end with another transaction"
	BugStageIntoOld       Bug = "produce staged records into the old transaction"
	BugKeepStages         Bug = "keep staged records over a restart"
	BugDiscardUnknown     Bug = "discard parts after an unknown outcome"
	BugSkipClaimRecord    Bug = "recover without a claim record"
	BugReadUncommitted    Bug = "read the last record without regard to transactions"
	BugEmptyIsFresh       Bug = "take an empty log for a new job"
	BugImportWithoutSeal  Bug = "import without a seal"
	BugOwnProducer        Bug = "a transactional id of each process's own"
	BugRecordApart        Bug = "commit record in a transaction of its own"
	BugFencedIsDone       Bug = "take a fenced end for a commit"
	// BugOldBroker is no mistake of ours, but what the warning about old brokers is for.
	BugOldBroker Bug = "one producer epoch for many transactions, as before transaction version 2"
)

// TopicBugs lists the bugs that only a log in a topic can have.
func TopicBugs() []Bug {
	return []Bug{
		BugReadBeforeFence, BugNoWait, BugIgnoreFailedRecord, BugRetryEndLater, BugStageIntoOld,
		BugKeepStages, BugDiscardUnknown, BugSkipClaimRecord, BugReadUncommitted, BugEmptyIsFresh,
		BugImportWithoutSeal, BugOwnProducer, BugRecordApart, BugFencedIsDone,
		BugOldBroker,
	}
}

// StoreBugs lists the bugs of the store log, and those that any log can have.
func StoreBugs() []Bug {
	return []Bug{
		BugSkipFileSync, BugSkipFolderSync, BugRenameFence, BugNoListing, BugPublishEarly,
		BugReusePendingName, BugDecideEarly, BugRecoverOwnTasks, BugSkipRecover, BugPositionAhead,
		BugPositionBehind, BugAcknowledgeEarly, BugAbortAfterDecide, BugCleanAnyClaim,
		BugCollectLate, BugCommitWhenFenced, BugForgetFoundSplits, BugRestartWithoutClaim,
		BugReadInPause,
	}
}
