package config

import (
	"time"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/modules"
)

// Bounds of what a job file may ask for. They lie far beyond what helps and keep a slip of the
// pen, such as a missing unit, from taking the machine down.
const (
	parallelismMax  = 4096             // the number of key groups: no more tasks can own one
	batchRecordsMax = 1 << 20          // a record costs a table entry in guest memory
	batchBytesMax   = 1 << 30          // a batch and its output must fit a guest's 4 GiB
	crashTrapsMax   = 100_000          // the time of each is kept
	crashWithinMax  = 24 * time.Hour   // what is older says nothing of how the plugin does
	sampleMax       = 100_000          // a trial is to take seconds
	probationMax    = 1_000_000        // epochs; the old plugin stays in memory so long
	lingerMax       = 10 * time.Second // an idle task looks up no less often
	intervalMin     = 10 * time.Millisecond
	spanMax         = 366 * 24 * time.Hour
	retainMax       = 1000 // every retained manifest is read at each claim
	memoryMax       = 4 << 30
	memoryMin       = 64 << 10 // one page of Wasm memory
	tableMax        = 1 << 24  // table.fill of 8 bytes an element does not stop on its way
	stackMin        = 16 << 10 // a shallow call or two
	stackMax        = 24 << 20 // the engine ends at 50 MiB, and takes up to twice the estimate
	guestTimeMin    = time.Millisecond
	guestTimeMax    = time.Hour // fuel for a century would still be a 63-bit number
	outputBytesMax  = 1 << 32   // what a guest's memory could hold
	outputsMax      = 1 << 24
	logLinesMax     = 1 << 20
	moduleMax       = 1 << 30
	compileMemMin   = 64 << 20 // the process itself takes 20
	compileMemMax   = 1 << 40
	compileTimeMin  = time.Second // the unit of the operating system's limit
	jobNameMax      = 128         // leaves room in names of topics and of files for what is added
	nameMax         = 64
)

// file is the job file as a structure: a field for every key and table at its top. The tables
// whose keys depend on a connector, or that name their entries, are kept as they stand.
type file struct {
	Name       string           `toml:"name" doc:"Name of the job: letters, digits, '.', '_' and '-'. It is unique in its checkpoint store: a job that is started again under the same name goes on where it stopped."`
	Settings   Settings         `toml:"job"`
	Checkpoint Checkpoint       `toml:"checkpoint"`
	Restart    Restart          `toml:"restart"`
	Plugins    map[string]*node `toml:"plugins"`
	Sources    map[string]*node `toml:"sources"`
	Transforms map[string]*node `toml:"transforms"`
	Sinks      map[string]*node `toml:"sinks"`
	DeadLetter *node            `toml:"dead_letter"`
	Dev        dev              `toml:"dev"`
	Admin      Admin            `toml:"admin"`
	Capture    Capture          `toml:"capture"`
}

// newFile returns the defaults of everything but the named tables.
func newFile() *file {
	return &file{
		Settings: Settings{
			Batch: Batch{Records: 4096, Bytes: 1 << 20, Linger: duration(5 * time.Millisecond)},
		},
		Checkpoint: Checkpoint{
			Interval: duration(time.Second),
			Mode:     ExactlyOnce,
			Store:    ".wasmflow/store",
			Log:      "auto",
			Timeout:  duration(10 * time.Minute),
			Retain:   3,
		},
		Restart: Restart{
			Strategy:               RestartExponentialDelay,
			Attempts:               1,
			Delay:                  duration(time.Second),
			InitialBackoff:         duration(time.Second),
			MaxBackoff:             duration(5 * time.Minute),
			BackoffMultiplier:      2,
			JitterFactor:           0.1,
			ResetBackoffThreshold:  duration(time.Hour),
			MaxFailuresPerInterval: 1,
			FailureRateInterval:    duration(time.Minute),
		},
		Admin:   Admin{Address: AdminAuto},
		Capture: newCapture(),
	}
}

func duration(d time.Duration) connectors.Duration { return connectors.Duration(d) }

// Settings is the [job] table.
type Settings struct {
	ID          string `toml:"id" doc:"Pins the job id where no durable store exists. By default an id is drawn at the first start and kept in the checkpoint store."`
	Parallelism int    `toml:"parallelism" doc:"Number of tasks; 0 is the number of CPUs. A job may be restarted with another one." flink:"StreamExecutionEnvironment.setParallelism"`
	Batch       Batch  `toml:"batch"`
}

// Tasks returns the number of tasks on a machine with cpus CPUs.
func (s Settings) Tasks(cpus int) int {
	if s.Parallelism > 0 {
		return s.Parallelism
	}
	return max(1, min(cpus, parallelismMax))
}

// Batch bounds one batch of records. The first bound that is reached ends it.
type Batch struct {
	Records int                 `toml:"records" doc:"Most records in a batch."`
	Bytes   connectors.Size     `toml:"bytes" doc:"Most bytes of keys and values in a batch; a larger record travels alone."`
	Linger  connectors.Duration `toml:"linger" doc:"Longest wait for the first record of a batch."`
}

// Checkpoint is the [checkpoint] table.
type Checkpoint struct {
	Interval          connectors.Duration `toml:"interval" doc:"Time from the start of one epoch's commit to the next. Output becomes visible at a commit." flink:"StreamExecutionEnvironment.enableCheckpointing"`
	Mode              Mode                `toml:"mode" doc:"What sinks promise that do not say otherwise: exactly-once or at-least-once." flink:"CheckpointConfig.setCheckpointingMode"`
	Store             string              `toml:"store" path:"file" doc:"Folder or URL where the job's decisions, positions and modules are kept. By default the folder .wasmflow/store beside the job file." flink:"state.checkpoints.dir"`
	Log               string              `toml:"log" doc:"Where the deciding record of an epoch is written: store; kafka:NAME, into a topic beside those of the sink of that name, in one transaction with the output of every exactly-once sink of the same cluster; auto, which is the first exactly-once Kafka sink of the file, else the store. A job may be restarted with another one."`
	Timeout           connectors.Duration `toml:"timeout" doc:"A checkpoint that takes longer counts as failed." flink:"CheckpointConfig.setCheckpointTimeout"`
	MinPause          connectors.Duration `toml:"min_pause" doc:"Least time between the end of one checkpoint and the start of the next." flink:"CheckpointConfig.setMinPauseBetweenCheckpoints"`
	TolerableFailures int                 `toml:"tolerable_failures" doc:"So many checkpoints in a row may fail before the attempt fails." flink:"CheckpointConfig.setTolerableCheckpointFailureNumber"`
	Retain            int                 `toml:"retain" doc:"Number of decided epochs that are kept, for run --epoch." flink:"state.checkpoints.num-retained"`
}

// RestartStrategy says what follows when an attempt to run the job fails.
type RestartStrategy string

// The strategies.
const (
	RestartNone             RestartStrategy = "none"
	RestartFixedDelay       RestartStrategy = "fixed-delay"
	RestartExponentialDelay RestartStrategy = "exponential-delay"
	RestartFailureRate      RestartStrategy = "failure-rate"
)

// Restart is the [restart] table. Only the fields of the chosen strategy mean something.
type Restart struct {
	Strategy               RestartStrategy     `toml:"strategy" doc:"none, fixed-delay, exponential-delay or failure-rate." flink:"restart-strategy"`
	Attempts               int                 `toml:"attempts" doc:"fixed-delay: restarts before the job fails." flink:"restart-strategy.fixed-delay.attempts"`
	Delay                  connectors.Duration `toml:"delay" doc:"fixed-delay, failure-rate: pause before a restart." flink:"restart-strategy.fixed-delay.delay, restart-strategy.failure-rate.delay"`
	InitialBackoff         connectors.Duration `toml:"initial_backoff" doc:"exponential-delay: pause before the first restart." flink:"restart-strategy.exponential-delay.initial-backoff"`
	MaxBackoff             connectors.Duration `toml:"max_backoff" doc:"exponential-delay: longest pause." flink:"restart-strategy.exponential-delay.max-backoff"`
	BackoffMultiplier      float64             `toml:"backoff_multiplier" doc:"exponential-delay: every pause is so many times the one before." flink:"restart-strategy.exponential-delay.backoff-multiplier"`
	JitterFactor           float64             `toml:"jitter_factor" doc:"exponential-delay: share of the pause, 0 to 1, that is added or taken away at random." flink:"restart-strategy.exponential-delay.jitter-factor"`
	ResetBackoffThreshold  connectors.Duration `toml:"reset_backoff_threshold" doc:"exponential-delay: after so long without a failure the pause begins anew." flink:"restart-strategy.exponential-delay.reset-backoff-threshold"`
	MaxFailuresPerInterval int                 `toml:"max_failures_per_interval" doc:"failure-rate: so many failures in an interval are borne; one more fails the job." flink:"restart-strategy.failure-rate.max-failures-per-interval"`
	FailureRateInterval    connectors.Duration `toml:"failure_rate_interval" doc:"failure-rate: the interval." flink:"restart-strategy.failure-rate.failure-rate-interval"`
}

// restartKeys lists the keys that each strategy reads beside strategy itself.
func restartKeys(s RestartStrategy) []string {
	switch s {
	case RestartFixedDelay:
		return []string{"attempts", "delay"}
	case RestartExponentialDelay:
		return []string{"initial_backoff", "max_backoff", "backoff_multiplier", "jitter_factor",
			"reset_backoff_threshold"}
	case RestartFailureRate:
		return []string{"max_failures_per_interval", "failure_rate_interval", "delay"}
	}
	return nil
}

// Values of Admin.Address that are no address.
const (
	AdminAuto = "auto"
	AdminOff  = "off"
)

// Admin is the [admin] table.
type Admin struct {
	Address string            `toml:"address" doc:"host:port of the admin HTTP server; auto is a free loopback port, which the commands find through the checkpoint store; off is none."`
	Token   connectors.Secret `toml:"token" doc:"Bearer token that requests must carry. Where address is not a loopback one, it or tls.client_ca is required."`
	TLS     AdminTLS          `toml:"tls"`
	Hosts   []string          `toml:"hosts" doc:"Host names that requests may call the server by beside its addresses, such as that of a proxy before it. Without it these are the names of tls.cert; on a loopback address none."`
}

// AdminTLS is the table tls of [admin]. The zero value is plain HTTP.
type AdminTLS struct {
	Cert     string `toml:"cert" path:"file" doc:"PEM file of the server's certificate, with its chain; empty is plain HTTP."`
	Key      string `toml:"key" path:"file" doc:"PEM file of the key of cert."`
	ClientCA string `toml:"client_ca" path:"file" doc:"PEM file of the authorities whose client certificates stand in for the token."`
}

// dev is the [dev] table.
type dev struct {
	EmbeddedBroker bool `toml:"embedded_broker" doc:"Kafka sources and sinks without brokers use a broker that run starts in its own process, on a loopback address that it prints. Its topics stay in the folder .wasmflow/broker beside the job file. It is for development: a crash may take back what was written last."`
}

// Plugin is a [plugins.x] table.
type Plugin struct {
	Name   string
	Path   string       `toml:"path" path:"file" doc:"The Wasm module: a file, https://host/x.wasm, oci://registry/repository:tag or oci://registry/repository@sha256:digest. Required."`
	SHA256 string       `toml:"sha256" doc:"Hex digest the module must have. Required with run --production, unless path has the digest of an artifact."`
	Config PluginConfig `toml:"config" form:"any value" doc:"Handed to the guest as JSON when it is opened. It is kept in the checkpoint store as it is, so it is no place for secrets."`
	Limits PluginLimits `toml:"limits"`
	Watch  bool         `toml:"watch" doc:"Swaps the module when its file changes while the job runs, after a trial on live records. A plugin with sha256 is swapped by command only."`
	Swap   PluginSwap   `toml:"swap"`

	PublicKey string         `toml:"public_key" path:"file" doc:"PEM file of public keys (ECDSA P-256, Ed25519), one of which must have signed the module. By default no signature is asked for."`
	Signature string         `toml:"signature" path:"file" doc:"Where the signature is: a file or an https:// URL. By default the module's name with .sig behind it; for an artifact of a registry what cosign keeps beside it."`
	Fetch     modules.Access `toml:"fetch"`

	CrashBudget CrashBudget `toml:"crash_budget"`
}

// PluginSwap says how a plugin is replaced while the job runs.
type PluginSwap struct {
	Sample      int                 `toml:"sample" doc:"Live records that the new plugin is tried on beside the old one before it is let in; 0 tries none."`
	SampleWait  connectors.Duration `toml:"sample_wait" doc:"Longest wait for so many records; the trial goes on with those that came."`
	Probation   int                 `toml:"probation" doc:"Epochs with records after its first one in which the old plugin comes back when the new one traps or refuses too much."`
	ErrorBudget float64             `toml:"error_budget" doc:"Share of records, 0 to 1, that the new plugin may refuse above the share that the old one refused. Of few records it may refuse more: as many as chance explains."`
}

// PluginLimits bound what a guest may use. They hold for each of its instances, one a task.
type PluginLimits struct {
	Memory        connectors.Size     `toml:"memory" doc:"Most linear memory of an instance, in whole pages of 64 KiB."`
	Table         int                 `toml:"table" doc:"Most elements of all tables of an instance."`
	Stack         connectors.Size     `toml:"stack" doc:"Most stack that recursion in one call takes, by estimate; the engine takes up to twice as much."`
	TimePerBatch  connectors.Duration `toml:"time_per_batch" doc:"Longest time of one call with one batch, in fuel and by the clock. A batch that takes longer is run again piece by piece, and the record at hand alone."`
	TimePerRecord connectors.Duration `toml:"time_per_record" doc:"Longest time of a record that is run alone. It is counted in fuel (10 million units are a millisecond), so that the verdict is the same on every machine; the clock waits four times as long. The cost of a record varies with what came before it: give it 50 times what is usual."`
	TimeToStart   connectors.Duration `toml:"time_to_start" doc:"Longest time to make, describe and open an instance."`
	OutputRecords int                 `toml:"output_records" doc:"Most records that one record may become; a batch may become twice as many."`
	OutputBytes   connectors.Size     `toml:"output_bytes" doc:"Most bytes that one record may become; a batch may become twice as many."`
	LogLines      int                 `toml:"log_lines" doc:"Lines an instance may log a second, after a burst of ten times as many; the rest is counted."`
	Module        connectors.Size     `toml:"module" doc:"Most bytes of the module's file."`
	CompileMemory connectors.Size     `toml:"compile_memory" doc:"Most memory to compile the module, which a process of its own does."`
	CompileTime   connectors.Duration `toml:"compile_time" doc:"Most processor time to compile the module."`
}

// Source is a [sources.x] table.
type Source struct {
	Name      string
	Connector string `toml:"connector" doc:"Name of the connector. Required."`
	// Deserializer is zero when records are taken as the connector reads them.
	Deserializer connectors.FunctionRef `toml:"deserializer" doc:"Makes records out of the bytes that were read. By default a record is what the connector reads."`
	// KeyDeserializer is zero when keys are taken as the connector reads them.
	KeyDeserializer connectors.FunctionRef `toml:"key_deserializer" doc:"Does with keys, before the deserializer, what that does with values. It is built in; a guest sees keys in its own function anyway. By default keys stay as they are."`
	OnError         OnError                `toml:"on_error" form:"name or table" doc:"What happens to a record that the deserializer refuses: fail, skip, dead-letter, or { policy = \"skip\", share_max = 0.05 }, which stops the job when more than that share of all records is refused."`
	RateLimit       RateLimit              `toml:"rate_limit" form:"number or table" doc:"Records a second, or { records = 1000, bytes = \"1MiB\" }, of all tasks together."`
	// Timestamp is zero when records keep the timestamps of the connector.
	Timestamp connectors.FunctionRef  `toml:"timestamp" doc:"Gives records their timestamps. By default they keep those of the connector."`
	Config    connectors.SourceConfig // the connector's own keys
}

// Transform is a [transforms.x] table.
type Transform struct {
	Name     string
	From     []Edge  `toml:"from" form:"list of names" doc:"Sources and transforms whose records it takes, such as \"orders\", or \"enrich.errors\" for an output that the guest names. Required."`
	Plugin   string  `toml:"plugin" doc:"Name of a [plugins.x] table. Required."`
	Function string  `toml:"function" doc:"Function of the plugin; wasmflow inspect lists them. Required."`
	OnError  OnError `toml:"on_error" form:"name or table" doc:"What happens to a record that the function refuses, as for sources."`
}

// Sink is a [sinks.x] table, or [dead_letter].
type Sink struct {
	Name      string
	Connector string `toml:"connector" doc:"Name of the connector. Required."`
	From      []Edge `toml:"from" form:"list of names" doc:"Sources and transforms whose records it takes, as for transforms. Required."`
	// Serializer is zero when the value of a record is written as it is.
	Serializer connectors.FunctionRef `toml:"serializer" doc:"Turns a record into the bytes to write. By default these are the record's value."`
	// KeySerializer is zero when keys are written as they are.
	KeySerializer connectors.FunctionRef `toml:"key_serializer" doc:"Does with keys, after the serializer, what that does with values. It is built in. By default keys are written as they are."`
	// Partitioner is zero when the sink has no partitions or chooses by itself.
	Partitioner connectors.FunctionRef `toml:"partitioner" doc:"Chooses the partition of a record, for sinks that have partitions."`
	OnError     OnError                `toml:"on_error" form:"name or table" doc:"What happens to a record that a function of the sink refuses, as for sources."`
	Config      connectors.SinkConfig  // the connector's own keys
}

// The defaults of the named tables.
func newPlugin(name string) Plugin {
	return Plugin{
		Name: name,
		Limits: PluginLimits{
			Memory: 64 << 20, Table: 1 << 18, Stack: 1 << 20,
			TimePerBatch: duration(time.Second), TimePerRecord: duration(500 * time.Millisecond),
			TimeToStart:   duration(10 * time.Second),
			OutputRecords: 1 << 20, OutputBytes: 256 << 20,
			LogLines: 100, Module: 32 << 20,
			CompileMemory: 2 << 30, CompileTime: duration(time.Minute),
		},
		// A trap is a bug of the plugin, and costs an instance and a second run. A job that does this
		// more than ten times a second does little else, and is better off with somebody's attention.
		CrashBudget: CrashBudget{Traps: 1000, Within: duration(time.Minute), Policy: CrashFail},
		Swap: PluginSwap{
			Sample: 1000, SampleWait: duration(2 * time.Second), Probation: 3, ErrorBudget: 0.05,
		},
	}
}

func newSource(name string) Source {
	return Source{Name: name, OnError: OnError{Policy: PolicyFail}}
}

func newTransform(name string) Transform {
	return Transform{Name: name, OnError: OnError{Policy: PolicyFail}}
}

func newSink(name string) Sink { return Sink{Name: name, OnError: OnError{Policy: PolicyFail}} }
