//go:build !386 && !arm

package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"

	"fusegrid/internal/searchtest"
	"fusegrid/kernels/reference"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A shared is a buffer that several goroutines write to.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// tinyStudy returns the study of a few words, such as "iters=40 halving=2:5 sample=tpe:8", on tiny images.
func tinyStudy(t testing.TB, words string) search.Study {
	t.Helper()
	s := search.Study{Disk: searchtest.Unsynced{}}
	n := search.Nets{Data: searchtest.Tiny(), Kernels: reference.New()}
	set := grid.Setting{Given: map[string]string{"lr": "log:1e-5..1e-2:4,1e30", "reg": "0,0.5", "hidden": "3,4", "iters": "40", "batch": "10", "std": "1e-2"}}
	var err error
	for word := range strings.FieldsSeq(words) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "halving":
			s.Halving, err = halving.ParseHalving(value)
		case "stop":
			s.Halving, err = halving.ParseStop(value)
		case "sample":
			set.Sample, err = grid.ParseSampling(value)
		case "keep":
			_, err = fmt.Sscan(value, &s.Weights)
		case "block":
			_, err = fmt.Sscan(value, &n.Block)
		default:
			set.Given[name] = value
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n.Grid, err = grid.Standard().Parse(set); err != nil {
		t.Fatal(err)
	}
	s.Objective = n
	return s
}

// local returns the digest of a local run.
func local(t *testing.T, words string) (dir, digest string) {
	t.Helper()
	s := tinyStudy(t, words)
	s.Dir = filepath.Join(t.TempDir(), "local")
	r, err := search.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return s.Dir, r.Table.Digest()
}

// described returns the study as the store has it. Its specification is words.
func described(name, words string) Study {
	return Study{Name: name, Identity: words, Spec: words, Queue: "tiny", Data: "tiny images", Class: "muladd", Priority: 2, Points: 20}
}

// submitted returns the study with the scheduler of a store.
func submitted[T any](t *testing.T, s *Store[T], name, words string, said *shared) search.Study {
	t.Helper()
	l := log.New(said, "", 0)
	d, err := NewScheduler(t.Context(), s, described(name, words), l)
	if err != nil {
		t.Fatal(err)
	}
	st := tinyStudy(t, words)
	st.Dir, st.Scheduler, st.Log = filepath.Join(t.TempDir(), name), d, l
	return st
}

// aWorker returns a worker of tiny studies.
func aWorker(t testing.TB, said *shared) Worker {
	return Worker{
		Workers: 2, Class: "muladd", Version: "test", Log: log.New(said, "", 0),
		Open: func(_ context.Context, st Study) (*search.Program, error) {
			return search.NewProgram(tinyStudy(t, st.Spec))
		},
	}
}

// work runs a worker until the test ends or the function stop is called.
func work(t *testing.T, s *Store[*sql.Tx], w Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := Run[*riversqlite.Driver](ctx, s, w); err != nil {
			t.Error(err)
		}
	})
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func TestStudiesOnSQLite(t *testing.T) {
	for i, words := range []string{
		"block=4",
		"halving=2:5 block=3 keep=2",
		"stop=median:8 block=4",
		"halving=hyperband:2:5 block=4",
		"sample=tpe:12 lr=log:1e-4..1e-2 reg=0 hidden=3 seed=1,2",
	} {
		t.Run(words, func(t *testing.T) {
			if testing.Short() && i > 1 {
				t.Skip("only without -short")
			}
			s := sqliteStore(t)
			if _, err := s.Init(t.Context(), 12*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			said := new(shared)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			work(t, s, aWorker(t, said))
			st := submitted(t, s, "study", words, said)
			got, err := search.Run(ctx, st)
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			dir, want := local(t, words)
			if got.Table.Digest() != want {
				t.Errorf("other figures than a local run:\n%s", said)
			}
			searchtest.SameCurves(t, words, st.Dir, dir, false)
			if strings.Contains(said.String(), "ALARM") || strings.Contains(said.String(), "train again") || strings.Contains(said.String(), "River:") {
				t.Errorf("said:\n%s", said)
			}
			if n := count(t, s, "SELECT count(*) FROM block WHERE NOT ended"); n != 0 {
				t.Errorf("%d blocks have not ended", n)
			}
			if n := count(t, s, "SELECT sum(segment) - count(*) FROM block"); n < 1 && strings.Contains(words, "halving=") {
				t.Error("no block had several segments")
			}
			if n := count(t, s, "SELECT count(*) FROM state"); n != 0 {
				t.Errorf("%d states are left", n)
			}
			if n := count(t, s, "SELECT count(*) FROM study WHERE state = 'done'"); n != 1 {
				t.Error("the study is not done")
			}
		})
	}
}

// count returns the number of a query.
func count[T any](t testing.TB, s *Store[T], sql string, args ...any) (n int) {
	t.Helper()
	err := s.inTx(t.Context(), func(_ T, c conn) error {
		_, err := one(t.Context(), c, []any{&n}, sql, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPoisonedBlock checks that trials fail, and the study ends, if no worker can train a block.
func TestPoisonedBlock(t *testing.T) {
	s := sqliteStore(t)
	if _, err := s.Init(t.Context(), 12*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	const words = "block=4 iters=10"
	said := new(shared)
	w := aWorker(t, said)
	w.Open = func(_ context.Context, st Study) (*search.Program, error) {
		c := tinyStudy(t, st.Spec)
		c.Runner = searchtest.RunnerFunc(func(context.Context, plan.Block, runner.Hooks) error { return errors.New("out of memory") })
		return search.NewProgram(c)
	}
	id, err := s.submit(t.Context(), described("study", words), 0, blocksOf(t, words), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	// The tries of a few seconds each are counted in advance.
	err = s.inTx(t.Context(), func(_ *sql.Tx, c conn) error {
		_, err := c.exec(t.Context(), "UPDATE block SET tries = $1", maxTries-1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	work(t, s, w)
	for began := time.Now(); count(t, s, "SELECT count(*) FROM study WHERE state = 'done' AND id = $1", id) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("the study does not end:\n%s", said)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM trial WHERE state = 'failed'"); n != 20 {
		t.Errorf("%d trials failed, want 20", n)
	}
}

// blocksOf returns the blocks of a study.
func blocksOf(t *testing.T, words string) []plan.Block {
	t.Helper()
	p, err := search.NewProgram(tinyStudy(t, words))
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Round(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Blocks(func(string) bool { return false })
}

// TestOtherBits checks that a second record of a trial with other bits is an alarm, and that the first record stays.
func TestOtherBits(t *testing.T) {
	s := sqliteStore(t)
	if _, err := s.Init(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	const words = "lr=1e-3 reg=0 hidden=3 iters=5"
	st := tinyStudy(t, words)
	st.Dir = filepath.Join(t.TempDir(), "o")
	r, err := search.Run(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.submit(t.Context(), described("study", words), 0, nil, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	first, second := r.Records[0], r.Records[0]
	second.Speed.Seconds++ // times may differ
	shorter := first
	shorter.State, shorter.Race, shorter.Steps = results.Stopped, "median:2", 2 // as another order of asynchronous halving has it
	for i, c := range []struct {
		record results.Record
		alarms int
	}{{first, 0}, {second, 0}, {shorter, 0}, {flipped(second), 1}, {flipped(second), 0}} {
		var alarms []alarm
		err := s.inTx(t.Context(), func(_ *sql.Tx, tx conn) (err error) {
			alarms, err = s.keepTrials(t.Context(), tx, id, "a worker", []results.Record{c.record}, nil)
			return err
		})
		if err != nil || len(alarms) != c.alarms {
			t.Errorf("record %d: %d alarms, %v", i, len(alarms), err)
		}
		said := new(shared)
		for _, a := range alarms {
			a.log(log.New(said, "", 0))
			if text := said.String(); !strings.Contains(text, first.Weights) || !strings.Contains(text, flipped(first).Weights) {
				t.Errorf("the alarm does not have both records: %s", text)
			}
		}
	}
	if n := count(t, s, "SELECT count(*) FROM trial WHERE record LIKE '%"+first.Weights+"%'"); n != 1 {
		t.Error("the first record did not stay")
	}
	if n := count(t, s, "SELECT count(*) FROM alarm"); n != 1 {
		t.Errorf("%d alarms in the store", n)
	}
}

// TestFailedTrialOfAnEarlierRound checks that a study whose rounds have all ended trains a trial of the first round again
// that has failed.
func TestFailedTrialOfAnEarlierRound(t *testing.T) {
	s := sqliteStore(t)
	if _, err := s.Init(t.Context(), 12*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	const words = "sample=tpe:24 lr=log:1e-4..1e-2 reg=0 hidden=3 iters=5"
	said := new(shared)
	work(t, s, aWorker(t, said))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := search.Run(ctx, submitted(t, s, "study", words, said)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT round FROM study"); n == 0 {
		t.Fatal("the study has one round")
	}
	err := s.inTx(ctx, func(_ *sql.Tx, c conn) error {
		_, err := c.exec(ctx, "UPDATE trial SET state = 'failed' WHERE id = (SELECT min(id) FROM trial)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := search.Run(ctx, submitted(t, s, "study", words, said))
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if _, want := local(t, words); got.Table.Digest() != want {
		t.Errorf("other figures than a local run:\n%s", said)
	}
}

// TestDamagedStudy checks that other studies continue if blocks of one cannot be read.
func TestDamagedStudy(t *testing.T) {
	s := sqliteStore(t)
	if _, err := s.Init(t.Context(), 12*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"damaged", "whole"} {
		if _, err := s.submit(t.Context(), described(name, "iters=5"), 0, blocksOf(t, "iters=5"), nil, true); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	err := s.inTx(ctx, func(_ *sql.Tx, c conn) error {
		for _, sql := range []string{
			"DELETE FROM river_job",
			"UPDATE block SET trials = '[', tries = 20 WHERE study = (SELECT id FROM study WHERE name = 'damaged')",
		} {
			if _, err := c.exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.heal(ctx, func(studyRow) *search.Program { return nil })
	if err == nil || !strings.Contains(err.Error(), "study damaged cannot continue") || !strings.Contains(err.Error(), "sweep store cancel damaged") {
		t.Errorf("error %v", err)
	}
	if n, blocks := count(t, s, "SELECT count(*) FROM river_job"), len(blocksOf(t, "iters=5")); n != blocks {
		t.Errorf("%d jobs, want %d", n, blocks)
	}
}

// TestSettingsAreReadAgain checks that a worker takes a new time of segments that sweep store init gives.
func TestSettingsAreReadAgain(t *testing.T) {
	s := sqliteStore(t)
	r := &runtime[*riversqlite.Driver, *sql.Tx]{store: s}
	for _, segment := range []time.Duration{time.Minute, 5 * time.Minute} {
		if _, err := s.Init(t.Context(), segment); err != nil {
			t.Fatal(err)
		}
		if err := r.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if set := r.set.Load(); set.Segment != segment || set.Timeout != timeout(segment) {
			t.Errorf("%+v with segments of %v", set, segment)
		}
	}
}

// flipped returns a record with another hash of the weights.
func flipped(r results.Record) results.Record {
	r.Weights = strings.Repeat("0", len(r.Weights))
	return r
}
