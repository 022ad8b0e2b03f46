// Package store lets workers on many machines train the blocks of studies. They share a PostgreSQL database, and nothing
// else.
//
// The command that submits a study uses a [Scheduler]. Each worker process runs a [Worker]. A River job is one try of one
// segment of a block. In one transaction, the worker that ran it keeps the records, the state of the block, and the job
// of the next segment. It also completes the job, and plans what follows: survivors of a rung, and the next round of a
// sampler. So a study continues without the process that submitted it.
//
// A job is tried once. A new job for the same segment is inserted if a worker is lost. The first statement of the
// transaction is a fence: it fails if the job is no longer running. So a worker that was frozen for a while cannot change
// what others have taken over.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"fusegrid/internal/strictjson"
	"fusegrid/results"
)

// DefaultSchema is the schema of the tables, unless the URL has a search_path.
const DefaultSchema = "fusegrid"

// version is the version of the tables of this package.
const version = 1

// A Store is a database with studies. T is the type of its transactions, which is pgx.Tx for PostgreSQL.
type Store[T any] struct {
	db     database[T]
	driver riverdriver.Driver[T]
	client *river.Client[T] // only inserts and cancels jobs
	schema string           // "" if the database has no schemas

	encoder  *strictjson.Encoder[results.Record]
	decoders sync.Pool // of *recordDecoder
}

// A recordDecoder decodes records.
type recordDecoder = strictjson.Decoder[results.Record]

// A database is what differs between PostgreSQL and the database of unit tests.
type database[T any] interface {
	begin(ctx context.Context) (T, conn, error)
	close()
	dialect() dialect
}

// A dialect holds the parts of SQL that differ.
type dialect struct {
	id   string                      // the type of a primary key that counts
	now  string                      // the time of the server in seconds
	lock string                      // locks the rows of a query
	skip string                      // lock, without the rows that others have locked
	ago  func(seconds string) string // the time of the server some seconds ago, as River's tables have it
	time func(time.Time) any
}

// A conn is a transaction.
type conn interface {
	exec(ctx context.Context, sql string, args ...any) (affected int64, err error)
	query(ctx context.Context, sql string, args ...any) (rows, error)
	commit(ctx context.Context) error
	rollback(ctx context.Context) error
}

// Rows are the rows of a query.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	close()
}

// newStore returns a store on a database.
func newStore[T any](db database[T], driver riverdriver.Driver[T], schema string) (*Store[T], error) {
	client, err := river.NewClient(driver, &river.Config{Schema: schema, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, err
	}
	return &Store[T]{
		db: db, driver: driver, client: client, schema: schema,
		encoder:  strictjson.NewEncoder[results.Record](),
		decoders: sync.Pool{New: func() any { return strictjson.NewDecoder[results.Record]() }},
	}, nil
}

// Close closes the connections.
func (s *Store[T]) Close() { s.db.close() }

// inTx calls do in a transaction, which it commits unless do returns an error. It repeats the transaction after a
// deadlock, so do must set its results anew.
func (s *Store[T]) inTx(ctx context.Context, do func(tx T, c conn) error) (err error) {
	for range 5 {
		if err = s.once(ctx, do); err == nil || !isTransient(err) {
			break
		}
	}
	return err
}

// once calls do in one transaction.
func (s *Store[T]) once(ctx context.Context, do func(tx T, c conn) error) error {
	tx, c, err := s.db.begin(ctx)
	if err != nil {
		return err
	}
	if err := do(tx, c); err != nil {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = c.rollback(limited) // the error of do matters
		return err
	}
	return c.commit(ctx)
}

// briefly is inTx for transactions that take milliseconds. If they take 30 seconds, the database counts as away, because
// a connection that the network has dropped silently would be noticed only after minutes.
func (s *Store[T]) briefly(ctx context.Context, do func(tx T, c conn) error) error {
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s.inTx(limited, do)
}

// read calls row for each row of a query. The function row gets the function that scans the row.
func read(ctx context.Context, c conn, row func(scan func(...any) error) error, sql string, args ...any) error {
	r, err := c.query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer r.close()
	for r.Next() {
		if err := row(r.Scan); err != nil {
			return err
		}
	}
	return r.Err()
}

// one scans the only row of a query. It reports false if there is none.
func one(ctx context.Context, c conn, dest []any, sql string, args ...any) (found bool, err error) {
	err = read(ctx, c, func(scan func(...any) error) error {
		found = true
		return scan(dest...)
	}, sql, args...)
	return found, err
}

// An InputError is an error that the user can cure. It has one line with what to do.
type InputError struct{ Err error }

func (e InputError) Error() string { return e.Err.Error() }
func (e InputError) Unwrap() error { return e.Err }

func input(format string, args ...any) error { return InputError{fmt.Errorf(format, args...)} }

// initCommand makes the tables.
const initCommand = "sweep store init -store URL"

// Settings are values that all workers of a store share.
type settings struct {
	Segment time.Duration // the time of a segment
	Timeout time.Duration // the time after which a running job counts as lost
}

// check returns an error if the tables are missing, or of another version of this package or of River.
func (s *Store[T]) check(ctx context.Context) (set settings, err error) {
	err = s.inTx(ctx, func(_ T, c conn) error {
		if ok, err := s.hasTable(ctx, c, "setting"); err != nil || !ok {
			return cmp.Or(err, input("the database has no tables of fusegrid; run %s", initCommand))
		}
		if s.schema != "" {
			usable, user := false, ""
			if _, err := one(ctx, c, []any{&usable, &user}, "SELECT has_schema_privilege($1, 'USAGE'), current_user::text", s.schema); err != nil || !usable {
				return cmp.Or(err, input("%s has no rights in schema %s; its owner runs sweep store grant %s", user, s.schema, user))
			}
		}
		var err error
		if set, err = readSettings(ctx, c); err != nil {
			return err
		}
		return s.checkRiver(ctx, c)
	})
	return set, err
}

// readSettings reads the settings. It returns an error if the tables are of another version of this package.
func readSettings(ctx context.Context, c conn) (set settings, err error) {
	found := 0
	err = read(ctx, c, func(scan func(...any) error) error {
		var name string
		var value float64
		if err := scan(&name, &value); err != nil {
			return err
		}
		switch name {
		case "schema":
			found = int(value)
		case "segment":
			set.Segment = time.Duration(value * float64(time.Second))
		case "timeout":
			set.Timeout = time.Duration(value * float64(time.Second))
		}
		return nil
	}, "SELECT name, value FROM setting")
	switch {
	case err != nil:
		return set, err
	case found < version:
		return set, input("the tables of fusegrid have version %d, this program needs %d; run %s", found, version, initCommand)
	case found > version:
		return set, input("the tables of fusegrid have version %d, this program knows versions up to %d; use a newer program", found, version)
	case set.Segment <= 0 || set.Timeout < 2*set.Segment:
		return set, input("the settings of the store are damaged: segments of %v, timeout %v; run %s", set.Segment, set.Timeout, initCommand)
	}
	return set, nil
}

// checkRiver returns an error if the tables of River are of another version.
func (s *Store[T]) checkRiver(ctx context.Context, c conn) error {
	m, err := s.migrator()
	if err != nil {
		return err
	}
	if ok, err := s.hasTable(ctx, c, "river_migration"); err != nil || !ok {
		return cmp.Or(err, input("the tables of River are missing; run %s", initCommand))
	}
	has := 0
	if _, err := one(ctx, c, []any{&has}, "SELECT coalesce(max(version), 0) FROM river_migration"); err != nil {
		return err
	}
	all := m.AllVersions()
	switch want := all[len(all)-1].Version; {
	case has < want:
		return input("the tables of River have version %d, this program needs %d; run %s", has, want, initCommand)
	case has > want:
		return input("the tables of River have version %d, this program knows versions up to %d; use a newer program", has, want)
	}
	return nil
}

func (s *Store[T]) migrator() (*rivermigrate.Migrator[T], error) {
	return rivermigrate.New(s.driver, &rivermigrate.Config{Schema: s.schema, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

// jobStates are the states of jobs that still run or will run.
var jobStates = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}

// liveJobs is the condition in SQL for the states of jobStates.
const liveJobs = "('available','pending','running','retryable','scheduled')"

// A segmentJob is the job of one try of a segment. River's indexes make large arguments slow.
type segmentJob struct {
	Block   int64 `json:"block"`
	Segment int   `json:"segment"` // number of segments that were kept before
}

func (segmentJob) Kind() string { return "segment" }

// options returns the options of a job. A job is tried once, and only one job of a segment is alive at a time.
func options(queue string, priority int) *river.InsertOpts {
	return &river.InsertOpts{
		MaxAttempts: 1, Queue: queue, Priority: priority,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: jobStates},
	}
}

var errMoved = errors.New("the block is no longer ours")
