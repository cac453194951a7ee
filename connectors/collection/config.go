package collection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

// Config is a [sources.x] table with connector = "collection".
type Config struct {
	Records []Record `toml:"records" form:"list of strings or tables" doc:"the records in their order: strings, or tables with key, value, headers (a table of strings) and timestamp (a date-time with zone, or milliseconds since 1970). A key or value that is left out is null" flink:"fromElements, fromCollection"`
}

// Spec describes the connector.
func Spec() connectors.Spec {
	return connectors.Spec{
		Name: "collection",
		Doc:  "Reads the records that are written in the job file, in their order, in one task.",
		NewSource: func() connectors.SourceConfig {
			return &Config{}
		},
	}
}

// Validate reports what is wrong with c.
func (c *Config) Validate(p *connectors.Problems) {
	if len(c.Records) == 0 {
		p.Addf("records", "required; write at least one record, as in [\"a\", \"b\"]")
	}
}

// Guarantee returns exactly-once: every record can be read again.
func (c *Config) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }

// Open returns the source.
func (c *Config) Open(context.Context, connectors.Env) (connectors.Source, error) {
	return &Source{records: c.Records}, nil
}

// Record is one record of the list. Make it by UnmarshalTOML.
type Record struct {
	key, value []byte // nil is null
	headers    []connectors.Header
	timestamp  int64 // milliseconds, or connectors.NoTimestamp
}

// UnmarshalTOML decodes a string, which becomes the value, or a table.
func (r *Record) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		*r = Record{value: []byte(v), timestamp: connectors.NoTimestamp}
		return nil
	case map[string]any:
		x, err := recordOf(v)
		if err != nil {
			return err
		}
		*r = x
		return nil
	}
	return fmt.Errorf("want a string or a table with key, value, headers, timestamp, not %T", v)
}

func recordOf(m map[string]any) (Record, error) {
	r := Record{timestamp: connectors.NoTimestamp}
	var err error
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch v := m[name]; name {
		case "key":
			r.key, err = bytesOf(v)
		case "value":
			r.value, err = bytesOf(v)
		case "headers":
			r.headers, err = headersOf(v)
		case "timestamp":
			r.timestamp, err = timestampOf(v)
		default:
			err = errors.New("unknown key; known are key, value, headers, timestamp")
		}
		if err != nil {
			return Record{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r, nil
}

func bytesOf(v any) ([]byte, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("want a string, not %T", v)
	}
	return []byte(s), nil
}

// headersOf returns the headers sorted by name, since a TOML table has no order.
func headersOf(v any) ([]connectors.Header, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("want a table of strings, not %T", v)
	}
	headers := make([]connectors.Header, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		value, err := bytesOf(m[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		headers = append(headers, connectors.Header{Key: name, Value: value})
	}
	return headers, nil
}

func timestampOf(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case time.Time:
		// The TOML library marks values without a zone, which it reads in the zone of the
		// machine, by such names of their location.
		if strings.HasSuffix(v.Location().String(), "-local") {
			return 0, errors.New("has no zone; write one, as in 2026-03-01T12:00:00Z")
		}
		return v.UnixMilli(), nil
	}
	return 0, fmt.Errorf("want a date-time such as 2026-03-01T12:00:00Z, "+
		"or milliseconds since 1970, not %T", v)
}

var _ connectors.SourceConfig = (*Config)(nil)
