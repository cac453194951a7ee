package bucketing

import (
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/connectors/format/files"
)

// Writer is the value of the key writer.
type Writer struct{ files.Options }

func defaultWriter() Writer { return Writer{files.Defaults()} }

// String formats w as a job file would.
func (w Writer) String() string { return fmt.Sprintf("%q", w.Format) }

// UnmarshalTOML decodes the name of a format, or a table with the key format and what is chosen in
// it.
func (w *Writer) UnmarshalTOML(v any) error {
	*w = defaultWriter()
	switch v := v.(type) {
	case string:
		w.Format = v
		return nil
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if err := w.Set(key, v[key]); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	}
	return fmt.Errorf("want a name or a table, not %T", v)
}
