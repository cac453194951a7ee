package main

import (
	"encoding/binary"
	"slices"
	"strings"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/json"
)

// settings is the plugin's configuration.
type settings struct {
	Field   string `json:"field" required:"true" doc:"the field that decides, like user.id"`
	Missing string `json:"missing" enum:"error,any,first" doc:"what records without it do"`
}

func (s *settings) Validate() error {
	if slices.Contains(strings.Split(s.Field, "."), "") {
		return wasmflow.BadField("field", "is not a path like user.id")
	}
	return nil
}

// codeMissing is the code of the failure of a record without the field.
const codeMissing = 1

var errMissing = wasmflow.Fail(codeMissing, "the field is missing")

func init() {
	f := &function{settings: &settings{Missing: "error"}}
	wasmflow.Plugin("partition-by-field", "1.0.0")
	wasmflow.Config(f.settings)
	wasmflow.OnOpen(f.open)
	wasmflow.Partitioner("partition_by_field", f.partition,
		wasmflow.Doc("chooses the partition by a JSON field, with Kafka's hash"))
}

func main() {}

type function struct {
	settings *settings
	path     []string
	parser   json.Parser
}

func (f *function) open() error {
	f.path = strings.Split(f.settings.Field, ".")
	return nil
}

func (f *function) partition(_ *wasmflow.Context, r wasmflow.Record, n int) (int, error) {
	record, err := f.parser.Parse(r.Value())
	if err != nil {
		return 0, err
	}
	switch v := record.Get(f.path...); v.Kind() {
	case json.String:
		return choose(v.Bytes(), n), nil
	case json.Number, json.Bool:
		return choose(v.Raw(), n), nil
	}
	switch f.settings.Missing {
	case "any":
		return -1, nil
	case "first":
		return 0, nil
	}
	return 0, errMissing
}

// choose returns the partition among n of Kafka's default partitioner.
func choose(key []byte, n int) int {
	if n == 0 {
		return -1
	}
	return int(murmur2(key)&0x7fffffff) % n
}

// murmur2 is the 32-bit hash of that name with Kafka's seed.
func murmur2(data []byte) uint32 {
	const (
		seed     = 0x9747b28c
		multiply = 0x5bd1e995
		shift    = 24
	)
	h := seed ^ uint32(len(data))
	for len(data) >= 4 {
		k := binary.LittleEndian.Uint32(data) * multiply
		k ^= k >> shift
		h = h*multiply ^ k*multiply
		data = data[4:]
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(data[0])) * multiply
	}
	h ^= h >> 13
	h *= multiply
	return h ^ h>>15
}
