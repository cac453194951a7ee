package checkpoint

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ConsequencesOfFresh says in words what a start that begins anew does to output that is there
// already. last is the newest decided epoch.
func ConsequencesOfFresh(last Manifest) string {
	return fmt.Sprintf("job %q begins anew although it has decided epochs up to %d (%s): the "+
		"sources %s are read from their start modes again, and everything written since the "+
		"first run is written a second time. Output of the last decided epoch is still "+
		"published.", last.JobName, last.Epoch, stamp(last), sourcesOf(last))
}

// ConsequencesOfRestore says the same of a start that goes back from last to the epoch from.
func ConsequencesOfRestore(last, from Manifest) string {
	return fmt.Sprintf("job %q goes back from epoch %d (%s) to epoch %d (%s): everything that "+
		"was published after epoch %d is written a second time.", last.JobName, last.Epoch,
		stamp(last), from.Epoch, stamp(from), from.Epoch)
}

func stamp(m Manifest) string {
	return time.UnixMilli(m.CreatedMillis).UTC().Format(time.RFC3339)
}

func sourcesOf(m Manifest) string {
	names := make([]string, 0, len(m.Sources))
	for _, s := range m.Sources {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
