// Package wasmflow_test holds the checks over the repository as a whole.
package wasmflow_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/wasmflow/wasmflow/"

// layer is a row of the layer table: packages whose import path, below the module's, is one of
// paths or lies below it.
type layer struct {
	level int
	paths []string
}

// layers is the table of ARCHITECTURE.md. The longest matching path decides. A package may import
// packages of lower levels and of its own path's folder, nothing else of the module.
var layers = []layer{
	{7, []string{"cmd", "bench", "examples"}},
	{6, []string{"host", "host/conformance"}},
	{5, []string{
		"host/admin", "host/config", "host/console", "host/operator", "host/replay", "host/task",
		"host/supervise", "connectors/bucketing",
		"connectors/collection", "connectors/discard", "connectors/file",
		"connectors/filesystem/hdfs", "connectors/filesystem/local", "connectors/filesystem/s3",
		"connectors/generator", "connectors/kafka",
		"connectors/print",
		"connectors/socket", "connectors/stdin", "checkpoint/storelog",
	}},
	{4, []string{"connectors/format", "host/modules", "host/script"}},
	{3, []string{
		"connectors/position", "connectors/ratelimit", "connectors/transport", "host/guest",
		"checkpoint/txlog",
	}},
	{2, []string{"connectors"}},
	{1, []string{"connectors/filesystem", "checkpoint", "guests"}},
	{0, []string{"abi", "checkpoint/failpoint", "host/collector", "host/regular", "sdk", "sdk/go"}},
}

// soleImporters names libraries that exactly one folder may import. The longest prefix decides: the
// client of the schema registry is a module of its own that speaks HTTP and knows no broker.
var soleImporters = map[string]string{
	"github.com/tetratelabs/wazero":                 "host/guest",
	"oras.land/oras-go":                             "host/modules",
	"github.com/evanw/esbuild":                      "host/script",
	"github.com/colinmarc/hdfs":                     "connectors/filesystem/hdfs",
	"github.com/aws":                                "connectors/filesystem/s3",
	"github.com/twmb/franz-go":                      "connectors/kafka",
	"github.com/twmb/franz-go/pkg/sr":               "connectors/format/registry",
	"github.com/twmb/avro":                          "connectors/format/avro",
	"github.com/parquet-go/parquet-go":              "connectors/format/parquet",
	"github.com/santhosh-tekuri/jsonschema":         "connectors/format/jsonschema",
	"github.com/bufbuild/protocompile":              "connectors/format/protobuf",
	"google.golang.org/protobuf/types/dynamicpb":    "connectors/format/protobuf",
	"google.golang.org/protobuf/encoding/protojson": "connectors/format/protobuf",
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestLayersHold(t *testing.T) {
	pkgs := listPackages(t)
	require.NotEmpty(t, pkgs)
	for _, p := range pkgs {
		from := strings.TrimPrefix(p.ImportPath, modulePath)
		if from == p.ImportPath || testSupport(from) {
			continue
		}
		row, level := placeOf(from)
		if row == "" {
			t.Errorf("%s stands in no row of the layer table; add it", from)
			continue
		}
		for _, imp := range p.Imports {
			if owner := soleImporter(imp); owner != "" && !within(from, owner) && !testProgram(from) {
				t.Errorf("%s imports %s; only %s may", from, imp, owner)
			}
			to, ok := strings.CutPrefix(imp, modulePath)
			if !ok {
				continue
			}
			toRow, toLevel := placeOf(to)
			if toLevel > level || toLevel == level && toRow != row {
				t.Errorf("%s (level %d) imports %s (level %d); imports go strictly downward",
					from, level, to, toLevel)
			}
		}
	}
}

// soleImporter returns the folder that alone may import package imp, or "".
func soleImporter(imp string) (owner string) {
	longest := 0
	for lib, folder := range soleImporters {
		if within(imp, lib) && len(lib) > longest {
			owner, longest = folder, len(lib)
		}
	}
	return owner
}

// testSupport tells packages that only tests import; they may import what they test.
func testSupport(path string) bool {
	for _, p := range []string{
		"connectors/connectortest", "checkpoint/checkpointtest", "connectors/filesystem/fstest",
	} {
		if within(path, p) {
			return true
		}
	}
	return false
}

func TestTestSupportStaysInTests(t *testing.T) {
	for _, p := range listPackages(t) {
		from := strings.TrimPrefix(p.ImportPath, modulePath)
		for _, imp := range p.Imports {
			to, ok := strings.CutPrefix(imp, modulePath)
			if ok && testSupport(to) && !testSupport(from) && !testProgram(from) {
				t.Errorf("%s imports %s outside its tests", from, to)
			}
		}
	}
}

// testProgram tells commands that are no part of the product. They start servers, and speak to them
// past the product, which they judge.
func testProgram(path string) bool {
	return within(path, "cmd/chaos") || within(path, "cmd/testservers") ||
		within(path, "cmd/formatfiles") || within(path, "bench")
}

func placeOf(path string) (row string, level int) {
	level = -1
	for _, l := range layers {
		for _, p := range l.paths {
			if within(path, p) && len(p) > len(row) {
				row, level = p, l.level
			}
		}
	}
	return row, level
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	var pkgs []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		require.NoError(t, err)
		pkgs = append(pkgs, p)
	}
}
