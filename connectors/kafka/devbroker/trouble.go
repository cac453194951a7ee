package devbroker

import (
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// logger passes on what the cluster warns of. A full disk makes it say the same with every request
// that is tried again, so what was said last is not said twice.
type logger struct {
	trouble func(text string)
	mu      struct {
		sync.Mutex
		last string
	}
}

// Logf implements kfake.Logger.
func (l *logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if level > kfake.LogLevelWarn {
		return
	}
	text := fmt.Sprintf(format, args...)
	l.mu.Lock()
	again := text == l.mu.last
	l.mu.last = text
	l.mu.Unlock()
	if !again {
		l.trouble(text)
	}
}

var _ kfake.Logger = (*logger)(nil)
