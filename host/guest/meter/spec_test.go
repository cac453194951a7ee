package meter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasmflow/wasmflow/host/guest/meter"
)

// script is one file of the standard's suite.
type script struct {
	Commands []command `json:"commands"`
}

type command struct {
	Type     string `json:"type"`
	Line     int    `json:"line"`
	Name     string `json:"name"`
	Filename string `json:"filename"`
	As       string `json:"as"`
	Action   action `json:"action"`
}

type action struct {
	Type   string  `json:"type"`
	Field  string  `json:"field"`
	Module string  `json:"module"`
	Args   []value `json:"args"`
}

type value struct {
	Type  string          `json:"type"`
	Lane  string          `json:"lane_type"`
	Value json.RawMessage `json:"value"`
}

// words encodes an argument as the engine's stack has it.
func (v value) words(t *testing.T) []uint64 {
	t.Helper()
	if v.Type != "v128" {
		var text string
		require.NoError(t, json.Unmarshal(v.Value, &text))
		return []uint64{number(t, v.Type, text)}
	}
	var lanes []string
	require.NoError(t, json.Unmarshal(v.Value, &lanes))
	bits := 128 / len(lanes)
	words := make([]uint64, 2)
	for i, lane := range lanes {
		n := number(t, v.Lane, lane)
		if bits < 64 {
			n &= 1<<bits - 1
		}
		words[i*bits/64] |= n << (i * bits % 64)
	}
	return words
}

func number(t *testing.T, kind, text string) uint64 {
	t.Helper()
	switch {
	case text == "null":
		return 0
	case strings.HasPrefix(text, "nan"):
		if strings.HasSuffix(kind, "32") {
			return 0x7fc00000
		}
		return 0x7ff8000000000000
	case strings.HasPrefix(text, "-"):
		n, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		return uint64(n)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	if kind == "externref" {
		n++ // 0 is null
	}
	return n
}

// stage runs a script twice, as it stands and rewritten.
type stage struct {
	folder         string
	plain, metered wazero.Runtime
	modules        map[string]pair
	last           pair
	calls          int
}

type pair struct{ plain, metered api.Module }

func (s *stage) module(t *testing.T, file, name string) {
	t.Helper()
	ctx := context.Background()
	s.last = pair{}
	binary, err := os.ReadFile(filepath.Join(s.folder, file))
	require.NoError(t, err)
	rewritten, ok := rewrite(t, binary)
	if !ok {
		return // of a feature that guests may not use
	}
	cfg := wazero.NewModuleConfig().WithName(name)
	plain, plainErr := s.plain.InstantiateWithConfig(ctx, binary, cfg)
	metered, meteredErr := s.metered.InstantiateWithConfig(ctx, rewritten, cfg)
	require.Equal(t, reason(plainErr), reason(meteredErr), file)
	if plainErr == nil {
		requireSameMemory(t, plain, metered, file)
		s.last = pair{plain, metered}
	}
}

func (s *stage) invoke(t *testing.T, c command) {
	t.Helper()
	ctx := context.Background()
	p := s.last
	if c.Action.Module != "" {
		p = s.modules[c.Action.Module]
	}
	if p.plain == nil || c.Action.Type != "invoke" {
		return
	}
	at := fmt.Sprintf("line %d: %s", c.Line, c.Action.Field)
	var args []uint64
	for _, a := range c.Action.Args {
		args = append(args, a.words(t)...)
	}
	want, plainErr := p.plain.ExportedFunction(c.Action.Field).Call(ctx, args...)
	if p.metered.ExportedGlobal(meter.GlobalFuel) != nil {
		arm(t, p.metered, budget)
	}
	got, meteredErr := p.metered.ExportedFunction(c.Action.Field).Call(ctx, args...)
	s.calls++
	if plainErr != nil && strings.Contains(plainErr.Error(), "stack overflow") {
		// The stack of the guest ends before that of the engine does.
		require.Error(t, meteredErr, at)
		return
	}
	require.Equal(t, reason(plainErr), reason(meteredErr), at)
	require.Equal(t, want, got, at)
	requireSameMemory(t, p.plain, p.metered, at)
}

// requireRefused requires an invalid module to stay so.
func (s *stage) requireRefused(t *testing.T, c command) {
	t.Helper()
	if filepath.Ext(c.Filename) != ".wasm" {
		return
	}
	binary, err := os.ReadFile(filepath.Join(s.folder, c.Filename))
	require.NoError(t, err)
	if rewritten, ok := rewrite(t, binary); ok {
		_, err := s.metered.CompileModule(context.Background(), rewritten)
		if _, plainErr := s.plain.CompileModule(context.Background(), binary); plainErr != nil {
			require.Error(t, err, "%s: an invalid module became valid", c.Filename)
		}
	}
}

func (s *stage) run(t *testing.T, commands []command) {
	t.Helper()
	for i, c := range commands {
		switch c.Type {
		case "module", "assert_uninstantiable", "assert_unlinkable":
			name := ""
			if i+1 < len(commands) && commands[i+1].Type == "register" {
				name = commands[i+1].As
			}
			before := s.last
			s.module(t, c.Filename, name)
			if c.Type != "module" {
				s.last = before
			} else if c.Name != "" {
				s.modules[c.Name] = s.last
			}
		case "assert_invalid", "assert_malformed":
			s.requireRefused(t, c)
		case "action", "assert_return", "assert_trap", "assert_exhaustion":
			s.invoke(t, c)
		}
	}
}

// TestTheStandardsSuite runs the suite of WebAssembly 1.0 and 2.0 on modules as they stand and
// rewritten, and compares results, traps and memories.
func TestTheStandardsSuite(t *testing.T) {
	root := filepath.Join(engineTests(t), "spectest")
	host, err := os.ReadFile(filepath.Join(root, "testdata", "spectest.wasm"))
	require.NoError(t, err)
	engines := map[string]func() wazero.RuntimeConfig{
		"interpreter": wazero.NewRuntimeConfigInterpreter,
	}
	if !raceEnabled {
		// Compiling thousands of modules takes minutes with the detector; what it would look at is
		// the engine's, and machine code is out of its sight.
		engines["compiler"] = wazero.NewRuntimeConfig
	}
	for name, config := range engines {
		for _, version := range []string{"v1", "v2"} {
			t.Run(name+" "+version, func(t *testing.T) {
				folder := filepath.Join(root, version, "testdata")
				scripts, err := filepath.Glob(filepath.Join(folder, "*.json"))
				require.NoError(t, err)
				calls := 0
				for _, path := range scripts {
					t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
						text, err := os.ReadFile(path)
						require.NoError(t, err)
						var all script
						require.NoError(t, json.Unmarshal(text, &all))
						s := &stage{folder: folder, plain: newRuntime(t, config()),
							metered: newRuntime(t, config()), modules: map[string]pair{}}
						for _, r := range []wazero.Runtime{s.plain, s.metered} {
							_, err := r.Instantiate(context.Background(), host)
							require.NoError(t, err)
						}
						s.run(t, all.Commands)
						calls += s.calls
					})
				}
				require.Greater(t, calls, 15_000)
			})
		}
	}
}
