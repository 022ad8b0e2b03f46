//go:build linux && !386 && !arm

package store

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"fusegrid/internal/postgrestest"
	"fusegrid/internal/searchtest"
	"fusegrid/kernels/reference"
	"fusegrid/search"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// TestManyWorkers measures what 256 workers cost a server. The workers sleep instead of training, so this process can
// have all of them. It prints transactions, log and time of the CPU, without studies and with segments of several
// lengths.
func TestManyWorkers(t *testing.T) {
	if os.Getenv("FUSEGRID_TORTURE_STORE") == "" {
		t.Skip("takes minutes; make torture-store runs it")
	}
	n := 256
	if text := os.Getenv("FUSEGRID_WORKERS"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	server := postgrestest.StartIn(t, "", "max_connections=1000\nshared_buffers=128MB\n")
	for _, segment := range []time.Duration{0, 8 * time.Second, 2 * time.Second} {
		t.Run(fmt.Sprint(n, " workers, segments of ", segment), func(t *testing.T) {
			schema := fmt.Sprint("many", segment.Milliseconds())
			s := postgres(t, server, schema, max(segment, 10*time.Millisecond))
			words := fmt.Sprintf("lr=log:1e-5..1e-2:%d reg=0 hidden=3 block=1 iters=1000000", n)
			said := new(shared)
			w := aWorker(t, said)
			p := sleeping(t, words)
			w.Workers, w.Open = 1, func(context.Context, Study) (*search.Program, error) { return p, nil }
			working, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for range n {
				own, err := OpenPostgres(t.Context(), server.URL("postgres", "search_path="+schema, "pool_max_conns=2"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(own.Close)
				wg.Go(func() {
					if err := Run[*riverpgxv5.Driver](working, own, w); err != nil {
						t.Error(err)
					}
				})
			}
			defer wg.Wait()
			defer stop()
			if segment > 0 {
				if _, err := s.submit(t.Context(), described("study", words), 0, blocksOf(t, words), nil, true); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(20 * time.Second)
			before, began := meterOf(t, server, s), time.Now()
			time.Sleep(40 * time.Second)
			after, took := meterOf(t, server, s), time.Since(began).Seconds()
			each := func(a, b float64) float64 { return (b - a) / took }
			ideal := 0.0
			if segment > 0 {
				ideal = float64(n) / segment.Seconds()
			}
			t.Logf("%d connections; %.0f transactions/s; %.1f MB of log a minute; server %.0f%% of a core, this process %.0f%%; %.1f segments/s of %.1f",
				after.connections, each(before.transactions, after.transactions), 60*each(before.log, after.log)/1e6,
				100*each(before.server, after.server), 100*each(before.workers, after.workers), each(before.segments, after.segments), ideal)
			if text := said.String(); strings.Contains(text, "ALARM") || strings.Contains(text, "away") || strings.Contains(text, "River:") {
				t.Errorf("said:\n%s", text)
			}
		})
	}
}

// sleeping returns the program of a study whose iterations sleep.
func sleeping(t *testing.T, words string) *search.Program {
	t.Helper()
	st := tinyStudy(t, words)
	r, err := runner.New("f32", reference.New(), searchtest.Tiny())
	if err != nil {
		t.Fatal(err)
	}
	st.Runner = searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		stepped := h.Stepped
		h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
			time.Sleep(50 * time.Millisecond)
			stepped(nets, flops)
		})
		return r.Run(ctx, b, h)
	})
	p, err := search.NewProgram(st)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A meter has sums since the start of a server.
type meter struct {
	connections                                  int
	transactions, log, server, workers, segments float64 // log in bytes, server and workers in seconds of the CPU
}

func meterOf(t testing.TB, server *postgrestest.Server, s *Postgres) (m meter) {
	t.Helper()
	m.connections = count(t, s, "SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres'")
	m.transactions = float64(count(t, s, "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"))
	m.log = float64(count(t, s, "SELECT (pg_current_wal_lsn() - '0/0')::bigint"))
	m.segments = float64(count(t, s, "SELECT coalesce(sum(segment), 0) FROM block"))
	processes, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		text, err := os.ReadFile("/proc/" + p.Name() + "/stat")
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(after)
		ticks := func(i int) float64 { n, _ := strconv.ParseFloat(f[i], 64); return n / 100 }
		switch pid := server.PID(); {
		case p.Name() == fmt.Sprint(os.Getpid()):
			m.workers = ticks(11) + ticks(12)
		case p.Name() == fmt.Sprint(pid):
			m.server += ticks(11) + ticks(12) + ticks(13) + ticks(14)
		case len(f) > 14 && f[1] == fmt.Sprint(pid):
			m.server += ticks(11) + ticks(12)
		}
	}
	return m
}
