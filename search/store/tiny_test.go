//go:build linux && !386 && !arm

package store

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"fusegrid/internal/postgrestest"
	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// BenchmarkTinyTrials measures what the store costs for a trial that takes no time: the CPU of the submitter and of a
// worker, which are this process, and of the server. FUSEGRID_TRIALS is the number of trials.
func BenchmarkTinyTrials(b *testing.B) {
	n := 2000
	if text := os.Getenv("FUSEGRID_TRIALS"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	server := postgrestest.StartIn(b, "", "shared_buffers=128MB\n")
	for b.Loop() {
		study := func() search.Study {
			s := tinyStudy(b, fmt.Sprintf("lr=log:1e-5..1e-2:%d reg=0,0.5 hidden=3 iters=1", n/2))
			s.Runner = searchtest.RunnerFunc(func(_ context.Context, b plan.Block, h runner.Hooks) error {
				h.Ended(recordsOf(b), false)
				return nil
			})
			return s
		}
		cpu := func() float64 {
			var u syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
				b.Fatal(err)
			}
			return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
		}
		local := cpu()
		s := study()
		s.Dir = b.TempDir() + "/local"
		if _, err := search.Run(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		local = cpu() - local

		st := postgres(b, server, fmt.Sprint("tiny", time.Now().UnixNano()), time.Second)
		said := new(shared)
		w := aWorker(b, said)
		w.Open = func(context.Context, Study) (*search.Program, error) { return search.NewProgram(study()) }
		before, used := meterOf(b, server, st), cpu()
		working, stop := context.WithCancel(b.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := Run[*riverpgxv5.Driver](working, st, w); err != nil {
				b.Error(err)
			}
		})
		s = study()
		d, err := NewScheduler(b.Context(), st, described("study", "tiny"), w.Log)
		if err != nil {
			b.Fatal(err)
		}
		s.Dir, s.Scheduler, s.Log = b.TempDir()+"/remote", d, w.Log
		r, err := search.Run(b.Context(), s)
		if err != nil || len(r.Records) != n {
			b.Fatalf("%d records, %v\n%s", len(r.Records), err, said)
		}
		stop()
		wg.Wait()
		used = cpu() - used
		after := meterOf(b, server, st)
		each := func(seconds float64) float64 { return seconds / float64(n) * 1e6 }
		b.ReportMetric(each(local), "local-µs/trial")
		b.ReportMetric(each(used), "store-µs/trial")
		b.ReportMetric(each(used-local), "more-µs/trial")
		b.ReportMetric(each(after.server-before.server), "server-µs/trial")
		b.ReportMetric((after.log-before.log)/float64(n), "log-B/trial")
	}
}

// recordsOf returns records of the trials of a block as if they had trained.
func recordsOf(b plan.Block) (records []results.Record) {
	for _, t := range b.Active() {
		records = append(records, results.Record{
			Key: t.Key, Config: t.Config, State: results.Done, Steps: t.Config.Iters,
			Weights: t.Key, Losses: t.Key, Speed: results.Speed{Seconds: 1e-3, Block: len(b.Trials)},
		})
	}
	return records
}
