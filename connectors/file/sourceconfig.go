package file

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
)

// Modes of the source.
const (
	modeOnce       = "once"
	modeContinuous = "continuous"
	modeTail       = "tail"
)

// Forms of a union of Avro in JSON.
const (
	unionsPlain  = "plain"
	unionsTagged = "tagged"
)

// What text is read as, unless the job file says otherwise.
const (
	charsetDefault   = "utf-8"
	delimiterDefault = "\n"
)

// What happens when a file that was found is gone before it is read to its end.
const (
	vanishedFail = "fail"
	vanishedSkip = "skip"
)

const (
	// discoverIntervalDefault is often enough for a person who waits, and rarely enough for a
	// folder of ten thousand files.
	discoverIntervalDefault = time.Second
	// discoverIntervalMin keeps a listing from following on the heels of the last one.
	discoverIntervalMin = time.Millisecond
	// recordBytesDefault fits any sensible line and keeps a missing delimiter from eating the
	// memory of the job.
	recordBytesDefault = 8 << 20
	// recordBytesLimit is what record_bytes_max may be raised to: a record lies in memory whole.
	recordBytesLimit = 1 << 30
	// lookBackDefault outlives a file that is away for a night.
	lookBackDefault = 24 * time.Hour
	// seenMaxDefault keeps the seen-set of a manifest in the low megabytes.
	seenMaxDefault = 100_000
	// rightsFilesMax bounds the files whose rights are looked at before a job begins: a folder of
	// millions must not hold up the start, and who may read so many may read the rest.
	rightsFilesMax = 10_000
	// rotateWaitDefault is longer than a program takes to turn to its new log file.
	rotateWaitDefault = 5 * time.Second
)

// SourceConfig is a [sources.x] table of connector "file".
type SourceConfig struct {
	Path string `toml:"path" path:"file" flink:"readTextFile, readFile(path)" doc:"file, folder, glob or URL to read; a backslash makes the next character no glob character. Files and folders below it whose names begin with a dot or an underscore are not read"`
	Mode string `toml:"mode" flink:"FileProcessingMode" doc:"once (read what is there, then end), continuous (also read files that appear; a changed file is read again in full) or tail (follow files that grow)"`

	DiscoverInterval connectors.Duration `toml:"discover_interval" flink:"readFile(interval)" doc:"time between two looks for new files in continuous and tail mode"`

	Include []string `toml:"include" flink:"GlobFilePathFilter(includePatterns)" doc:"globs; with any, a file must match one: * and ? stop at a slash, ** does not, [a-z] and {one,two} work. Tried against the whole path and the path below path"`
	Exclude []string `toml:"exclude" flink:"GlobFilePathFilter(excludePatterns)" doc:"globs of files and folders that are not read, whatever include says"`
	Nested  bool     `toml:"nested" flink:"setNestedFileEnumeration" doc:"read the folders inside folders too"`

	Format string `toml:"format" flink:"readSequenceFile, AvroInputFormat" doc:"text (records that a delimiter ends), sequence-file (Hadoop's files: keys and values of the classes NullWritable, BytesWritable, Text, IntWritable and LongWritable; numbers become text), avro (object container files) or parquet; values of the last two become JSON"`
	Unions string `toml:"unions" doc:"avro: plain (the value alone) or tagged ({ branch = value }, as in Avro's JSON encoding)"`

	Charset        string          `toml:"charset" flink:"readTextFile(charset)" doc:"IANA name of the charset of the files; records leave as UTF-8"`
	Invalid        string          `toml:"invalid" doc:"bytes that are not valid in the charset: keep (utf-8 only, nothing is checked), replace (by U+FFFD) or fail; empty is keep for utf-8 and replace for others"`
	Delimiter      string          `toml:"delimiter" flink:"DelimitedInputFormat.setDelimiter" doc:"what ends a record, of any length; with \"\\n\" a \"\\r\" before it is dropped"`
	RecordBytesMax connectors.Size `toml:"record_bytes_max" doc:"longest record; a longer one ends the job with an error that names file and offset"`

	Vanished string              `toml:"vanished" doc:"a file that was found and is gone before it is read to its end: fail or skip (with a warning)"`
	LookBack connectors.Duration `toml:"look_back" doc:"continuous mode: how long a file that is gone stays known, so that it is not read again when it comes back"`
	SeenMax  int                 `toml:"seen_max" doc:"continuous mode: files remembered; beyond it the oldest are forgotten, and files not newer than those count as read"`

	RotateWait connectors.Duration `toml:"rotate_wait" doc:"tail mode: how long a file that was rotated away must not grow before the new one is read"`
}

// NewSourceConfig returns the defaults.
func NewSourceConfig() *SourceConfig {
	return &SourceConfig{
		Mode:             modeOnce,
		DiscoverInterval: connectors.Duration(discoverIntervalDefault),
		Format:           formatText,
		Unions:           unionsPlain,
		Charset:          charsetDefault,
		Delimiter:        delimiterDefault,
		RecordBytesMax:   recordBytesDefault,
		Vanished:         vanishedFail,
		LookBack:         connectors.Duration(lookBackDefault),
		SeenMax:          seenMaxDefault,
		RotateWait:       connectors.Duration(rotateWaitDefault),
	}
}

// Validate implements connectors.SourceConfig.
func (c *SourceConfig) Validate(p *connectors.Problems) {
	p.Require("path", c.Path, "name a file, a folder, a glob or a URL")
	if c.Path != "" && !strings.HasPrefix(c.Path, "/") && !strings.Contains(c.Path, "://") {
		p.Addf("path", "%q is neither absolute nor a URL", c.Path)
	}
	if _, rest := splitGlob(c.Path); rest != "" {
		if _, err := compileGlob(rest); err != nil {
			p.Addf("path", "%v", err)
		}
	}
	p.OneOf("mode", c.Mode, modeOnce, modeContinuous, modeTail)
	p.OneOf("format", c.Format, formatText, formatSequenceFile, formatAvro,
		formatParquet)
	p.OneOf("unions", c.Unions, unionsPlain, unionsTagged)
	c.validateFormat(p)
	p.OneOf("vanished", c.Vanished, vanishedFail, vanishedSkip)
	p.OneOf("invalid", c.Invalid, "", string(charset.Keep), string(charset.Replace),
		string(charset.Fail))
	if c.DiscoverInterval.D() < discoverIntervalMin {
		p.Addf("discover_interval", "%v is below %v", c.DiscoverInterval, discoverIntervalMin)
	}
	if c.RecordBytesMax < 1 || c.RecordBytesMax > recordBytesLimit {
		p.Addf("record_bytes_max", "%v is not between 1B and %v", c.RecordBytesMax,
			connectors.Size(recordBytesLimit))
	}
	if c.SeenMax < 1 {
		p.Addf("seen_max", "%d is below 1", c.SeenMax)
	}
	c.validateGlobs(p, "include", c.Include)
	c.validateGlobs(p, "exclude", c.Exclude)
	c.validateText(p)
}

func (c *SourceConfig) validateGlobs(p *connectors.Problems, key string, globs []string) {
	for i, g := range globs {
		if _, err := compileGlob(g); err != nil {
			p.Addf(fmt.Sprintf("%s[%d]", key, i), "%v", err)
		}
	}
}

// validateFormat refuses what means nothing to the format.
func (c *SourceConfig) validateFormat(p *connectors.Problems) {
	if c.Unions != unionsPlain && c.Format != formatAvro {
		p.Addf("unions", "only avro has unions; leave it out")
	}
	if !c.isContainer() {
		return
	}
	if c.Mode == modeTail {
		p.Addf("format", "%s files have an end; write mode = \"continuous\" to read those that appear",
			c.Format)
	}
	for _, k := range [...]struct{ key, value, spare string }{
		{"charset", c.Charset, charsetDefault}, {"invalid", c.Invalid, ""},
		{"delimiter", c.Delimiter, delimiterDefault},
	} {
		if k.value != k.spare {
			p.Addf(k.key, "only text has it; leave it out")
		}
	}
}

func (c *SourceConfig) validateText(p *connectors.Problems) {
	if c.Delimiter == "" {
		p.Addf("delimiter", "empty; write what ends a record, such as \"\\n\"")
		return
	}
	cs, err := newCharset(c.Charset, c.Invalid)
	if err != nil {
		p.Addf("charset", "%v", err)
		return
	}
	if _, err := cs.of(nil, c.Delimiter); err != nil {
		p.Addf("delimiter", "%v", err)
	}
}

// Guarantee implements connectors.SourceConfig: every record has a place in its file to go on at.
func (c *SourceConfig) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }

// Ends implements connectors.Ending.
func (c *SourceConfig) Ends() bool { return c.Mode == modeOnce }

// FileReach implements connectors.FileReader.
func (c *SourceConfig) FileReach() connectors.FileReach {
	root, glob := splitGlob(c.Path)
	return connectors.FileReach{
		Root: root, Nested: c.Nested,
		Filtered: glob != "" || len(c.Include) > 0 || len(c.Exclude) > 0,
	}
}

// Open implements connectors.SourceConfig. A missing path is reported by the first Enumerate and
// by CheckConnect, not here: a job that has read its input to the end must start again after the
// input was tidied away.
func (c *SourceConfig) Open(ctx context.Context, env connectors.Env) (connectors.Source, error) {
	return newSource(ctx, *c, env)
}

// CheckConnect implements connectors.Checker.
func (c *SourceConfig) CheckConnect(ctx context.Context, env connectors.Env) error {
	s, err := newSource(ctx, *c, env)
	if err != nil {
		return err
	}
	return connectors.AtKey("path", errors.Join(s.checkRights(ctx), s.Close()))
}

// checkRights looks whether the files that are there can be read.
func (s *Source) checkRights(ctx context.Context) error {
	files, err := s.list(ctx)
	if err != nil {
		return err
	}
	for _, f := range files[:min(len(files), rightsFilesMax)] {
		err := filesystem.CheckRead(ctx, s.fs, f.Path)
		if err != nil && !errors.Is(err, filesystem.ErrNotFound) {
			return err // one that vanished meanwhile is a matter of the key vanished
		}
	}
	return nil
}

var (
	_ connectors.SourceConfig = (*SourceConfig)(nil)
	_ connectors.Checker      = (*SourceConfig)(nil)
	_ connectors.FileReader   = (*SourceConfig)(nil)
)
