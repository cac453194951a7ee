package failpoint

import "slices"

// EnvVar is the environment variable that arms places in a build with the tag "failpoints".
const EnvVar = "WASMFLOW_FAILPOINTS"

// table lists every place as "package/where", sorted, each with one call of Hit in the repository.
var table = [...]string{
	"bucketing/after-close",
	"bucketing/after-commit",
	"bucketing/after-create",
	"bucketing/after-drop",
	"bucketing/after-join",
	"bucketing/after-prepare",
	"bucketing/after-publish",
	"bucketing/after-run",
	"bucketing/after-stray",
	"bucketing/before-discard",
	"bucketing/before-drop",
	"bucketing/before-publish",
	"bucketing/before-strays",
	"file/after-live",
	"file/after-prepare",
	"file/after-rewind",
	"file/after-show",
	"file/after-write",
	"local/after-link",
	"storelog/after-applied",
	"storelog/before-applied",
	"storelog/claim-after-publish",
	"storelog/claim-before-publish",
	"storelog/claimed",
	"storelog/decide-after-publish",
	"storelog/decide-before-publish",
	"storelog/decided",
	"storelog/retain-before-remove",
	"storelog/sealed",
	"storelog/store-module",
	"swap/before-store",
	"swap/compared",
	"swap/decided",
	"swap/exchanged",
	"swap/loaded",
	"swap/opened",
	"swap/stored",
	"swap/taken",
	"txlog/after-applied",
	"txlog/before-applied",
	"txlog/claim-after-commit",
	"txlog/claim-after-fence",
	"txlog/claim-before-commit",
	"txlog/claim-before-fence",
	"txlog/claimed",
	"txlog/decide-after-commit",
	"txlog/decide-before-append",
	"txlog/decide-before-commit",
	"txlog/decided",
	"txlog/sealed",
}

// Names returns every place there is, sorted.
func Names() []string { return slices.Clone(table[:]) }
