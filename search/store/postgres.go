package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// idleInTransaction is the time after which the server ends a session whose worker is frozen in a transaction. Its locks
// would stop all others.
const idleInTransaction = 15 * time.Second

// oldest is the oldest version of PostgreSQL that is supported.
const oldest = 14

// Postgres is a store on PostgreSQL.
type Postgres = Store[pgx.Tx]

// A postgresDB is a pool of connections.
type postgresDB struct{ pool *pgxpool.Pool }

// OpenPostgres connects to a database. The URL has the form of libpq, such as
// postgres://user@host:5432/name?sslmode=verify-full; so have the variables of the environment, such as PGPASSWORD, and the
// password file. The tables need not exist. Errors that the user can cure are of type [InputError], and have one line
// without the password.
func OpenPostgres(ctx context.Context, url string) (*Postgres, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, input("it is no URL of a PostgreSQL database; write postgres://user@host:5432/database")
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, input("the URL cannot be read: %s; write postgres://user@host:5432/database, and special characters of a password as %%XX or in PGPASSWORD", cause(err))
	}
	params := config.ConnConfig.RuntimeParams
	schema := params["search_path"]
	if schema == "" {
		schema = DefaultSchema
	}
	if strings.ContainsAny(schema, `, "`) {
		return nil, input("search_path is %q in the URL; name one schema", schema)
	}
	params["search_path"] = quoted(schema) // else the server makes small letters of it
	if params["idle_in_transaction_session_timeout"] == "" {
		params["idle_in_transaction_session_timeout"] = fmt.Sprint(idleInTransaction.Milliseconds())
	}
	// The server would keep the plan of a statement that it has run several times. If the table was empty then, the plan
	// reads all of its rows for ever.
	params["plan_cache_mode"] = "force_custom_plan"
	if params["application_name"] == "" {
		params["application_name"] = "fusegrid"
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	config.MaxConnIdleTime = time.Minute
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, input("the URL cannot be used: %s", cause(err))
	}
	s, err := newStore[pgx.Tx](postgresDB{pool}, riverpgxv5.New(pool), schema)
	if err != nil {
		pool.Close()
		return nil, err
	}
	if err := s.inTx(ctx, func(_ pgx.Tx, c conn) error { return s.checkServer(ctx, c) }); err != nil {
		pool.Close()
		return nil, explained(err, config.ConnConfig)
	}
	return s, nil
}

// checkServer returns an error if the version of the server is too old.
func (s *Store[T]) checkServer(ctx context.Context, c conn) error {
	var number int
	var name string
	if _, err := one(ctx, c, []any{&number, &name}, "SELECT current_setting('server_version_num')::int, current_setting('server_version')"); err != nil {
		return err
	}
	return checkVersion(number, name)
}

// checkVersion returns an error if a version of PostgreSQL, as a number and as a text, is too old.
func checkVersion(number int, name string) error {
	if number/10000 < oldest {
		return input("the server is PostgreSQL %s; use PostgreSQL %d or newer", name, oldest)
	}
	return nil
}

// cause returns the text of an error of pgx in one line. The text of a URL in it is left out, because it may have a
// password.
func cause(err error) string {
	if parse, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		text := parse.Error()
		if _, after, ok := strings.Cut(text, "`: "); ok {
			text = after
		}
		err = errors.New(text)
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// explained returns an error of a connection with what to do.
func explained(err error, c *pgx.ConnConfig) error {
	if errors.As(err, new(InputError)) {
		return err
	}
	who := fmt.Sprintf("user %s, database %s at %s:%d", c.User, c.Database, c.Host, c.Port)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "28P01", "28000":
			return input("the server refuses %s: %s; set PGPASSWORD or a line in the password file (~/.pgpass)", who, pg.Message)
		case "3D000":
			return input("the server has no database %q; the URL ends in /DATABASE; createdb makes one", c.Database)
		case "42501":
			return input("%s: %s; the owner of the schema runs sweep store grant %s", who, pg.Message, c.User)
		case "53300":
			return input("the server has no connection left for %s; raise max_connections, or add ?pool_max_conns=2 to the URL", who)
		case "57P03":
			return input("the server at %s:%d is starting or stopping: %s; try again", c.Host, c.Port, pg.Message)
		}
		return fmt.Errorf("%s: %s (SQLSTATE %s)", who, pg.Message, pg.Code)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return input("no server answers at %s:%d: %s; check the host and the port of the URL, and that the server listens there", c.Host, c.Port, op.Err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return input("there is no host %s: %s; check the host of the URL", c.Host, dns.Err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return input("no server answers at %s:%d in time; check the host and the port of the URL", c.Host, c.Port)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return input("%s: %s; sslmode in the URL says how the connection is encrypted", who, lastCause(err))
	}
	return err
}

// stateOf returns the SQLSTATE of an error, or "".
func stateOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// lastCause returns the text of the innermost error, in one line.
func lastCause(err error) string {
	for {
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			if e.Unwrap() == nil {
				return cause(err)
			}
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			if len(e.Unwrap()) == 0 {
				return cause(err)
			}
			err = e.Unwrap()[0]
		default:
			return cause(err)
		}
	}
}

// Explain returns an error of a store with what to do.
func Explain(s *Postgres, err error) error {
	if err == nil {
		return nil
	}
	return explained(err, s.db.(postgresDB).pool.Config().ConnConfig)
}

func (d postgresDB) begin(ctx context.Context) (pgx.Tx, conn, error) {
	tx, err := d.pool.Begin(ctx)
	return tx, postgresTx{tx}, err
}

func (d postgresDB) close() { d.pool.Close() }

func (postgresDB) dialect() dialect {
	return dialect{
		id:   "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		now:  "extract(epoch from clock_timestamp())::float8",
		lock: "FOR UPDATE",
		skip: "FOR UPDATE SKIP LOCKED",
		ago:  func(seconds string) string { return "clock_timestamp() - make_interval(secs => " + seconds + ")" },
		time: func(t time.Time) any { return t },
	}
}

type postgresTx struct{ tx pgx.Tx }

func (t postgresTx) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

func (t postgresTx) query(ctx context.Context, sql string, args ...any) (rows, error) {
	r, err := t.tx.Query(ctx, sql, args...)
	return postgresRows{r}, err
}

func (t postgresTx) commit(ctx context.Context) error   { return t.tx.Commit(ctx) }
func (t postgresTx) rollback(ctx context.Context) error { return t.tx.Rollback(ctx) }

type postgresRows struct{ pgx.Rows }

func (r postgresRows) close() { r.Rows.Close() }

// RunPostgres is [Run] for PostgreSQL.
func RunPostgres(ctx context.Context, s *Postgres, w Worker) error {
	return Run[*riverpgxv5.Driver](ctx, s, w)
}
