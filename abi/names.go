package abi

import "slices"

// The version of the contract. The major stands in the name of the marker export, so that a host
// knows it before it calls anything; the marker returns the lowest minor the guest needs.
const (
	Major = 1
	Minor = 0
)

// Exports of a guest.
const (
	ExportMemory     = "memory"
	ExportInitialize = "_initialize"
	ExportStart      = "_start"
	// ExportMarkerPrefix plus a decimal major is the marker of any major; a host that finds another
	// one than ExportMarker can say which.
	ExportMarkerPrefix = "wasmflow_abi_v"
	ExportMarker       = "wasmflow_abi_v1"
	ExportDescribe     = "wasmflow_describe"
	ExportOpen         = "wasmflow_open"
	ExportReserve      = "wasmflow_reserve"
	ExportProcess      = "wasmflow_process"
	// ExportMigrate is optional: it takes over state of another version.
	ExportMigrate = "wasmflow_migrate"
	// ExportScript is optional: it takes the script of SectionScript.
	ExportScript = "wasmflow_script"
)

// SectionScript is the custom section in which a module carries the script that it runs.
const SectionScript = "wasmflow.script"

// Import modules and the functions in ImportModule.
const (
	ImportModule     = "wasmflow"
	ImportModuleWASI = "wasi_snapshot_preview1"
	ImportModuleEnv  = "env"

	ImportLog    = "log"
	ImportMetric = "metric"

	// The rest is specified and not offered by hosts of minor 0: an import of one of them is
	// refused by name, with the capability it belongs to (ReservedImports).
	ImportStateGet     = "state_get"
	ImportStatePut     = "state_put"
	ImportStateDelete  = "state_delete"
	ImportStateIterate = "state_iterate"
	ImportTimerSet     = "timer_set"
	ImportTimerDelete  = "timer_delete"
	ImportAsyncRequest = "async_request"
	// ImportEnvAbort is what AssemblyScript calls before it traps.
	ImportEnvAbort = "abort"
)

// Capability is something a guest may ask for in its description beyond pure computation.
type Capability string

// Capabilities that are specified. A host of minor 0 offers none of them.
const (
	CapabilityState      Capability = "state"
	CapabilityTimers     Capability = "timers"
	CapabilityAsync      Capability = "async"
	CapabilityWatermarks Capability = "watermarks"
	CapabilityJoins      Capability = "joins"
	CapabilityClock      Capability = "clock"
	CapabilityNetwork    Capability = "network"
)

// Capabilities lists every specified capability.
func Capabilities() []Capability {
	return []Capability{
		CapabilityState, CapabilityTimers, CapabilityAsync, CapabilityWatermarks, CapabilityJoins,
		CapabilityClock, CapabilityNetwork,
	}
}

// ReservedImport returns the capability that a reserved function of module ImportModule belongs to,
// and whether the name is reserved at all.
func ReservedImport(name string) (Capability, bool) {
	switch name {
	case ImportStateGet, ImportStatePut, ImportStateDelete, ImportStateIterate:
		return CapabilityState, true
	case ImportTimerSet, ImportTimerDelete:
		return CapabilityTimers, true
	case ImportAsyncRequest:
		return CapabilityAsync, true
	}
	return "", false
}

// Role says where in a job a function of a guest can stand.
type Role string

// Roles that a host of minor 0 runs.
const (
	RoleDeserializer Role = "deserializer"
	RoleTransform    Role = "transform"
	RolePartitioner  Role = "partitioner"
	RoleBucketer     Role = "bucketer"
	RoleSerializer   Role = "serializer"
)

// Roles that are specified and not run by hosts of minor 0.
const (
	RoleKeySelector       Role = "key_selector"
	RoleTimestampAssigner Role = "timestamp_assigner"
	RoleAsyncRequest      Role = "async_request"
	RoleAsyncResponse     Role = "async_response"
)

// Roles lists the roles that this version of the host runs.
func Roles() []Role {
	return []Role{
		RoleDeserializer, RoleTransform, RolePartitioner, RoleBucketer, RoleSerializer,
	}
}

// ReservedRoles lists the roles that are specified but not run yet.
func ReservedRoles() []Role {
	return []Role{RoleKeySelector, RoleTimestampAssigner, RoleAsyncRequest, RoleAsyncResponse}
}

// Supported reports whether this version of the host runs functions of the role.
func (r Role) Supported() bool { return slices.Contains(Roles(), r) }

// NamedOutputs reports whether a function of the role may declare outputs beside the main one.
func (r Role) NamedOutputs() bool { return r == RoleDeserializer || r == RoleTransform }

// OneAnswerPerRecord reports whether the role answers a question about each record (which
// partition, which bucket) rather than making new records.
func (r Role) OneAnswerPerRecord() bool { return r == RolePartitioner || r == RoleBucketer }

// LogLevel is the level argument of the log host function.
type LogLevel uint32

// Levels of the log host function.
const (
	LogDebug LogLevel = 0
	LogInfo  LogLevel = 1
	LogWarn  LogLevel = 2
	LogError LogLevel = 3
)

// MetricKind is the kind argument of the metric host function.
type MetricKind uint32

// Kinds of the metric host function: a counter is added to, a gauge is set, a histogram observes.
const (
	MetricCounter   MetricKind = 0
	MetricGauge     MetricKind = 1
	MetricHistogram MetricKind = 2
)

// Unpack splits the i64 that describe and open return: address in the high word, length in the low.
func Unpack(result uint64) (ptr, size uint32) { return uint32(result >> 32), uint32(result) }

// Pack is the inverse of Unpack.
func Pack(ptr, size uint32) uint64 { return uint64(ptr)<<32 | uint64(size) }
