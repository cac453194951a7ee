package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// clientLogger hands what the client has to say to the job's log. What it calls information is
// for who debugs the client.
type clientLogger struct{ logger *slog.Logger }

// Level asks for no more than the log shows.
func (l clientLogger) Level() kgo.LogLevel {
	if l.logger.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

// Log writes one line.
func (l clientLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	at := slog.LevelDebug
	switch level {
	case kgo.LogLevelError, kgo.LogLevelWarn:
		// The client goes on after everything that it logs; what ends it is returned.
		at = slog.LevelWarn
	}
	l.logger.Log(context.Background(), at, "kafka client: "+msg, keyvals...)
}

var _ kgo.Logger = clientLogger{}
