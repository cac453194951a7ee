package bucketing

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format/files"
)

// Name is the connector's name in job files.
const Name = "bucketing"

const (
	// batchSizeDefault is three HDFS blocks of 128 MiB.
	batchSizeDefault = 384 << 20
	// inactiveDefault is how long a part may lie unwritten, and how often that is looked at.
	inactiveDefault = time.Minute
	// openPartsDefault keeps the buffers of a task's open parts near ten megabytes. In S3, where up to
	// five stand in memory for each, they may come to half a gigabyte.
	openPartsDefault = 100
	// openPartsLimit is what open_parts_max may be raised to: a process has file handles for
	// some tasks of so many parts.
	openPartsLimit = 10_000
	// successDelayDefault is longer than sources usually stall.
	successDelayDefault = 5 * time.Minute
	// affixBytesMax bounds part_prefix and part_suffix, so that a part's name stays a name.
	affixBytesMax = 40
)

// Config is a [sinks.x] table of connector "bucketing".
type Config struct {
	Path       string   `toml:"path" path:"file" flink:"BucketingSink(basePath)" doc:"base folder, as a path or a URL; the file system comes from the scheme"`
	Bucketer   Bucketer `toml:"bucketer" flink:"setBucketer, DateTimeBucketer, BasePathBucketer" form:"\"base-path\", { datetime = pattern, zone = name, time = \"processing\" / \"record\" / \"event\" } or { plugin = name, function = name }" doc:"names the folder of each record below path. The time is when the record is written (processing), or the record's timestamp; a record that has none goes by the clock (record) or is refused (event)"`
	Writer     Writer   `toml:"writer" flink:"setWriter, StringWriter, SequenceFileWriter" form:"\"string\", \"json\", \"csv\", \"sequence-file\", \"avro\", \"parquet\" or { format = name, compression = name, ... }" doc:"form of the records in a part: string (the value as it is), json (the value, which must be JSON, on one line), csv (a row from a JSON array, or from the fields of a JSON object that columns names), sequence-file (Hadoop's file of keys and values), avro (an object container file; values are JSON that fits the schema) or parquet (columns; likewise). Further keys of the table: compression (string, json and csv: none, gzip, zstd; sequence-file: none, deflate, gzip, snappy, zstd; avro: none, deflate, snappy, zstd; parquet: none, snappy, zstd); of string, json and csv: charset, delimiter; of csv: columns, field_delimiter, quote (needed, strings, never), nulls (fault, empty); of sequence-file: key_class, value_class (null, bytes, text, int, long), compress_by (block, record); of avro and parquet: unions (plain, tagged), unknown_fields (fail, drop); of parquet: schema_type (avro, json-schema), row_group_size (such as \"64MiB\", the default: what a part gathers before it writes columns; all open parts together hold no more than four times as much, and 1 MiB each)"`
	SchemaFile string   `toml:"schema_file" path:"file" flink:"AvroKeyValueSinkWriter(properties)" doc:"avro, parquet: file of the schema to write values with"`
	Schema     string   `toml:"schema" doc:"avro, parquet: the same schema, written here"`

	BatchSize         connectors.Size     `toml:"batch_size" flink:"setBatchSize" doc:"a record that finds its part longer than this goes to a new one"`
	RolloverInterval  connectors.Duration `toml:"rollover_interval" flink:"setBatchRolloverInterval" doc:"a part older than this is closed; 0s is never"`
	InactiveThreshold connectors.Duration `toml:"inactive_bucket_threshold" flink:"setInactiveBucketThreshold" doc:"a part that was not written for longer than this is closed"`
	InactiveCheck     connectors.Duration `toml:"inactive_bucket_check_interval" flink:"setInactiveBucketCheckInterval" doc:"how often age and inactivity are looked at while no records come"`
	PartPrefix        string              `toml:"part_prefix" flink:"setPartPrefix" doc:"begins the name of every part"`
	PartSuffix        string              `toml:"part_suffix" flink:"setPartSuffix" doc:"ends the name of every part, such as \".txt\"; compressed text gets .gz or .zst behind it, Avro .avro, Parquet .parquet"`
	OpenPartsMax      int                 `toml:"open_parts_max" doc:"parts a task has open at once; beyond it the one not written for longest is closed"`
	Compact           Compact             `toml:"compact" form:"\"off\" or { size = ..., age = ..., across_tasks = true / false }" doc:"few files: closed parts are held back, durable and invisible, until their bucket has size bytes (\"128MiB\" unless said) or its oldest part is of age (\"5m\"), and are published as one file; so readers see a record that much later. With an age of 0s only what one epoch closed is joined. across_tasks (true) joins parts of several tasks. Parts of another schema, class or compression stay apart. Rows of parquet are written again, so that row groups become large: four buckets at a time, each with two row groups in memory. File systems that cannot read unpublished parts are refused. A graceful stop and the end of the input publish everything"`
	SuccessFile       string              `toml:"success_file" doc:"name of an empty file, such as \"_SUCCESS\", that a folder of a date-time bucketer gets when nothing more is expected in it; \"\" is none. It is written when the time of the bucket is over in the bucketer's zone, and no part was closed in it for success_delay since then, and none is held back; at the end of the input or a stop, when the time of the bucket is over. A record that comes later still goes to its folder"`
	SuccessDelay      connectors.Duration `toml:"success_delay" doc:"how long a bucket whose time is over must get no part before it gets its success_file"`
}

// NewConfig returns the defaults.
func NewConfig() *Config {
	return &Config{
		Bucketer:          defaultBucketer(),
		Writer:            defaultWriter(),
		BatchSize:         batchSizeDefault,
		InactiveThreshold: connectors.Duration(inactiveDefault),
		InactiveCheck:     connectors.Duration(inactiveDefault),
		PartPrefix:        "part",
		OpenPartsMax:      openPartsDefault,
		Compact:           defaultCompact(),
		SuccessDelay:      connectors.Duration(successDelayDefault),
	}
}

// Spec describes the connector.
func Spec() connectors.Spec {
	return connectors.Spec{
		Name: Name,
		Doc: "Writes records to parts in folders that a bucketer names, exactly once. Parts " +
			"become visible with the epoch that decides them and never change afterwards.",
		NewSink: func() connectors.SinkConfig { return NewConfig() },
	}
}

// Validate implements connectors.SinkConfig.
func (c *Config) Validate(p *connectors.Problems) {
	p.Require("path", c.Path, "name the base folder")
	c.Bucketer.validate(p)
	w := c.writer()
	w.Validate(p, "writer.")
	if c.InactiveThreshold <= 0 {
		p.Addf("inactive_bucket_threshold", "must be above 0s; write a long time to switch it off")
	}
	if c.InactiveCheck <= 0 {
		p.Addf("inactive_bucket_check_interval", "must be above 0s")
	}
	if c.OpenPartsMax < 1 || c.OpenPartsMax > openPartsLimit {
		p.Addf("open_parts_max", "%d is not between 1 and %d", c.OpenPartsMax, openPartsLimit)
	}
	checkAffix(p, "part_prefix", c.PartPrefix)
	checkAffix(p, "part_suffix", c.PartSuffix)
	switch {
	case c.PartPrefix == "":
		p.Addf("part_prefix", "required; readers skip names without one or with a leading dash")
	case strings.IndexByte(hiddenMarks, c.PartPrefix[0]) >= 0:
		p.Addf("part_prefix", "%q hides the parts from readers; begin with another character than "+
			"a dot or an underscore", c.PartPrefix)
	}
	c.Compact.validate(p, &w)
	c.validateMark(p)
}

// settles reports whether committables say more than where a part is.
func (c *Config) settles() bool { return c.Compact.On || c.SuccessFile != "" }

// writer returns the format of parts with the schema that stands beside it.
func (c *Config) writer() files.Options {
	w := c.Writer.Options
	w.SetSchema(c.Schema, c.SchemaFile)
	return w
}

func checkAffix(p *connectors.Problems, key, value string) {
	if len(value) > affixBytesMax {
		p.Addf(key, "%d bytes are more than %d; shorten it", len(value), affixBytesMax)
	}
	if strings.Contains(value, "/") {
		p.Addf(key, "%q holds a slash; folders come from the bucketer", value)
	}
	if err := checkText(value); err != nil {
		p.Addf(key, "%q %v; leave it out", value, err)
	}
}

// Guarantee implements connectors.SinkConfig.
func (c *Config) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }

// BucketerRef implements connectors.Bucketed.
func (c *Config) BucketerRef() (connectors.FunctionRef, bool) {
	return c.Bucketer.Function, !c.Bucketer.Function.IsZero()
}

// FileTarget implements connectors.FileWriter.
func (c *Config) FileTarget() connectors.FileTarget {
	return connectors.FileTarget{Path: c.Path, Folder: true, Flat: c.isFlat()}
}

// isFlat reports whether every part goes into the base folder itself.
func (c *Config) isFlat() bool { return c.Bucketer.Pattern == "" && c.Bucketer.Function.IsZero() }

// CheckConnect implements connectors.Checker.
func (c *Config) CheckConnect(ctx context.Context, env connectors.Env) error {
	w := c.writer()
	if _, err := w.Open(ctx, env); err != nil {
		return err // it names its key
	}
	fs, root, err := c.resolve(ctx, env)
	if err == nil {
		if err := c.Compact.check(fs); err != nil {
			return err // it names its key
		}
		// Every part begins in the staging folder, whatever its bucket is.
		err = filesystem.CheckWrite(ctx, fs, path.Join(root, filesystem.StagingFolder))
	}
	if err == nil && c.isFlat() {
		err = filesystem.CheckWrite(ctx, fs, root)
	}
	return connectors.AtKey("path", err)
}

// resolve finds the file system of the path and looks whether a base folder can be there.
func (c *Config) resolve(
	ctx context.Context, env connectors.Env,
) (filesystem.FileSystem, string, error) {
	fs, root, err := env.FileSystems(ctx, c.Path)
	if err != nil {
		return nil, "", fmt.Errorf("resolving path %s: %w", c.Path, err)
	}
	if err := checkRoot(ctx, fs, root); err != nil {
		return nil, "", err
	}
	return fs, root, nil
}

var (
	_ connectors.SinkConfig = (*Config)(nil)
	_ connectors.Bucketed   = (*Config)(nil)
	_ connectors.Checker    = (*Config)(nil)
	_ connectors.FileWriter = (*Config)(nil)
)
