package bucketing

import (
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

// FilesPerHour implements connectors.FileRate. Every epoch closes every part (B1), so each task
// makes a file an epoch of a folder that it writes to, unless parts are joined: then the folder
// gets one an epoch, or one in the time for which parts are held, whichever is longer. Files that
// are closed for their size are not counted: these are large.
func (c *Config) FilesPerHour(tasks int, epoch time.Duration) (float64, string) {
	if epoch <= 0 {
		return 0, "nothing is published before the end"
	}
	if !c.Compact.On {
		return float64(tasks) * perHour(epoch), fmt.Sprintf("tasks x 1h / checkpoint.interval = "+
			"%d x 1h / %s", tasks, epoch)
	}
	groups, text := 1, "1"
	if !c.Compact.Tasks {
		groups, text = tasks, "tasks"
	}
	every := max(epoch, c.Compact.Age.D())
	return float64(groups) * perHour(every), fmt.Sprintf("%s x 1h / the longer of compact.age and "+
		"checkpoint.interval = %d x 1h / %s", text, groups, every)
}

func perHour(every time.Duration) float64 { return float64(time.Hour) / float64(every) }

var _ connectors.FileRate = (*Config)(nil)
