//go:build !386 && !arm

// River's driver for SQLite does not compile where an int has 32 bits, so no test of this package runs there.

package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite"
)

// A sqliteDB is the database of tests without a server.
type sqliteDB struct{ db *sql.DB }

// sqliteStore returns an initialized store in a file.
func sqliteStore(t *testing.T) *Store[*sql.Tx] {
	t.Helper()
	name := filepath.Join(t.TempDir(), "store.db")
	db, err := sql.Open("sqlite", "file:"+name+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	s, err := newStore[*sql.Tx](sqliteDB{db}, riversqlite.New(db), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (d sqliteDB) begin(ctx context.Context) (*sql.Tx, conn, error) {
	tx, err := d.db.BeginTx(ctx, nil)
	return tx, sqliteTx{tx}, err
}

func (d sqliteDB) close() { d.db.Close() }

func (sqliteDB) dialect() dialect {
	return dialect{
		id:  "INTEGER PRIMARY KEY AUTOINCREMENT",
		now: "unixepoch('subsec')",
		ago: func(seconds string) string {
			return "strftime('%Y-%m-%d %H:%M:%f', 'now', (-1 * " + seconds + ") || ' seconds')"
		},
		time: func(t time.Time) any { return t.UTC().Format("2006-01-02 15:04:05.000") },
	}
}

type sqliteTx struct{ tx *sql.Tx }

func (t sqliteTx) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	r, err := t.tx.ExecContext(ctx, sql, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t sqliteTx) query(ctx context.Context, sql string, args ...any) (rows, error) {
	r, err := t.tx.QueryContext(ctx, sql, args...)
	return sqliteRows{r}, err
}

func (t sqliteTx) commit(context.Context) error   { return t.tx.Commit() }
func (t sqliteTx) rollback(context.Context) error { return t.tx.Rollback() }

type sqliteRows struct{ *sql.Rows }

func (r sqliteRows) close() { r.Rows.Close() }
