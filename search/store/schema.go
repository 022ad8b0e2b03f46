package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river/rivermigrate"
)

// Tables are the tables of version 1. Times are seconds since 1970 on the clock of the server.
const tables = `
CREATE TABLE setting (name text PRIMARY KEY, value float8 NOT NULL);

CREATE TABLE study (
	id {id}, name text NOT NULL UNIQUE,
	identity text NOT NULL,   -- hash of all that determines the trials
	spec text NOT NULL,       -- from which a worker makes the program
	queue text NOT NULL,      -- of River; workers with the same data, type and class share it
	data text NOT NULL, class text NOT NULL,
	priority integer NOT NULL, state text NOT NULL, round integer NOT NULL, points integer NOT NULL,
	began float8 NOT NULL, ended float8);

CREATE TABLE block (
	id {id}, study bigint NOT NULL REFERENCES study ON DELETE CASCADE, round integer NOT NULL,
	name text NOT NULL,       -- its ID
	trials text NOT NULL,     -- their configurations
	segment integer NOT NULL, -- number of segments that were kept
	done integer NOT NULL,    -- iterations
	waits boolean NOT NULL, ended boolean NOT NULL,
	tries integer NOT NULL,   -- jobs since the last segment that was kept
	UNIQUE (study, name));
CREATE INDEX block_open ON block (study) WHERE NOT ended;

CREATE TABLE state (block bigint REFERENCES block ON DELETE CASCADE, part integer, data bytea NOT NULL, PRIMARY KEY (block, part));

CREATE TABLE trial (
	id {id}, study bigint NOT NULL REFERENCES study ON DELETE CASCADE, key text NOT NULL,
	state text NOT NULL, steps integer NOT NULL, val float8, race text NOT NULL,
	class text NOT NULL, record text NOT NULL, curve bytea, UNIQUE (study, key));

CREATE TABLE rung (
	study bigint REFERENCES study ON DELETE CASCADE, key text, step integer,
	val float8,               -- NULL if the trial has left its bracket
	PRIMARY KEY (study, key, step));

CREATE TABLE file (
	study bigint REFERENCES study ON DELETE CASCADE, kind text, key text, part integer, data bytea NOT NULL,
	PRIMARY KEY (study, kind, key, part));

CREATE TABLE worker (
	name text PRIMARY KEY, host text NOT NULL, pid integer NOT NULL, cores integer NOT NULL, class text NOT NULL, version text NOT NULL,
	began float8 NOT NULL, seen float8 NOT NULL, left_at float8,
	segments bigint NOT NULL, trials bigint NOT NULL, iters float8 NOT NULL, flops float8 NOT NULL,
	rate float8 NOT NULL,     -- operations per second since the sign of life before
	busy integer NOT NULL, study text NOT NULL);

CREATE TABLE alarm (
	id {id}, study bigint NOT NULL REFERENCES study ON DELETE CASCADE, key text NOT NULL,
	kept text NOT NULL, refused text NOT NULL, worker text NOT NULL, at float8 NOT NULL);
`

// DefaultSegment is the time of a segment.
const DefaultSegment = 60 * time.Second

// timeout returns the time after which a job counts as lost. A segment ends after half of it at the latest.
func timeout(segment time.Duration) time.Duration { return 2*segment + 2*time.Second }

// Init makes the tables of River and of this package, unless they exist. A segment of 0 leaves the setting as it is, which
// is DefaultSegment at first. It reports whether it changed anything.
func (s *Store[T]) Init(ctx context.Context, segment time.Duration) (changed bool, err error) {
	m, err := s.migrator()
	if err != nil {
		return false, err
	}
	err = s.inTx(ctx, func(_ T, c conn) (err error) {
		changed, err = s.makeSchema(ctx, c)
		return err
	})
	if err != nil {
		return false, err
	}
	// Each migration has its own transaction: PostgreSQL cannot use a new word of an enumeration in the transaction that
	// adds it.
	done, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return changed, err
	}
	changed = changed || len(done.Versions) > 0
	err = s.inTx(ctx, func(_ T, c conn) error {
		has, err := s.hasTable(ctx, c, "setting")
		if err != nil {
			return err
		}
		if !has {
			changed = true
			for statement := range strings.SplitSeq(strings.ReplaceAll(tables, "{id}", s.db.dialect().id), ";\n") {
				if strings.TrimSpace(statement) == "" {
					continue
				}
				if _, err := c.exec(ctx, statement); err != nil {
					return err
				}
			}
			if _, err := c.exec(ctx, "INSERT INTO setting (name, value) VALUES ('schema', $1)", version); err != nil {
				return err
			}
			if segment == 0 {
				segment = DefaultSegment
			}
		}
		if segment == 0 {
			return nil
		}
		for name, v := range map[string]float64{"segment": segment.Seconds(), "timeout": timeout(segment).Seconds()} {
			if _, err := c.exec(ctx, "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = s.check(ctx)
	}
	return changed, err
}

// makeSchema makes the schema unless it exists. CREATE SCHEMA IF NOT EXISTS would need rights on the database even if it
// exists.
func (s *Store[T]) makeSchema(ctx context.Context, c conn) (made bool, err error) {
	if s.schema == "" {
		return false, nil
	}
	exists, user := false, ""
	if _, err := one(ctx, c, []any{&exists, &user}, "SELECT to_regnamespace($1) IS NOT NULL, current_user::text", quoted(s.schema)); err != nil || exists {
		return false, err
	}
	_, err = c.exec(ctx, "CREATE SCHEMA "+quoted(s.schema))
	if stateOf(err) == "42501" {
		return false, input("%s may not make the schema; the owner of the database runs: CREATE SCHEMA %s AUTHORIZATION %s", user, quoted(s.schema), quoted(user))
	}
	return true, err
}

// hasTable reports whether there is a table in the schema.
func (s *Store[T]) hasTable(ctx context.Context, c conn, name string) (bool, error) {
	n := 0
	sql, args := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1", []any{name}
	if s.schema != "" {
		sql, args = "SELECT count(*) FROM pg_catalog.pg_tables WHERE tablename = $1 AND schemaname = $2", []any{name, s.schema}
	}
	_, err := one(ctx, c, []any{&n}, sql, args...)
	return n > 0, err
}

// Grants returns the SQL that gives a role what a worker and a submitter need. It is to be run by the owner of the
// schema.
func Grants(schema, role string) string {
	schema, role = quoted(schema), quoted(role)
	return fmt.Sprintf(`GRANT USAGE ON SCHEMA %[1]s TO %[2]s;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %[1]s TO %[2]s;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA %[1]s TO %[2]s;
ALTER DEFAULT PRIVILEGES IN SCHEMA %[1]s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %[2]s;
ALTER DEFAULT PRIVILEGES IN SCHEMA %[1]s GRANT USAGE ON SEQUENCES TO %[2]s;
`, schema, role)
}

// quoted returns a name as SQL has it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Schema returns the schema of the tables.
func (s *Store[T]) Schema() string { return s.schema }
