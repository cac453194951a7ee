package connectors

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span in a job file: "1s", "250ms".
type Duration time.Duration

// D returns d as the standard type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String formats d as a job file would.
func (d Duration) String() string { return time.Duration(d).String() }

// UnmarshalTOML decodes Go's notation of durations. Negative ones are refused.
func (d *Duration) UnmarshalTOML(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("want a duration such as \"1s\" or \"250ms\", not %v", v)
	}
	x, err := time.ParseDuration(s)
	if err != nil || x < 0 {
		return fmt.Errorf("%q is no duration; write one such as \"1s\" or \"250ms\"", s)
	}
	*d = Duration(x)
	return nil
}

// Size is a number of bytes in a job file: "64MiB", "1GB", 4096.
type Size int64

// sizeUnits lists suffixes, longest first so that "MiB" is not taken for "B".
var sizeUnits = [...]struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseSize reads a size such as "64MiB", "1.5GB" or "4096".
func ParseSize(s string) (Size, error) {
	number, unit := strings.TrimSpace(s), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 && n <= math.MaxInt64/unit {
		return Size(n * unit), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f*float64(unit) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size; write one such as \"64MiB\" or \"1GB\"", s)
	}
	return Size(f * float64(unit)), nil
}

// String formats s with the largest binary unit that divides it.
func (s Size) String() string {
	units := [...]struct {
		bytes int64
		name  string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}}
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// UnmarshalTOML decodes a string with a unit, or a plain number of bytes.
func (s *Size) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return fmt.Errorf("a size cannot be negative")
		}
		*s = Size(v)
		return nil
	case string:
		x, err := ParseSize(v)
		if err != nil {
			return err
		}
		*s = x
		return nil
	}
	return fmt.Errorf("want a size such as \"64MiB\", not %v", v)
}

// secretMask is what a secret shows of itself.
const secretMask = "***"

// Secret is a value that never reaches a log, an error, a metric or the API: every way of
// formatting it prints a mask. Job files give it as a string, { env = "NAME" } or
// { file = "path" }; host/config resolves the latter two before it decodes.
//
// The value stands behind a pointer because fmt does not ask the methods of what it finds in an
// unexported field or under a verb that does not fit; there it prints an address.
type Secret struct{ value *string }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value: &value} }

// Reveal returns the value itself, for handing to a client library and nothing else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether no secret is set.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String implements fmt.Stringer with a mask.
func (s Secret) String() string { return secretMask }

// GoString implements fmt.GoStringer with a mask.
func (s Secret) GoString() string { return secretMask }

// Format implements fmt.Formatter, so that no verb prints the value.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(secretMask)) }

// MarshalText implements encoding.TextMarshaler with a mask: JSON and slog use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(secretMask), nil }

// UnmarshalTOML decodes a string.
func (s *Secret) UnmarshalTOML(v any) error {
	x, ok := v.(string)
	if !ok {
		return fmt.Errorf("want a string, { env = \"NAME\" } or { file = \"path\" }")
	}
	s.value = &x
	return nil
}
