// Command compiler is what guest.Config.Compiler names in tests.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/wasmflow/wasmflow/host/guest"
)

func main() {
	if err := guest.RunCompiler(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
