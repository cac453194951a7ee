package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/wasmflow/wasmflow/connectors/connectortest/formats"
)

func main() {
	dir := flag.String("dir", "", "folder to write into")
	rows := flag.Int("rows", 10_000, "rows of each file")
	flag.Parse()
	err := os.MkdirAll(*dir, 0o755)
	if err == nil {
		err = formats.Write(context.Background(), *dir, formats.Rows(*rows))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "formatfiles:", err)
		os.Exit(1)
	}
}
