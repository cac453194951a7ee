package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// repeatAfter is how soon the client may say the same again: while a broker is away it would say
// it with every attempt to connect.
const repeatAfter = 30 * time.Second

// clientLogger hands what the client has to say to the job's log. What it calls information is
// for who debugs the client.
type clientLogger struct {
	logger *slog.Logger
	now    func() time.Time

	mu struct {
		sync.Mutex
		said map[string]time.Time // messages are constants of the client, so they are few
	}
}

func newClientLogger(logger *slog.Logger, now func() time.Time) *clientLogger {
	l := &clientLogger{logger: logger, now: now}
	l.mu.said = map[string]time.Time{}
	return l
}

// Level asks for no more than the log shows.
func (l *clientLogger) Level() kgo.LogLevel {
	if l.logger.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

// Log writes one line, unless it says what was said a moment ago.
func (l *clientLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	at := slog.LevelDebug
	switch level {
	case kgo.LogLevelError, kgo.LogLevelWarn:
		// The client goes on after everything that it logs; what ends it is returned.
		at = slog.LevelWarn
		if l.repeats(msg) {
			return
		}
	}
	l.logger.Log(context.Background(), at, "kafka client: "+msg, keyvals...)
}

func (l *clientLogger) repeats(msg string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if before, ok := l.mu.said[msg]; ok && now.Sub(before) < repeatAfter {
		return true
	}
	l.mu.said[msg] = now
	return false
}

var _ kgo.Logger = (*clientLogger)(nil)
