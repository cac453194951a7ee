package servers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
)

// The programs that come with Kafka. They are clients of another make than franz-go.
const (
	ConsoleProducer      = "org.apache.kafka.tools.ConsoleProducer"
	ConsoleConsumer      = "org.apache.kafka.tools.consumer.ConsoleConsumer"
	ConsumerGroupCommand = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
	TransactionsCommand  = "org.apache.kafka.tools.TransactionsCommand"
)

// Tool runs a program that comes with Kafka and returns what it prints. What it says on the side
// goes into the error when it fails.
func (k *Kafka) Tool(
	ctx context.Context, in io.Reader, class string, args ...string,
) ([]byte, error) {
	flags := append([]string{"-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"},
		k.java.shared()...)
	argv := k.java.command(flags, class, args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var aside bytes.Buffer
	cmd.Stdin, cmd.Stderr = in, &aside
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("running %s: %w: %s%s", class, err, aside.Bytes(), out)
	}
	return out, nil
}
