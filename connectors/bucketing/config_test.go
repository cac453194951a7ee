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
		{"compact", func(c *Config) { c.Compact = "on" }, "compact", "is not offered"},
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
		{"format", func(c *Config) { c.Writer.Format = "xml" }, "writer.format", `"xml" is none of`},
		{"charset", func(c *Config) { c.Writer.Charset = "nope" }, "writer.charset", "is no charset"},
		{"charset with a mark", func(c *Config) { c.Writer.Charset = "UTF-16" }, "writer.charset",
			"puts a mark before every text"},
		{"delimiter", func(c *Config) { c.Writer.Delimiter = strings.Repeat("x", 65) },
			"writer.delimiter", "65 bytes"},
		{"delimiter in charset", func(c *Config) {
			c.Writer.Charset, c.Writer.Delimiter = "ISO-8859-1", "\u65e5"
		}, "writer.charset", "has no form in charset"},
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
		want    Writer
		wantErr string
	}{
		{"name", "string", Writer{"string", "UTF-8", "\n"}, ""},
		{"table", map[string]any{"format": "string", "delimiter": "\r\n", "charset": "ISO-8859-1"},
			Writer{"string", "ISO-8859-1", "\r\n"}, ""},
		{"unknown key", map[string]any{"delimeter": ";"}, Writer{}, `unknown key "delimeter"`},
		{"wrong type", map[string]any{"format": true}, Writer{}, "format: want a string"},
		{"number", 5, Writer{}, "want a name or a table"},
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
			require.Equal(t, tt.want, w)
		})
	}
	require.Equal(t, `{ format = "string", charset = "UTF-8", delimiter = ";" }`,
		Writer{"string", "UTF-8", ";"}.String())
}

func TestZones(t *testing.T) {
	for name, offset := range map[string]int{"UTC": 0, "+02:00": 7200, "-0330": -12600, "+05": 18000} {
		zone, err := zoneOf(name)
		require.NoError(t, err)
		j := newJob(t).at(0)
		_, got := j.env().Now().In(zone).Zone()
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
