package guest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// RunCompiler is the process that Config.Compiler names: it reads an order and a module from in,
// takes the limits of the order upon itself, compiles the module into the cache it is told, and
// writes to out what came of it. An error is about the process, not about the module.
func RunCompiler(ctx context.Context, in io.Reader, out io.Writer) error {
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	var order compileOrder
	if err := json.Unmarshal(line, &order); err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	if err := limitProcess(order); err != nil {
		return err
	}
	// The collector works harder before the operating system ends the process.
	debug.SetMemoryLimit(order.DataBytes / 4 * 3)
	binary, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("reading the module: %w", err)
	}
	answer, err := compileTo(ctx, order, binary)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(answer); err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	return nil
}

func compileTo(ctx context.Context, order compileOrder, binary []byte) (
	answer compileAnswer, err error,
) {
	cache, err := wazero.NewCompilationCacheWithDir(order.Cache)
	if err != nil {
		return answer, fmt.Errorf("opening the compilation cache: %w", err)
	}
	defer func() { err = errors.Join(err, cache.Close(ctx)) }()
	rt := wazero.NewRuntimeWithConfig(ctx,
		engineConfig(wazero.NewRuntimeConfig(), order.MemoryPages, cache))
	defer func() { err = errors.Join(err, rt.Close(ctx)) }()
	workers := experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	if _, err := rt.CompileModule(workers, binary); err != nil {
		answer.Invalid = clip(printable(err.Error()), reasonBytesMax)
	}
	return answer, nil
}
