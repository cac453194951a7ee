package bucketing

import "errors"

var (
	// errPartsMax ends a job whose bucketer names a new bucket for nearly every record: each
	// would become a file and a line of the manifest. Restarting would only do it again.
	errPartsMax = errors.New("too many parts in one epoch")
	// errNoJob is a bug of the caller: names of parts need the claim.
	errNoJob = errors.New("job id and claim must be known before a writer or committer is opened")
)
