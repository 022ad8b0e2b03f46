package store

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"fusegrid/internal/say"
)

// isAway reports whether an error means that the database cannot be reached, is starting or stopping, or has no space.
// Waiting may cure it.
func isAway(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Classes 08 connection, 53 resources, 57P admin; 25P03 is the timeout of a session that was frozen.
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57P") || pg.Code == "25P03"
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) ||
		err != nil && strings.Contains(err.Error(), "conn closed")
}

// isTransient reports whether a transaction may succeed if it is repeated: it was a deadlock, or it lost a race.
func isTransient(err error) bool {
	state := stateOf(err)
	return strings.HasPrefix(state, "40") || state == "55P03" || strings.Contains(err.Error(), "SQLITE_BUSY")
}

// A messageFolder folds the messages of an outage into two lines, and drops repeated messages. It is safe for concurrent
// use.
type messageFolder struct {
	log *log.Logger

	mu     sync.Mutex
	since  time.Time // when the database went away; zero if it is there
	last   string
	lastAt time.Time
}

func newFolder(l *log.Logger) *messageFolder { return &messageFolder{log: l} }

// away notes that the database could not be reached.
func (f *messageFolder) away(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since.IsZero() {
		f.since = time.Now()
		f.log.Printf("the database is away: %s; work goes on, and is kept when it is back", lastCause(err))
	}
}

// back notes that the database was reached.
func (f *messageFolder) back() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.since.IsZero() {
		f.log.Printf("the database is back after %s", say.Clock(time.Since(f.since)))
		f.since = time.Time{}
	}
}

// end is called at the end of the process.
func (f *messageFolder) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.since.IsZero() {
		f.log.Printf("the database was away for %s", say.Clock(time.Since(f.since)))
	}
}

// note logs a message, unless it is the same as the last one within a minute.
func (f *messageFolder) note(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.since.IsZero() || text == f.last && time.Since(f.lastAt) < time.Minute {
		return
	}
	f.last, f.lastAt = text, time.Now()
	f.log.Print(text)
}

// logger returns a logger for River. Its warnings and errors are about the connection, which others note in one line, or
// about jobs that were lost, which the worker handles. So only unknown errors are shown.
func (f *messageFolder) logger() *slog.Logger { return slog.New(riverLog{f}) }

type riverLog struct{ *messageFolder }

func (riverLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l riverLog) WithAttrs([]slog.Attr) slog.Handler             { return l }
func (l riverLog) WithGroup(string) slog.Handler                  { return l }

// Handle shows an error of River in one line, unless the database is away, or the error is one of a connection.
func (l riverLog) Handle(_ context.Context, r slog.Record) error {
	var cause error
	text := ""
	r.Attrs(func(a slog.Attr) bool {
		switch v := a.Value.Any().(type) {
		case error:
			cause = v
		case string:
			if a.Key == "error" || a.Key == "err" {
				text = v
			}
		}
		return true
	})
	if cause != nil {
		text = cause.Error()
	}
	for _, known := range []string{"closed", "connect", "EOF", "context canceled", "deadline exceeded", "terminating", "shutting down", "starting up", "broken pipe", "SQLSTATE 53", "SQLSTATE 57", "SQLSTATE 25P", "timeout"} {
		if strings.Contains(text, known) {
			return nil
		}
	}
	line := r.Message
	if text != "" {
		line += ": " + strings.Join(strings.Fields(text), " ")
	}
	l.note("River: " + line)
	return nil
}
