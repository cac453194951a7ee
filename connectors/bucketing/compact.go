package bucketing

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format/files"
)

const (
	// compactOff is the value of the key compact for parts that are published as they are.
	compactOff = "off"
	// compactSizeDefault is an HDFS block: readers split no smaller.
	compactSizeDefault = 128 << 20
	// compactAgeDefault is how much later readers see a record that comes alone.
	compactAgeDefault = 5 * time.Minute
	// compactSizeMin keeps joined parts larger than what a part costs a name node.
	compactSizeMin = 4 << 10
)

// Compact is the value of the key compact.
type Compact struct {
	On    bool
	Size  connectors.Size     // a bucket that holds so much back publishes it
	Age   connectors.Duration // and so does one whose oldest part is so old; 0s: with its epoch
	Tasks bool                // parts of several tasks are joined
}

func defaultCompact() Compact {
	return Compact{
		Size: compactSizeDefault, Age: connectors.Duration(compactAgeDefault), Tasks: true,
	}
}

// String formats c as a job file would.
func (c Compact) String() string {
	if !c.On {
		return fmt.Sprintf("%q", compactOff)
	}
	return fmt.Sprintf("{ size = \"%d\", age = %q, across_tasks = %t }", c.Size, c.Age, c.Tasks)
}

// UnmarshalTOML decodes "off", or a table with what differs from the defaults.
func (c *Compact) UnmarshalTOML(v any) error {
	*c = defaultCompact()
	switch v := v.(type) {
	case string:
		if v != compactOff {
			return fmt.Errorf("%q is not offered; write \"off\" or { age = \"5m\" }", v)
		}
		return nil
	case map[string]any:
		c.On = true
		return c.table(v)
	}
	return fmt.Errorf("want \"off\" or a table, not %T", v)
}

func (c *Compact) table(m map[string]any) error {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		var err error
		switch v := m[key]; key {
		case "size":
			err = c.Size.UnmarshalTOML(v)
		case "age":
			err = c.Age.UnmarshalTOML(v)
		case "across_tasks":
			var ok bool
			if c.Tasks, ok = v.(bool); !ok {
				err = fmt.Errorf("want true or false, not %T", v)
			}
		default:
			return fmt.Errorf("unknown key %q; known are size, age, across_tasks", key)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func (c Compact) validate(p *connectors.Problems, w *files.Options) {
	if !c.On {
		return
	}
	if c.Size < compactSizeMin {
		p.Addf("compact.size", "%d is below %d; name what a file should have at least", c.Size,
			compactSizeMin)
	}
	if slices.Contains(files.Names(), w.Format) {
		if err := w.Joinable(); err != nil {
			p.Addf("compact", "parts cannot be joined: %v; write \"off\", and raise [checkpoint] interval "+
				"and inactive_bucket_threshold for fewer files", err)
		}
	}
}

// errNoPendingReads is why parts cannot be joined on a file system.
var errNoPendingReads = errors.New("this file system cannot read parts before they are published, " +
	"so it cannot join them; write \"off\", and raise [checkpoint] interval for fewer files")

// check tells what the file system cannot do.
func (c Compact) check(fs filesystem.FileSystem) error {
	if _, ok := fs.(filesystem.PendingReader); c.On && !ok {
		return connectors.AtKey("compact", connectors.Permanent(errNoPendingReads))
	}
	return nil
}

// joinTier is how many parts of one tier a bucket holds before they become one of the next. So a
// bucket that is held for long names few parts in every manifest, and a record is copied once for
// every tier: 16 tasks that close a part a second for an hour come to four.
const joinTier = 16

// joinBytesMax is what is copied at most for one epoch, some seconds of a network: the epoch is
// decided after that, and a transaction of Kafka that decides it must not time out.
const joinBytesMax = 1 << 30

// rejoinBytesMax is the same for files whose rows are decoded and encoded again: a core does five to
// ten million values a second, which are some dozens of megabytes, and joinsMax cores work at once.
const rejoinBytesMax = 256 << 20

// batch is parts that are published together, as one file if they are several.
type batch struct {
	parts []*heldPart
	join  bool // they can be one file
	keep  bool // and stay held
}

// plan divides the parts of one group, which are in order, into batches to be published or joined
// and parts that stay as they are.
func (c Compact) plan(group []*heldPart, now time.Time, flush bool) (do []batch, stay []*heldPart) {
	rest, total, oldest := group, int64(0), now.UnixMilli()
	for _, p := range group {
		total, oldest = total+p.token.Size, min(oldest, p.hold.since)
	}
	due := flush || !c.On || now.UnixMilli()-oldest >= c.Age.D().Milliseconds()
	for len(rest) > 0 && (due || total >= int64(c.Size)) {
		n, size := 1, rest[0].token.Size
		for n < len(rest) && size < int64(c.Size) {
			size += rest[n].token.Size
			n++
		}
		// Without compact, parts wait here for nothing, and theirs may be a form that cannot be joined.
		do = append(do, batch{parts: rest[:n], join: n > 1 && c.On})
		rest, total = rest[n:], total-size
	}
	return c.tiers(do, rest)
}

// tiers joins what stays held where a bucket holds too many parts of one tier. Parts are in order
// of tiers, highest first, so a joined one takes the place of its inputs.
func (c Compact) tiers(do []batch, rest []*heldPart) ([]batch, []*heldPart) {
	var stay []*heldPart
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].hold.tier == rest[0].hold.tier {
			n++
		}
		if n >= joinTier {
			do = append(do, batch{parts: rest[:n], join: true, keep: true})
		} else {
			stay = append(stay, rest[:n]...)
		}
		rest = rest[n:]
	}
	return do, stay
}

// afford returns what can be done within bytesMax of joins, or one batch that is larger. Other parts
// wait for the next epoch; those that must not wait are published as they are.
func afford(
	do []batch, stay []*heldPart, bytesMax int64, flush bool,
) ([]batch, []*heldPart) {
	var can []batch
	spent := int64(0)
	for _, b := range do {
		if b.join {
			size := int64(0)
			for _, p := range b.parts {
				size += p.token.Size
			}
			if b.join = spent == 0 || spent+size <= bytesMax; b.join {
				spent += size
			} else if !flush {
				stay = append(stay, b.parts...)
				continue
			}
		}
		can = append(can, b)
	}
	return can, stay
}
