//go:build !386 && !arm

package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"fusegrid/internal/postgrestest"
	"fusegrid/search"
)

// postgres returns an initialized store in a schema of its own.
func postgres(t testing.TB, server *postgrestest.Server, schema string, segment time.Duration) *Postgres {
	t.Helper()
	s, err := OpenPostgres(t.Context(), server.URL("postgres", "search_path="+schema))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if _, err := s.Init(t.Context(), segment); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStudiesOnPostgres(t *testing.T) {
	server := postgrestest.Start(t)
	for i, words := range []string{
		"block=4",
		"halving=2:5 block=3 keep=2",
		"sample=tpe:12 lr=log:1e-4..1e-2 reg=0 hidden=3 seed=1,2",
	} {
		t.Run(words, func(t *testing.T) {
			s := postgres(t, server, fmt.Sprint("Study", i), 12*time.Millisecond)
			said := new(shared)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			working, stop := context.WithCancel(ctx)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					if err := Run[*riverpgxv5.Driver](working, s, aWorker(t, said)); err != nil {
						t.Error(err)
					}
				})
			}
			got, err := search.Run(ctx, submitted(t, s, "study", words, said))
			stop()
			wg.Wait()
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if _, want := local(t, words); got.Table.Digest() != want {
				t.Errorf("other figures than a local run:\n%s", said)
			}
			if text := said.String(); strings.Contains(text, "ALARM") || strings.Contains(text, "train again") || strings.Contains(text, "River:") {
				t.Errorf("said:\n%s", text)
			}
			if n := count(t, s, "SELECT count(*) FROM worker WHERE left_at IS NULL"); n != 0 {
				t.Errorf("%d workers did not sign off", n)
			}
			if n := count(t, s, "SELECT count(*) FROM worker WHERE flops = 0 AND iters > 0"); n != 0 {
				t.Errorf("%d workers trained without operations", n)
			}
		})
	}
}

// A slow clock is that of a server ten seconds behind this machine.
type slowClock struct{ database[pgx.Tx] }

func (s slowClock) dialect() dialect {
	d := s.database.dialect()
	d.now = "(" + d.now + " - 10)"
	return d
}

// TestClockOff checks that a worker whose clock is off says so, trains, and does not lead.
func TestClockOff(t *testing.T) {
	s := postgres(t, postgrestest.Start(t), "clock", 12*time.Millisecond)
	s.db = slowClock{s.db}
	said := new(shared)
	working, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := Run[*riverpgxv5.Driver](working, s, aWorker(t, said)); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := search.Run(ctx, submitted(t, s, "study", "block=4", said))
	leaders := count(t, s, "SELECT count(*) FROM river_leader")
	stop()
	wg.Wait()
	if err != nil || leaders != 0 || !strings.Contains(said.String(), "the clock of this machine is 10s off that of the server, so this worker does not lead others; set the clock") {
		t.Errorf("%d leaders, %v; said:\n%s", leaders, err, said)
	}
}

func TestServerVersions(t *testing.T) {
	for number, want := range map[int]string{
		90624: "the server is PostgreSQL x; use PostgreSQL 14 or newer", 130022: "the server is PostgreSQL x; use PostgreSQL 14 or newer", 140000: "", 150018: "", 180001: "",
	} {
		if err := checkVersion(number, "x"); err != nil && err.Error() != want || err == nil && want != "" {
			t.Errorf("%d: %v, want %q", number, err, want)
		}
	}
}
