package bucketing

import (
	"fmt"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/bucketing/datepattern"
)

// The times a date-time bucketer can go by.
const (
	// timeProcessing is the clock of the machine when the record is written.
	timeProcessing = "processing"
	// timeRecord is the record's timestamp, or processing time for a record without one.
	timeRecord = "record"
	// timeEvent is the record's timestamp; a record without one is a fault.
	timeEvent = "event"
)

// basePath is the bucketer that puts everything into the base path.
const basePath = "base-path"

const (
	defaultPattern = "yyyy-MM-dd--HH"
	defaultZone    = "UTC"
)

// Bucketer is the value of the key bucketer. Exactly one of its forms is set: a Pattern, a
// Function, or neither for the base path.
type Bucketer struct {
	Pattern  string // Java letters
	Zone     string // IANA name, "UTC" or an offset such as "+02:00"
	Time     string
	Function connectors.FunctionRef
}

func defaultBucketer() Bucketer {
	return Bucketer{Pattern: defaultPattern, Zone: defaultZone, Time: timeProcessing}
}

// String formats b as a job file would.
func (b Bucketer) String() string {
	switch {
	case !b.Function.IsZero():
		return fmt.Sprintf("{ plugin = %q, function = %q }", b.Function.Plugin, b.Function.Function)
	case b.Pattern == "":
		return fmt.Sprintf("%q", basePath)
	}
	return fmt.Sprintf("{ datetime = %q, zone = %q, time = %q }", b.Pattern, b.Zone, b.Time)
}

// UnmarshalTOML decodes "base-path", { datetime = ... } or { plugin = ..., function = ... }.
func (b *Bucketer) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		if v != basePath {
			return fmt.Errorf("%q is no built-in bucketer; write %q, { datetime = %q } or "+
				"{ plugin = \"...\", function = \"...\" }", v, basePath, defaultPattern)
		}
		*b = Bucketer{}
		return nil
	case map[string]any:
		if _, ok := v["plugin"]; ok {
			*b = Bucketer{}
			return b.Function.UnmarshalTOML(v)
		}
		return b.dateTime(v)
	}
	return fmt.Errorf("want a name or a table, not %T", v)
}

func (b *Bucketer) dateTime(m map[string]any) error {
	*b = defaultBucketer()
	if _, ok := m["datetime"]; !ok {
		return fmt.Errorf("datetime: required; write a pattern such as %q", defaultPattern)
	}
	for key, v := range m {
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s: want a string, not %T", key, v)
		}
		switch key {
		case "datetime":
			if s == "" {
				return fmt.Errorf("datetime: empty; write a pattern such as %q", defaultPattern)
			}
			b.Pattern = s
		case "zone":
			b.Zone = s
		case "time":
			b.Time = s
		default:
			return fmt.Errorf("unknown key %q; known are datetime, zone, time", key)
		}
	}
	return nil
}

// validate reports what is wrong without looking at a record: also names that no instant could
// make valid, such as a pattern that begins with a slash.
func (b Bucketer) validate(p *connectors.Problems) {
	if b.Pattern == "" {
		return
	}
	p.OneOf("bucketer.time", b.Time, timeProcessing, timeRecord, timeEvent)
	zone, err := zoneOf(b.Zone)
	if err != nil {
		p.Addf("bucketer.zone", "%v", err)
		zone = time.UTC
	}
	pattern, err := datepattern.Compile(b.Pattern)
	if err != nil {
		p.Addf("bucketer.datetime", "%v", err)
		return
	}
	sample := time.Date(2024, time.December, 31, 23, 59, 59, 999e6, time.UTC).In(zone)
	if err := checkBucket(string(pattern.Append(nil, sample))); err != nil {
		p.Addf("bucketer.datetime", "gives %v", err)
	}
}

// zoneOf finds a zone. The machine's own is refused: the same job file would write to other
// folders on another machine.
func zoneOf(name string) (*time.Location, error) {
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		for _, layout := range []string{"-07:00", "-0700", "-07"} {
			if t, err := time.Parse(layout, name); err == nil {
				_, offset := t.Zone()
				return time.FixedZone(name, offset), nil
			}
		}
		return nil, fmt.Errorf("%q is no offset; write one such as \"+02:00\"", name)
	}
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is the machine's own zone; name one such as \"UTC\" or "+
			"\"Europe/Berlin\"", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no zone this machine knows; write one such as \"UTC\", "+
			"\"Europe/Berlin\" or \"+02:00\"", name)
	}
	return zone, nil
}
