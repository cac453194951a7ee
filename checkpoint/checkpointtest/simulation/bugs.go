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
)

// Bugs lists every bug.
func Bugs() []Bug {
	return []Bug{
		BugSkipFileSync, BugSkipFolderSync, BugRenameFence, BugNoListing, BugPublishEarly,
		BugReusePendingName, BugDecideEarly, BugRecoverOwnTasks, BugSkipRecover, BugPositionAhead,
		BugPositionBehind, BugAcknowledgeEarly, BugAbortAfterDecide, BugCleanAnyClaim,
		BugCollectLate, BugCommitWhenFenced, BugForgetFoundSplits, BugRestartWithoutClaim,
	}
}
