package bucketing

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/format/lines"
)

func TestDefaultsAreFlinks(t *testing.T) {
	c := Spec().NewSink().(*Config)
	require.Equal(t, connectors.Size(402_653_184), c.BatchSize)
	require.Zero(t, c.RolloverInterval, "off")
	require.Equal(t, "1m0s", c.InactiveCheck.String())
	require.Equal(t, "1m0s", c.InactiveThreshold.String())
	require.Equal(t, "part", c.PartPrefix)
	require.Empty(t, c.PartSuffix)
	require.Equal(t, `{ datetime = "yyyy-MM-dd--HH", zone = "UTC", time = "processing" }`,
		c.Bucketer.String())
	require.Equal(t, `"string"`, c.Writer.String())
	require.Equal(t, connectors.ExactlyOnce, c.Guarantee())
	var p connectors.Problems
	c.Validate(&p)
	require.Equal(t, []connectors.Problem{
		{Key: "path", Text: "required; name the base folder"},
	}, p.List)
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		key    string
		want   string
	}{
		{"compact", func(c *Config) {
			c.Compact.On, c.Writer.Lines.Charset = true, "UTF-16LE"
		}, "compact", "cannot be joined: charset UTF-16LE: "},
		{"mark that is data", func(c *Config) { c.SuccessFile = "DONE" }, "success_file",
			"does not begin with an underscore"},
		{"mark without time", func(c *Config) {
			c.SuccessFile, c.Bucketer = "_SUCCESS", Bucketer{}
		}, "success_file", "only a date-time bucketer"},
		{"hidden prefix", func(c *Config) { c.PartPrefix = "_part" }, "part_prefix", "hides the parts"},
		{"no prefix", func(c *Config) { c.PartPrefix = "" }, "part_prefix", "required"},
		{"slash", func(c *Config) { c.PartSuffix = "/x" }, "part_suffix", "holds a slash"},
		{"control", func(c *Config) { c.PartPrefix = "a\nb" }, "part_prefix", "control character"},
		{"long", func(c *Config) { c.PartPrefix = strings.Repeat("x", 41) }, "part_prefix", "41 bytes"},
		{"threshold", func(c *Config) { c.InactiveThreshold = 0 },
			"inactive_bucket_threshold", "above 0s"},
		{"check", func(c *Config) { c.InactiveCheck = 0 }, "inactive_bucket_check_interval", "above 0s"},
		{"no open parts", func(c *Config) { c.OpenPartsMax = 0 }, "open_parts_max", "between 1 and"},
		{"many open parts", func(c *Config) { c.OpenPartsMax = 1e6 }, "open_parts_max", "between 1 and"},
		{"format", func(c *Config) { c.Writer.Format = "xml" },
			"writer.format", `"xml" is none of string, json, csv, sequence-file, avro`},
		{"charset", func(c *Config) { c.Writer.Lines.Charset = "nope" },
			"writer.charset", "is no charset"},
		{"letter", func(c *Config) { c.Bucketer.Pattern = "YYYY" }, "bucketer.datetime", `letter 'Y'`},
		{"absolute", func(c *Config) { c.Bucketer.Pattern = "/yyyy" }, "bucketer.datetime", "absolute"},
		{"climbing", func(c *Config) { c.Bucketer.Pattern = "yyyy/../.." },
			"bucketer.datetime", "leaves"},
		{"hidden", func(c *Config) { c.Bucketer.Pattern = "'_tmp'/yyyy" }, "bucketer.datetime", "skip"},
		{"zone", func(c *Config) { c.Bucketer.Zone = "Mars/Olympus" }, "bucketer.zone", "is no zone"},
		{"own zone", func(c *Config) { c.Bucketer.Zone = "Local" },
			"bucketer.zone", "machine's own zone"},
		{"no zone", func(c *Config) { c.Bucketer.Zone = "" }, "bucketer.zone", "machine's own zone"},
		{"offset", func(c *Config) { c.Bucketer.Zone = "+25" }, "bucketer.zone", "is no offset"},
		{"time", func(c *Config) { c.Bucketer.Time = "wall" }, "bucketer.time", `"wall" is none of`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewConfig()
			c.Path = "/base"
			tt.change(c)
			var p connectors.Problems
			c.Validate(&p)
			require.Len(t, p.List, 1, "%v", p.List)
			require.Equal(t, tt.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, tt.want)
		})
	}
}

func TestBucketerFromTOML(t *testing.T) {
	plugin := connectors.FunctionRef{Plugin: "orders", Function: "bucket"}
	tests := []struct {
		name    string
		value   any
		want    Bucketer
		wantErr string
	}{
		{"base path", "base-path", Bucketer{}, ""},
		{"pattern alone", map[string]any{"datetime": "yyyy"},
			Bucketer{Pattern: "yyyy", Zone: "UTC", Time: "processing"}, ""},
		{"all of it", map[string]any{"datetime": "yyyy", "zone": "+02:00", "time": "event"},
			Bucketer{Pattern: "yyyy", Zone: "+02:00", Time: "event"}, ""},
		{"plugin", map[string]any{"plugin": "orders", "function": "bucket"},
			Bucketer{Function: plugin}, ""},
		{"unknown name", "hourly", Bucketer{}, `"hourly" is no built-in bucketer`},
		{"no pattern", map[string]any{"zone": "UTC"}, Bucketer{}, "datetime: required"},
		{"empty pattern", map[string]any{"datetime": ""}, Bucketer{}, "datetime: empty"},
		{"unknown key", map[string]any{"datetime": "yyyy", "zon": "UTC"}, Bucketer{},
			`unknown key "zon"`},
		{"wrong type", map[string]any{"datetime": 5}, Bucketer{}, "datetime: want a string"},
		{"number", 5, Bucketer{}, "want a name or a table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b Bucketer
			err := b.UnmarshalTOML(tt.value)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, b)
			ref, ok := (&Config{Bucketer: b}).BucketerRef()
			require.Equal(t, tt.name == "plugin", ok)
			require.Equal(t, tt.want.Function, ref)
		})
	}
	require.Equal(t, `{ plugin = "orders", function = "bucket" }`, Bucketer{Function: plugin}.String())
	require.Equal(t, `"base-path"`, Bucketer{}.String())
}

func TestWriterFromTOML(t *testing.T) {
	tests := []struct {
		name    string
		value   any
		format  string
		change  func(*lines.Options)
		wantErr string
	}{
		{"name", "string", "string", func(*lines.Options) {}, ""},
		{"json", "json", "json", func(*lines.Options) {}, ""},
		{"table", map[string]any{"format": "string", "delimiter": "\r\n", "charset": "US-ASCII"},
			"string", func(o *lines.Options) { o.Delimiter, o.Charset = "\r\n", "US-ASCII" }, ""},
		{"csv", map[string]any{
			"format": "csv", "columns": []any{"a", "b"}, "field_delimiter": ";", "quote": "never",
			"nulls": "empty",
		}, "csv", func(o *lines.Options) {
			o.Columns, o.FieldDelimiter = []string{"a", "b"}, ";"
			o.Quote, o.Nulls = "never", "empty"
		}, ""},
		{"unknown key", map[string]any{"delimeter": ";"}, "", nil, "delimeter: unknown key; known are"},
		{"wrong type", map[string]any{"format": true}, "", nil, "format: want a string"},
		{"wrong list", map[string]any{"columns": "a"}, "", nil, "columns: want a list of names"},
		{"wrong name", map[string]any{"columns": []any{5}}, "", nil, "columns: want a list of names"},
		{"number", 5, "", nil, "want a name or a table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w Writer
			err := w.UnmarshalTOML(tt.value)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			want := lines.Defaults()
			tt.change(&want)
			require.Equal(t, want, w.Lines)
			require.Equal(t, tt.format, w.Format)
		})
	}
}

func TestOtherFormats(t *testing.T) {
	for format, want := range map[string]string{
		"json": "[\"a\",1]\n", "csv": "a,1\n",
	} {
		j := newJob(t, func(c *Config) { c.Bucketer, c.Writer.Format = Bucketer{}, format }).start(1)
		j.write(0, `["a",1]`, "no JSON").checkpoint()
		require.Equal(t, map[string]string{"part-5eed-out-0-1-00000001-0": want}, j.files())
		require.Len(t, j.Faults, 1)
	}
}

func TestZones(t *testing.T) {
	for name, offset := range map[string]int{"UTC": 0, "+02:00": 7200, "-0330": -12600, "+05": 18000} {
		zone, err := zoneOf(name)
		require.NoError(t, err)
		j := newJob(t).at(0)
		_, got := j.Env(len(j.Writers)).Now().In(zone).Zone()
		require.Equal(t, offset, got, name)
	}
}

func TestBasePathMustBeAFolder(t *testing.T) {
	disk := fstest.NewDisk()
	fs := local.New(local.Options{Disk: disk})
	require.NoError(t, fs.WriteFile(t.Context(), "/base", []byte("a file")))
	env := connectors.Env{
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			return fs, url, nil
		},
	}
	c := NewConfig()
	c.Path = "/base"
	require.ErrorContains(t, c.CheckConnect(t.Context(), env), "base path /base is a file")
	c.Path = "/missing"
	require.NoError(t, c.CheckConnect(t.Context(), env))
	_, err := fs.Stat(t.Context(), "/missing")
	require.ErrorIs(t, err, filesystem.ErrNotFound, "looking must create nothing")
}
