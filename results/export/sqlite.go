//go:build (linux && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x)) || (darwin && (amd64 || arm64)) || (windows && (386 || amd64 || arm64)) || (freebsd && (amd64 || arm64))

package export

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"fusegrid/internal/ordered"
	"fusegrid/results"
)

// sqliteMissing is empty, because SQLite is available on this platform.
const sqliteMissing = ""

// writeSQLite writes a database with the tables trials and metadata. A Text is TEXT, an Integer INTEGER
// and a Number REAL. A missing value is NULL. The rank is the primary key, and keys have an index.
// SQLite has no negative zero.
//
// SQLite cannot write into a stream, so the database is first a temporary file.
func writeSQLite(w io.Writer, s Source) error {
	dir, err := os.MkdirTemp("", "fusegrid-sqlite-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "trials")
	if err := makeDatabase(name, s.Table); err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// makeDatabase makes the file of a database. It may be lost in a crash, so it needs no journal and no
// fsync.
func makeDatabase(name string, t *results.Table) error {
	ctx := context.Background()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, setting := range []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF"} {
		if _, err := conn.ExecContext(ctx, setting); err != nil {
			return err
		}
	}
	if err := fillDatabase(ctx, conn, t); err != nil {
		return err
	}
	return errors.Join(conn.Close(), db.Close())
}

// fillDatabase makes both tables in one transaction.
func fillDatabase(ctx context.Context, conn *sql.Conn, t *results.Table) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	columns := t.Columns()
	for _, statement := range []string{
		"PRAGMA user_version = 1",
		"CREATE TABLE metadata (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
		"INSERT INTO metadata VALUES ('format', '" + Version + "')",
		createTrials(columns),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	err = conn.Raw(func(c any) error { return insertTrials(c.(driver.ConnPrepareContext), columns, t.Len()) })
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "CREATE UNIQUE INDEX trials_key ON trials (key)"); err != nil {
		return err
	}
	return tx.Commit()
}

// insertTrials inserts all rows. It calls the driver without package database/sql, which would check and copy each
// value again.
func insertTrials(c driver.ConnPrepareContext, columns []results.Column, rows int) error {
	ctx := context.Background() // the driver would start a goroutine for each row if the context could end
	statement, err := c.PrepareContext(ctx, "INSERT INTO trials VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")")
	if err != nil {
		return err
	}
	defer statement.Close()
	insert := statement.(driver.StmtExecContext)
	return ordered.Do((rows+block-1)/block, func(i int, values *[]driver.NamedValue) {
		*values = appendValues((*values)[:0], columns, i*block, min((i+1)*block, rows))
	}, func(_ int, values *[]driver.NamedValue) error {
		for row := range slices.Chunk(*values, len(columns)) {
			if _, err := insert.ExecContext(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// appendValues appends the values of the rows from, …, to − 1.
func appendValues(values []driver.NamedValue, columns []results.Column, from, to int) []driver.NamedValue {
	for row := from; row < to; row++ {
		for i := range columns {
			values = append(values, driver.NamedValue{Ordinal: i + 1, Value: valueOf(&columns[i], row)})
		}
	}
	return values
}

// createTrials returns the statement that makes the table of trials. Names are quoted, because order is
// a word of SQL.
func createTrials(columns []results.Column) string {
	types := map[results.Kind]string{results.Text: "TEXT", results.Integer: "INTEGER", results.Number: "REAL"}
	var parts []string
	for _, c := range columns {
		part := fmt.Sprintf("%q %s", c.Name, types[c.Kind])
		if c.Name == "rank" {
			part += " PRIMARY KEY"
		}
		parts = append(parts, part)
	}
	return "CREATE TABLE trials (" + strings.Join(parts, ", ") + ")"
}
