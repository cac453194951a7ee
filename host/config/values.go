package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

// Mode is what a job promises about its results.
type Mode string

// The modes.
const (
	ExactlyOnce Mode = "exactly-once"
	AtLeastOnce Mode = "at-least-once"
)

// Policy is what happens to a record that a function refuses.
type Policy string

// The policies.
const (
	PolicyFail       Policy = "fail"
	PolicySkip       Policy = "skip"
	PolicyDeadLetter Policy = "dead-letter"
)

// OnError is the on_error of a source, transform or sink.
type OnError struct {
	Policy Policy
	// ShareMax is the share of refused records, above 0 and up to 1, above which the job stops;
	// 0 is no limit.
	ShareMax float64
}

// String formats o as a job file would.
func (o OnError) String() string {
	if o.ShareMax == 0 {
		return fmt.Sprintf("%q", o.Policy)
	}
	return fmt.Sprintf("{ policy = %q, share_max = %v }", o.Policy, o.ShareMax)
}

// UnmarshalTOML decodes "skip" or { policy = "skip", share_max = 0.05 }.
func (o *OnError) UnmarshalTOML(v any) error {
	x := OnError{}
	switch v := v.(type) {
	case string:
		x.Policy = Policy(v)
	case map[string]any:
		for _, key := range sortedNames(v) {
			if err := x.set(key, v[key]); err != nil {
				return err
			}
		}
	default:
		return errors.New(
			`want "fail", "skip", "dead-letter" or { policy = "skip", share_max = 0.05 }`)
	}
	switch x.Policy {
	case PolicyFail, PolicySkip, PolicyDeadLetter:
	case "":
		return errors.New("policy: required; write fail, skip or dead-letter")
	default:
		return fmt.Errorf("%q is none of fail, skip, dead-letter", string(x.Policy))
	}
	if x.Policy == PolicyFail && x.ShareMax != 0 {
		return errors.New("share_max: the first bad record fails the job; " +
			"choose skip or dead-letter, or leave it out")
	}
	*o = x
	return nil
}

func (o *OnError) set(key string, value any) error {
	switch key {
	case "policy":
		s, ok := value.(string)
		if !ok {
			return errors.New("policy: want a string: fail, skip or dead-letter")
		}
		o.Policy = Policy(s)
	case "share_max":
		share, ok := number(value)
		if !ok || !(share > 0 && share <= 1) {
			return errors.New("share_max: want a share above 0 and up to 1, such as 0.05")
		}
		o.ShareMax = share
	default:
		return fmt.Errorf("%s: %s", key, unknownKey(key, []string{"policy", "share_max"}))
	}
	return nil
}

// RateLimit bounds what all tasks together read from a source. 0 is no limit.
type RateLimit struct {
	Records float64         // records a second
	Bytes   connectors.Size // bytes of keys and values a second
}

// IsZero reports whether nothing is limited.
func (r RateLimit) IsZero() bool { return r == RateLimit{} }

// UnmarshalTOML decodes a number of records a second, or { records = 1000, bytes = "1MiB" }.
func (r *RateLimit) UnmarshalTOML(v any) error {
	x := RateLimit{}
	m, ok := v.(map[string]any)
	if !ok {
		m = map[string]any{"records": v}
	}
	for _, key := range sortedNames(m) {
		switch key {
		case "records":
			n, isNumber := number(m[key])
			if !isNumber || !(n > 0 && n <= math.MaxInt32) {
				return errors.New(`want records a second above 0, ` +
					`or { records = 1000, bytes = "1MiB" }`)
			}
			x.Records = n
		case "bytes":
			if err := x.Bytes.UnmarshalTOML(m[key]); err != nil {
				return fmt.Errorf("bytes: %w", err)
			}
			if x.Bytes == 0 {
				return errors.New("bytes: want a size above 0; leave it out for no limit")
			}
		default:
			return fmt.Errorf("%s: %s", key, unknownKey(key, []string{"records", "bytes"}))
		}
	}
	*r = x
	return nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// Edge names what a transform or sink reads: a source or a transform, and one of its outputs.
type Edge struct {
	Node   string
	Output string // name of an output of the guest; "" is the main one
}

// String formats e as a job file would.
func (e Edge) String() string {
	if e.Output == "" {
		return e.Node
	}
	return e.Node + "." + e.Output
}

// UnmarshalTOML decodes "enrich" or "enrich.errors".
func (e *Edge) UnmarshalTOML(v any) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("want the name of a source or transform")
	}
	node, output, named := strings.Cut(s, ".")
	if !isName(node) || named && !isName(output) {
		return fmt.Errorf("%q names no source or transform; write \"name\" or \"name.output\"", s)
	}
	*e = Edge{node, output}
	return nil
}

// PluginConfig is what a guest is opened with, in one fixed spelling.
type PluginConfig struct{ canonical string }

// noConfig is what a guest without a config is opened with.
const noConfig = "{}"

// JSON returns the config as JSON with sorted keys and no space, "{}" when there is none. Equal
// configs have equal bytes, however the job file spells them. The caller owns the result.
func (c PluginConfig) JSON() []byte {
	if c.canonical == "" {
		return []byte(noConfig)
	}
	return []byte(c.canonical)
}

// SHA256 returns the hex digest of JSON.
func (c PluginConfig) SHA256() string {
	sum := sha256.Sum256(c.JSON())
	return hex.EncodeToString(sum[:])
}

// UnmarshalTOML decodes any value.
func (c *PluginConfig) UnmarshalTOML(v any) error {
	v, err := jsonValue(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing it as JSON: %w", err)
	}
	c.canonical = strings.TrimSuffix(b.String(), "\n")
	return nil
}

// jsonValue returns v with what JSON has no form for replaced: dates become strings; infinities
// are refused.
func jsonValue(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return dateText(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("want finite numbers; a guest's config is JSON, which has no others")
		}
	case []any:
		for i := range v {
			x, err := jsonValue(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = x
		}
	case map[string]any:
		for key := range v {
			x, err := jsonValue(v[key])
			if err != nil {
				return nil, err
			}
			v[key] = x
		}
	}
	return v, nil
}

// dateText formats a TOML date. The kinds without a zone stay without one; the parser marks them
// by the name of their location.
func dateText(t time.Time) string {
	switch t.Location().String() {
	case "datetime-local":
		return t.Format("2006-01-02T15:04:05.999999999")
	case "date-local":
		return t.Format(time.DateOnly)
	case "time-local":
		return t.Format("15:04:05.999999999")
	}
	return t.Format(time.RFC3339Nano)
}
