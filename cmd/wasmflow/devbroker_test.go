package main

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/kafka/devbroker"
)

func TestDevBrokerServesUntilASignal(t *testing.T) {
	out, printed := io.Pipe()
	signals := make(chan os.Signal, 1)
	p := &process{stdout: printed, signals: signals}
	done := make(chan error, 1)
	go func() { // ends with the signal below
		done <- runDevBroker(t.Context(), p, devbroker.Options{Address: "127.0.0.1:0"})
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, `broker ready: brokers = ["127.0.0.1:`), line)
	signals <- os.Interrupt
	require.NoError(t, <-done)
}
