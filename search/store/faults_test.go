//go:build !386 && !arm

package store

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"fusegrid/internal/postgrestest"
	"fusegrid/internal/searchtest"
	"fusegrid/search"
)

// A faulty database lets a worker freeze, lose its connection, or lose the answer of a commit in the transactions that
// keep segments. Such a transaction begins with the fence.
type faulty struct {
	database[pgx.Tx]
	freeze time.Duration

	mu                   sync.Mutex
	rand                 *rand.Rand
	frozen, cut, unknown atomic.Int64
}

// A fault is what happens to one transaction.
type fault struct {
	kind int // 0 nothing, 1 freeze, 2 cut, 3 lose the answer
	at   int // the statement, from 1, before which it happens
}

func (f *faulty) begin(ctx context.Context) (pgx.Tx, conn, error) {
	tx, c, err := f.database.begin(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	choice := fault{kind: f.rand.IntN(6), at: 2 + f.rand.IntN(8)}
	return tx, &faultyConn{conn: c, f: f, tx: tx, fault: choice}, err
}

type faultyConn struct {
	conn
	f *faulty
	fault
	tx    pgx.Tx
	keeps bool
	n     int
}

// step counts a statement, before which the fault may happen.
func (c *faultyConn) step(ctx context.Context, sql string) {
	if c.n++; c.n == 1 {
		c.keeps = strings.Contains(sql, "FROM river_job WHERE id = $1 AND state = 'running'")
	}
	if !c.keeps || c.n != c.at {
		return
	}
	switch c.kind {
	case 1:
		c.f.frozen.Add(1)
		time.Sleep(c.f.freeze)
	case 2:
		c.f.cut.Add(1)
		c.tx.Conn().Close(ctx)
	}
}

func (c *faultyConn) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	c.step(ctx, sql)
	return c.conn.exec(ctx, sql, args...)
}

func (c *faultyConn) query(ctx context.Context, sql string, args ...any) (rows, error) {
	c.step(ctx, sql)
	return c.conn.query(ctx, sql, args...)
}

func (c *faultyConn) commit(ctx context.Context) error {
	err := c.conn.commit(ctx)
	if c.keeps && c.kind == 3 && err == nil {
		c.f.unknown.Add(1)
		return io.ErrUnexpectedEOF
	}
	return err
}

// rescue discards jobs that run for a short time, as the leader does with jobs that run for a long time.
func rescue(ctx context.Context, s *Postgres, after time.Duration) (rescued int64) {
	for ctx.Err() == nil {
		_ = s.inTx(ctx, func(_ pgx.Tx, c conn) error {
			n, err := c.exec(ctx, `UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE id IN (
				SELECT id FROM river_job WHERE state = 'running' AND attempted_at < clock_timestamp() - make_interval(secs => $1) FOR UPDATE SKIP LOCKED)`, after.Seconds())
			rescued += n
			return err
		})
		time.Sleep(50 * time.Millisecond)
	}
	return rescued
}

// TestFaultsInTransactions lets workers freeze for longer than the server allows at each statement of the transaction
// that keeps a segment, while their jobs are given to others. It also cuts connections, and drops answers of commits.
func TestFaultsInTransactions(t *testing.T) {
	server := postgrestest.Start(t)
	for i, words := range []string{
		"halving=2:5 block=2 keep=2 iters=60",
		"sample=tpe:16 lr=log:1e-4..1e-2 reg=0 hidden=3 seed=1,2 iters=200 block=1",
	} {
		t.Run(words, func(t *testing.T) {
			schema := fmt.Sprint("faults", i)
			s := postgres(t, server, schema, 15*time.Millisecond)
			said := new(shared)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			working, stop := context.WithCancel(ctx)
			var wg sync.WaitGroup
			var faults []*faulty
			for n := range 3 {
				// A session may be idle in a transaction for a short time only, so that a frozen worker does not stop the others.
				own, err := OpenPostgres(ctx, server.URL("postgres", "search_path="+schema, "idle_in_transaction_session_timeout=500"))
				if err != nil {
					t.Fatal(err)
				}
				defer own.Close()
				f := &faulty{database: own.db, freeze: time.Second, rand: rand.New(rand.NewPCG(uint64(i), uint64(n)))}
				own.db, faults = f, append(faults, f)
				wg.Go(func() {
					if err := Run[*riverpgxv5.Driver](working, own, aWorker(t, said)); err != nil {
						t.Error(err)
					}
				})
			}
			rescued := int64(0)
			wg.Go(func() { rescued = rescue(working, s, 500*time.Millisecond) })
			st := submitted(t, s, "study", words, said)
			got, err := search.Run(ctx, st)
			stop()
			wg.Wait()
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			dir, want := local(t, words)
			if got.Table.Digest() != want {
				t.Errorf("other figures than a local run:\n%s", said)
			}
			searchtest.SameCurves(t, words, st.Dir, dir, false)
			var frozen, cut, unknown int64
			for _, f := range faults {
				frozen, cut, unknown = frozen+f.frozen.Load(), cut+f.cut.Load(), unknown+f.unknown.Load()
			}
			t.Logf("%d transactions frozen, %d cut, %d answers lost, %d jobs rescued", frozen, cut, unknown, rescued)
			if min(frozen, cut, unknown, rescued) == 0 {
				t.Error("a fault did not happen")
			}
			if n := count(t, s, "SELECT count(*) FROM alarm"); n != 0 || strings.Contains(said.String(), "ALARM") {
				t.Errorf("%d alarms", n)
			}
			kept, jobs := count(t, s, "SELECT sum(segment) FROM block"), count(t, s, "SELECT count(DISTINCT args) FROM river_job WHERE state = 'completed'")
			if kept != jobs {
				t.Errorf("%d segments were kept, but %d different jobs are completed", kept, jobs)
			}
		})
	}
}
