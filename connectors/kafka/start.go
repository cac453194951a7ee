package kafka

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The modes of starting and stopping.
const (
	modeGroupOffsets = "group-offsets"
	modeEarliest     = "earliest"
	modeLatest       = "latest"
	modeNever        = "never"
	modeTimestamp    = "timestamp"
	modeOffsets      = "offsets"
	modeFail         = "fail"
	modeKeep         = "keep"
	modeDrop         = "drop"
)

// Place is where reading starts or stops: a mode, a moment, or an offset for each partition.
type Place struct {
	Mode      string
	Timestamp int64            // Unix milliseconds, with mode timestamp
	Offsets   map[string]int64 // by split, with mode offsets
}

// String formats p as a job file would.
func (p Place) String() string {
	switch p.Mode {
	case modeTimestamp:
		return fmt.Sprintf("{ timestamp = %d }", p.Timestamp)
	case modeOffsets:
		return fmt.Sprintf("{ offsets = %d partitions }", len(p.Offsets))
	}
	return fmt.Sprintf("%q", p.Mode)
}

// UnmarshalTOML decodes "mode", { timestamp = ... } or { offsets = { "topic-0" = 17 } }.
func (p *Place) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		if v == modeTimestamp || v == modeOffsets {
			return fmt.Errorf("write { %s = ... }", v)
		}
		*p = Place{Mode: v}
		return nil
	case map[string]any:
		return p.fromTable(v)
	}
	return fmt.Errorf("want a mode, { timestamp = ... } or { offsets = { \"topic-0\" = 17 } }, "+
		"not %T", v)
}

func (p *Place) fromTable(m map[string]any) error {
	if len(m) != 1 {
		return fmt.Errorf("want one of timestamp and offsets")
	}
	for key, v := range m {
		switch key {
		case modeTimestamp:
			at, err := timestampOf(v)
			if err != nil {
				return fmt.Errorf("timestamp: %w", err)
			}
			*p = Place{Mode: modeTimestamp, Timestamp: at}
		case modeOffsets:
			offsets, err := offsetsOf(v)
			if err != nil {
				return fmt.Errorf("offsets: %w", err)
			}
			*p = Place{Mode: modeOffsets, Offsets: offsets}
		default:
			return fmt.Errorf("unknown key %q; known are timestamp, offsets", key)
		}
	}
	return nil
}

// timestampOf reads Unix milliseconds, or a date and time with its zone.
func timestampOf(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case time.Time:
		return v.UnixMilli(), nil
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return 0, fmt.Errorf("%q is no moment; write one such as \"2026-01-31T12:00:00Z\", or "+
				"Unix milliseconds", v)
		}
		return t.UnixMilli(), nil
	}
	return 0, fmt.Errorf("want Unix milliseconds or a date and time, not %T", v)
}

func offsetsOf(v any) (map[string]int64, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("want a table of partitions, as { \"topic-0\" = 17 }, not %T", v)
	}
	out := make(map[string]int64, len(m))
	for _, split := range slices.Sorted(maps.Keys(m)) {
		if _, _, ok := parseSplitID(split); !ok {
			return nil, fmt.Errorf("%q is no partition; write topic-partition, as \"orders-0\"", split)
		}
		n, ok := m[split].(int64)
		if !ok || n < 0 {
			return nil, fmt.Errorf("%s: want an offset from 0, not %v", split, m[split])
		}
		out[split] = n
	}
	return out, nil
}
