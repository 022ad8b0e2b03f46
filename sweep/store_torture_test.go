//go:build linux && !386 && !arm

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"fusegrid/internal/postgrestest"
)

// envTortureStore lets TestStoreTorture run. It takes about half an hour. As root, it mounts a small disk and makes a
// network namespace. Its value is all, or a part of the name of a scene.
const envTortureStore = "FUSEGRID_TORTURE_STORE"

// tortureSegment is the time of a segment in TestStoreTorture.
const tortureSegment = 400 * time.Millisecond

// torturedStudies are the studies of TestStoreTorture: a plain grid, a grid with a stop rule whose trials wait for each
// other, and a sampler whose rounds do.
var torturedStudies = []string{
	"-data synthetic -impl reference -quiet -top 3 -net two-layer -lr log:1e-5..1e-2:7,1e30 -reg 0,0.5 -hidden 3,4,5 -iters 900 -batch 10 -std 1e-2 -block 1",
	"-data synthetic -impl reference -quiet -top 3 -net two-layer -lr log:1e-5..1e-2:7,1e30 -reg 0,0.5 -hidden 3,4,5 -iters 900 -batch 10 -std 1e-2 -block 2 -halving 2 -keep 2",
	"-data synthetic -impl reference -quiet -top 3 -net two-layer -lr log:1e-5..1e-2 -reg 0,0.5 -hidden 3 -sample tpe:24 -tpe-batch 8 -iters 600 -batch 10 -std 1e-2 -block 1",
}

// A torture is a server on a small disk with studies that workers train while faults happen.
type torture struct {
	t      *testing.T
	server *postgrestest.Server
	disk   string // folder of the disk of the server; "" if it is not small
	pool   *pgxpool.Pool
	url    string
	want   []string // digests of local runs of torturedStudies
	dir    string
	seed   *rand.Rand

	mu    sync.Mutex
	lines []line
}

// A line is a line of the table that the test writes.
type line struct {
	scene, fault string
	after        []time.Duration // of recoveries
}

// A scene is a part of the test, with a team of its own.
type scene struct {
	*torture
	*team
	name    string
	proxies []*proxy
	pending sync.WaitGroup // faults from which no recovery was seen yet
}

// TestStoreTorture trains studies with worker processes on a server, while processes, the server and the network fail.
// Each study must have the trials of a local run with the same bits, and no segment may be kept twice. The test writes
// results/store.md.
func TestStoreTorture(t *testing.T) {
	which := os.Getenv(envTortureStore)
	if which == "" {
		t.Skip("takes half an hour; make torture-store runs it")
	}
	report, err := filepath.Abs("../results/store.md")
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	whole := synthetic
	synthetic = sync.OnceValue(few)
	t.Cleanup(func() { synthetic = whole })
	var want []string
	for i, study := range torturedStudies {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("local", i))
		if _, errs, code := call(t, strings.Fields(study+" -out "+dir)...); code != exitOK {
			t.Fatal(errs)
		}
		want = append(want, digestOf(t, dir))
	}
	began := time.Now()
	type part struct {
		name    string
		workers int
		do      func(*scene)
	}
	groups := [][]part{ // each has a server of its own
		{{"kills", 6, (*scene).kills}},
		{{"transactions", 6, (*scene).freezesInTransactions}, {"clock", 4, (*scene).clock}},
		{{"freezes", 8, (*scene).freezes}, {"outage", 3, (*scene).outage}},
		{{"crashes", 4, (*scene).crashes}},
		{{"disk", 3, (*scene).fullDisk}, {"namespace", 2, (*scene).namespace}},
		{{"network", 4, (*scene).network}},
	}
	all := make([]*torture, len(groups))
	t.Run("groups", func(t *testing.T) {
		for n, parts := range groups {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				o := newTorture(t)
				o.want, all[n] = want, o
				for _, s := range parts {
					if which == "all" || strings.Contains(s.name, which) {
						t.Run(s.name, func(t *testing.T) { o.play(t, s.name, s.workers, s.do) })
					}
				}
			})
		}
	})
	if t.Failed() || which != "all" {
		return
	}
	var lines []line
	for _, o := range all {
		lines = append(lines, o.lines...)
	}
	text := tortureReport(lines, time.Since(began))
	if err := os.WriteFile(report, []byte(text), 0o644); err != nil {
		t.Error(err)
	}
}

// newTorture starts a server.
func newTorture(t *testing.T) *torture {
	t.Helper()
	o := &torture{t: t, dir: t.TempDir(), seed: rand.New(rand.NewPCG(1, 2))}
	if os.Getuid() == 0 {
		o.disk = filepath.Join(o.dir, "disk")
		if err := os.Mkdir(o.disk, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("none", o.disk, "tmpfs", 0, "size=256m"); err != nil {
			t.Logf("no small disk: %v", err)
			o.disk = ""
		} else {
			t.Cleanup(func() { syscall.Unmount(o.disk, syscall.MNT_DETACH) })
			for dir := o.disk; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil { // for the user of the server
					t.Fatal(err)
				}
			}
		}
	}
	// A checkpoint is needed before the disk is full of log, and a small log is recycled often.
	o.server = postgrestest.StartIn(t, o.disk, "max_connections=100\nmax_wal_size=64MB\nmin_wal_size=32MB\n")
	o.url = o.server.URL("postgres", "pool_max_conns=4")
	if out, errs, code := call(t, "store", "init", "-segment", tortureSegment.String(), "-store", o.url); code != exitOK {
		t.Fatalf("%s%s", out, errs)
	}
	pool, err := pgxpool.New(t.Context(), o.server.URL("postgres", "pool_max_conns=8", "search_path=fusegrid"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	o.pool = pool
	return o
}

// play runs a scene: a team of workers trains studies, one after the other, until do returns and the last one has ended.
// Two of the studies are in the store at a time.
func (o *torture) play(t *testing.T, name string, workers int, do func(*scene)) {
	m := newTeam(t, o.url, 0)
	s := &scene{torture: o, team: m, name: name}
	o.t, m.t = t, t
	address := fmt.Sprintf("127.0.0.1:%d", o.server.Port)
	began := time.Now()
	if name == "network" { // a segment needs about twenty answers of the server, which take 8 s with a delay
		if _, err := o.pool.Exec(t.Context(), "UPDATE setting SET value = 20 WHERE name = 'timeout'"); err != nil {
			t.Fatal(err)
		}
	}
	if name == "clock" {
		s.leadAhead(t)
	}
	for range workers {
		p := startProxy(t, "127.0.0.1:0", address)
		s.proxies = append(s.proxies, p)
		// The server names a session by its worker.
		m.add(through(o.server.URL("postgres", "pool_max_conns=4", fmt.Sprint("application_name=w", len(m.members))), address, p.listen.Addr().String()))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	over := make(chan struct{})
	var wg sync.WaitGroup
	var trained atomic.Int64
	for lane := range 2 {
		wg.Go(func() {
			for n := lane; ; n += 2 {
				i := n % len(torturedStudies)
				s.study(ctx, i, fmt.Sprintf("%s-%d", name, n))
				trained.Add(1)
				select {
				case <-over:
					return
				default:
				}
				if t.Failed() {
					return
				}
			}
		})
	}
	do(s)
	s.pending.Wait()
	close(over)
	wg.Wait()
	for what, sql := range map[string]string{
		"no alarm":               "SELECT count(*) = 0 FROM alarm",
		"no block left":          "SELECT count(*) = 0 FROM block WHERE NOT ended",
		"no state left":          "SELECT count(*) = 0 FROM state",
		"each segment kept once": "SELECT (SELECT coalesce(sum(segment), 0) FROM block) = (SELECT count(DISTINCT args) FROM river_job WHERE state = 'completed')",
		"no poisoned block":      "SELECT count(*) = 0 FROM trial WHERE state = 'failed'",
	} {
		if !s.is(ctx, sql) {
			t.Errorf("not true: %s", what)
		}
	}
	if said := m.said(); strings.Contains(said, "ALARM") || strings.Contains(said, "p%40ss") || strings.Contains(said, "panic") {
		t.Errorf("workers: %s", said)
	}
	lost := 0
	if err := o.pool.QueryRow(ctx, "SELECT count(*) FROM river_job WHERE state = 'discarded'").Scan(&lost); err != nil {
		t.Error(err)
	}
	for _, l := range o.lines {
		if l.scene == name {
			t.Log(l.row())
		}
	}
	t.Logf("%d studies in %v; %d jobs were taken from workers", trained.Load(), time.Since(began).Round(time.Second), lost)
	if t.Failed() {
		said := m.said()
		t.Logf("workers: … %s", said[max(0, len(said)-4000):])
	}
	// The studies of the next scene find an empty store.
	if _, err := o.pool.Exec(ctx, "TRUNCATE study, river_job CASCADE"); err != nil {
		t.Error(err)
	}
}

// study trains study i under a name, and compares it with the local run.
func (s *scene) study(ctx context.Context, i int, name string) {
	dir := filepath.Join(s.dir, name)
	_, said, code := callContext(s.torture.t, ctx, strings.Fields(torturedStudies[i]+" -out "+dir+" -study "+name+" -store "+s.url)...)
	if code != exitOK {
		s.torture.t.Errorf("study %s: exit code %d: %s", name, code, said)
		return
	}
	if strings.Contains(said, "train again") || strings.Contains(said, "ALARM") || strings.Contains(said, "p%40ss") {
		s.torture.t.Errorf("study %s said: %s", name, said)
	}
	if digestOf(s.torture.t, dir) != s.want[i] {
		s.torture.t.Errorf("study %s has other trials or bits than a local run", name)
	}
	os.RemoveAll(dir)
}

// is returns the result of a query, and false while there is no server.
func (s *scene) is(ctx context.Context, sql string, args ...any) (yes bool) {
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.pool.QueryRow(limited, sql, args...).Scan(&yes) == nil && yes
}

// A job is the segment that a worker trains.
type job struct {
	id, block int64
	segment   int
}

// jobOf returns the segment that worker i trains, and reports whether there is one.
func (s *scene) jobOf(i int) (j job, ok bool) {
	err := s.pool.QueryRow(s.torture.t.Context(), `SELECT id, CAST(args ->> 'block' AS bigint), CAST(args ->> 'segment' AS int) FROM river_job
		WHERE kind = 'segment' AND state = 'running' AND attempted_by[array_upper(attempted_by, 1)] LIKE '%-' || $1 || '-%'`,
		fmt.Sprint(s.members[i].Process.Pid)).Scan(&j.id, &j.block, &j.segment)
	return j, err == nil
}

// victim waits for a worker that trains, other than those that are out, and returns one at random.
func (s *scene) victim(out ...int) (i int, j job) {
	for s.torture.t.Context().Err() == nil && !s.torture.t.Failed() {
		for _, i := range s.seed.Perm(len(s.members)) {
			if slices.Contains(out, i) {
				continue
			}
			if j, ok := s.jobOf(i); ok {
				return i, j
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0, job{}
}

// leads reports whether worker i leads the others.
func (s *scene) leads(i int) bool {
	return s.is(s.torture.t.Context(), "SELECT count(*) > 0 FROM river_leader WHERE leader_id LIKE '%-' || $1 || '-%' AND expires_at > now()", fmt.Sprint(s.members[i].Process.Pid))
}

// kept is the SQL that reports whether a segment is kept, with the arguments of a job.
const kept = "SELECT segment > $2 FROM block WHERE id = $1"

// recovers notes the time from now until done returns true.
func (s *scene) recovers(fault string, done func() bool) {
	began := time.Now()
	s.pending.Go(func() {
		for !done() {
			if s.torture.t.Failed() || time.Since(began) > 4*time.Minute {
				s.torture.t.Errorf("%s: no recovery after %v", fault, time.Since(began).Round(time.Second))
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		s.add(fault, time.Since(began))
	})
}

// keeps notes the time from now until the segment of a job is kept.
func (s *scene) keeps(fault string, j job) {
	s.recovers(fault, func() bool { return s.is(s.torture.t.Context(), kept, j.block, j.segment) })
}

// nextSegment notes the time from now until any segment is kept that was not kept now.
func (s *scene) nextSegment(fault string) {
	before := s.segments()
	s.recovers(fault, func() bool { return s.segments() > before })
}

// segments returns the number of segments that are kept, or −1 while there is no server.
func (s *scene) segments() (n int) {
	ctx, cancel := context.WithTimeout(s.torture.t.Context(), 2*time.Second)
	defer cancel()
	if s.pool.QueryRow(ctx, "SELECT coalesce(sum(segment), 0) FROM block").Scan(&n) != nil {
		return -1
	}
	return n
}

// add adds a recovery to the table.
func (s *scene) add(fault string, after time.Duration) {
	s.torture.mu.Lock()
	defer s.torture.mu.Unlock()
	i := slices.IndexFunc(s.lines, func(l line) bool { return l.scene == s.name && l.fault == fault })
	if i < 0 {
		i = len(s.lines)
		s.lines = append(s.lines, line{scene: s.name, fault: fault})
	}
	s.lines[i].after = append(s.lines[i].after, after)
}

// pause sleeps for a random time up to most.
func (s *scene) pause(most time.Duration) { time.Sleep(time.Duration(s.seed.Int64N(int64(most)))) }

// kills kills 200 workers with signal 9, up to three at a time, each while it trains.
func (s *scene) kills() {
	for n := 0; n < 200 && !s.torture.t.Failed(); {
		s.victim()
		s.pause(tortureSegment)
		for _, i := range s.seed.Perm(len(s.members))[:1+s.seed.IntN(3)] {
			j, ok := s.jobOf(i)
			if !ok {
				continue
			}
			fault := "kill -9 of a worker that trains"
			if s.leads(i) {
				fault = "kill -9 of the leader, which also trains"
			}
			s.kill(i)
			s.keeps(fault, j)
			n++
		}
		s.pause(1500 * time.Millisecond)
	}
}

// freezes stops 45 workers for longer than any timeout, until others have their segments.
func (s *scene) freezes() {
	var frozen sync.Map
	room := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for n := 0; n < 45 && !s.torture.t.Failed(); {
		room <- struct{}{}
		var out []int
		frozen.Range(func(i, _ any) bool {
			out = append(out, i.(int))
			return true
		})
		i, j := s.victim(out...)
		s.pause(tortureSegment)
		if j, _ = s.jobOf(i); j.id == 0 {
			<-room
			continue
		}
		frozen.Store(i, true)
		thaw := s.freeze(i)
		s.keeps("SIGSTOP of a worker, until another worker has its block", j)
		n++
		wg.Go(func() {
			for began := time.Now(); !s.is(s.torture.t.Context(), kept, j.block, j.segment) && time.Since(began) < 2*time.Minute; {
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(time.Second)
			thaw()
			time.Sleep(time.Second)
			frozen.Delete(i)
			<-room
		})
		s.pause(2 * time.Second)
	}
	wg.Wait()
}

// freezesInTransactions stops workers inside the transaction that keeps a segment. A slow network makes it last.
func (s *scene) freezesInTransactions() {
	for n := 0; n < 8 && !s.torture.t.Failed(); {
		i, _ := s.victim()
		s.proxies[i].set(network{delay: 50 * time.Millisecond})
		inside := func() bool {
			return s.is(s.torture.t.Context(), `SELECT count(*) > 0 FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
				WHERE a.application_name = $1 AND a.state = 'idle in transaction' AND l.relation = 'block'::regclass AND l.mode = 'RowExclusiveLock'`, fmt.Sprint("w", i))
		}
		for began := time.Now(); !inside() && time.Since(began) < 10*time.Second; {
			time.Sleep(5 * time.Millisecond)
		}
		thaw := s.freeze(i)
		j, ok := s.jobOf(i)
		if !ok || !inside() {
			thaw()
			continue
		}
		n++
		s.keeps("SIGSTOP of a worker inside its transaction", j)
		s.pending.Go(func() {
			for began := time.Now(); !s.is(s.torture.t.Context(), kept, j.block, j.segment) && time.Since(began) < 2*time.Minute; {
				time.Sleep(100 * time.Millisecond)
			}
			thaw()
			s.proxies[i].set(network{})
		})
		s.pending.Wait()
	}
}

// crashes ends the server 20 times without a checkpoint.
func (s *scene) crashes() {
	for n := 0; n < 20 && !s.torture.t.Failed(); n++ {
		s.victim()
		s.pause(tortureSegment)
		s.server.Crash()
		s.pause(time.Second)
		s.server.Restart()
		s.nextSegment("crash of the server, from its start")
		s.pending.Wait()
		s.pause(3 * time.Second)
	}
}

// outage ends the server for a minute.
func (s *scene) outage() {
	s.victim()
	s.server.Crash()
	time.Sleep(time.Minute)
	s.server.Restart()
	s.nextSegment("outage of the server of 60 s, from its start")
	s.pending.Wait()
	if said := s.said(); strings.Count(said, "the database is away") < len(s.members) || !strings.Contains(said, "the database is back after") {
		s.torture.t.Errorf("workers: %s", said)
	}
}

// fullDisk fills the disk of the server for 20 seconds, three times.
func (s *scene) fullDisk() {
	if s.disk == "" {
		s.torture.t.Skip("needs root, to mount a small disk")
	}
	name := filepath.Join(s.disk, "ballast")
	for range 3 {
		s.victim()
		f, err := os.Create(name)
		if err != nil {
			s.torture.t.Fatal(err)
		}
		for buffer := make([]byte, 4096); err == nil; {
			_, err = f.Write(buffer)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			s.torture.t.Fatal(err)
		}
		before := s.segments()
		time.Sleep(20 * time.Second)
		stalled := s.segments() == before || !s.server.Runs()
		f.Close()
		if err := os.Remove(name); err != nil {
			s.torture.t.Fatal(err)
		}
		note := "the server went on"
		if !s.server.Runs() {
			s.server.Restart()
			note = "the server had ended, and was started again"
		}
		s.nextSegment("full disk of the server for 20 s, from when there is space")
		s.pending.Wait()
		s.torture.t.Logf("nothing was kept meanwhile: %v; %s", stalled, note)
	}
}

// An aheadClock is a clock of River that is an hour ahead.
type aheadClock struct{}

func (aheadClock) Now() time.Time       { return time.Now().Add(time.Hour) }
func (aheadClock) NowOrNil() *time.Time { return nil }

// A hasty worker knows the kind of the jobs, and nothing else. To a leader whose clock is an hour ahead, all jobs that run
// have run for too long. River's rescuer reads the clock of the system instead of the clock of tests, so the leader has
// no patience, which has the same effect.
type hasty struct {
	river.WorkerDefaults[segmentArgs]
}

type segmentArgs struct{}

func (segmentArgs) Kind() string                                  { return "segment" }
func (hasty) Work(context.Context, *river.Job[segmentArgs]) error { return nil }
func (hasty) Timeout(*river.Job[segmentArgs]) time.Duration       { return time.Nanosecond }

// leadAhead starts a leader whose clock is an hour ahead. It trains nothing.
func (s *scene) leadAhead(t *testing.T) {
	workers := river.NewWorkers()
	river.AddWorker(workers, hasty{})
	client, err := river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		ID: "ahead", Schema: "fusegrid", Workers: workers, Queues: map[string]river.QueueConfig{"none": {MaxWorkers: 1}},
		JobTimeout: time.Nanosecond, RescueStuckJobsAfter: time.Nanosecond, MaxAttempts: 1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Test: river.TestConfig{Time: aheadClock{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := client.StopAndCancel(ctx); err != nil {
			t.Error(err)
		}
	})
	for began := time.Now(); !s.is(t.Context(), "SELECT count(*) > 0 FROM river_leader WHERE leader_id = 'ahead'"); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("another client leads")
		}
	}
}

// clock has a leader that takes all jobs from their workers each time it looks, which is each 30 seconds.
func (s *scene) clock() {
	last := int64(0)
	for looks := 0; looks < 2 && !s.torture.t.Failed(); {
		rows, err := s.pool.Query(s.torture.t.Context(), `SELECT id, CAST(args ->> 'block' AS bigint), CAST(args ->> 'segment' AS int) FROM river_job WHERE state = 'discarded' AND id > $1 ORDER BY id`, last)
		if err != nil {
			s.torture.t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			var j job
			if err := rows.Scan(&j.id, &j.block, &j.segment); err != nil {
				s.torture.t.Fatal(err)
			}
			last = max(last, j.id)
			s.keeps("job taken from a worker that trains, by a leader whose clock is an hour ahead", j)
			n++
		}
		if n > 0 {
			looks++
			s.pending.Wait()
		}
		time.Sleep(100 * time.Millisecond)
	}
	if !s.is(s.torture.t.Context(), "SELECT count(*) > 0 FROM river_leader WHERE leader_id = 'ahead'") {
		s.torture.t.Error("the leader whose clock is ahead leads no more")
	}
}

// completed returns the number of segments that worker i has kept.
func (s *scene) completed(i int) (n int) {
	ctx, cancel := context.WithTimeout(s.torture.t.Context(), 2*time.Second)
	defer cancel()
	if s.pool.QueryRow(ctx, "SELECT count(*) FROM river_job WHERE kind = 'segment' AND state = 'completed' AND attempted_by[array_upper(attempted_by, 1)] LIKE '%-' || $1 || '-%'",
		fmt.Sprint(s.members[i].Process.Pid)).Scan(&n) != nil {
		return 0
	}
	return n
}

// works notes the time from now until worker i keeps a segment.
func (s *scene) works(fault string, i int) {
	before := s.completed(i)
	s.recovers(fault, func() bool { return s.completed(i) > before })
}

// network delays all bytes, holds them, and loses answers of COMMIT.
func (s *scene) network() {
	all := func(n network) {
		for _, p := range s.proxies {
			p.set(n)
		}
	}
	// With a delay there is nothing to recover from: the table has the time until the first segment.
	s.victim()
	all(network{delay: 200 * time.Millisecond})
	time.Sleep(10 * time.Second)
	for i := range s.proxies {
		s.works("delay of 200 ms in both directions, from one segment to the next", i)
	}
	s.pending.Wait()
	all(network{})

	for range 3 {
		i, _ := s.victim()
		s.proxies[i].set(network{holds: true})
		time.Sleep(30 * time.Second)
		s.proxies[i].set(network{})
		s.works("nothing passes for 30 s, from when it passes again", i)
		s.pending.Wait()
	}

	for n := 0; n < 30 && !s.torture.t.Failed(); {
		i, j := s.victim()
		lost := make(chan struct{})
		var once sync.Once
		s.proxies[i].set(network{loses: func() (lose bool) {
			if s.is(s.torture.t.Context(), kept, j.block, j.segment) {
				once.Do(func() {
					lose = true
					close(lost)
				})
			}
			return lose
		}})
		select {
		case <-lost:
			n++
			s.works("connection reset after COMMIT, whose answer is lost", i)
			s.pending.Wait()
		case <-time.After(5 * time.Second):
		}
		s.proxies[i].set(network{})
		s.pause(300 * time.Millisecond)
	}
}

// namespace lets a worker reach the server through a link, which goes down for 30 seconds.
func (s *scene) namespace() {
	t := s.torture.t
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a network namespace")
	}
	name, here, there := fmt.Sprint("fusegrid", os.Getpid()), fmt.Sprint("fg", os.Getpid()%100000, "a"), fmt.Sprint("fg", os.Getpid()%100000, "b")
	ip := func(words string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", words, err, out)
		}
	}
	ip("netns add " + name)
	t.Cleanup(func() { ip("netns del " + name) })
	ip("link add " + here + " type veth peer name " + there + " netns " + name)
	ip("addr add 10.213.77.1/30 dev " + here)
	ip("link set " + here + " up")
	ip("-n " + name + " addr add 10.213.77.2/30 dev " + there)
	ip("-n " + name + " link set " + there + " up")
	ip("-n " + name + " link set lo up")
	from := fmt.Sprintf("127.0.0.1:%d", s.server.Port)
	p := startProxy(t, "10.213.77.1:0", from)
	s.team.add(through(s.server.URL("postgres", "pool_max_conns=4"), from, net.JoinHostPort("10.213.77.1", fmt.Sprint(p.listen.Addr().(*net.TCPAddr).Port))), "ip", "netns", "exec", name)
	i := len(s.members) - 1
	for n := 0; n < 3 && !t.Failed(); n++ {
		for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			if _, ok := s.jobOf(i); ok {
				break
			}
			if time.Since(began) > 2*time.Minute {
				t.Fatalf("the worker in the namespace trains nothing: %s", s.said())
			}
		}
		ip("link set " + here + " down")
		time.Sleep(30 * time.Second)
		ip("link set " + here + " up")
		s.works("link of a worker down for 30 s, from when it is up", i)
		s.pending.Wait()
	}
}

// tortureReport returns the table.
func tortureReport(lines []line, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Workers of a store under faults

make torture-store wrote this in %v on %d cores (%s/%s). Worker processes trained studies of a PostgreSQL server
while the faults below happened. Segments lasted %v. So a job counted as lost after %v, and after 20 s in the last
three rows. The workers looked for lost jobs every 2 s. Each study had the trials of a local run with the same bits,
and no segment was kept twice.

The time to recover is that until the segment that was being trained, or the next one, was kept.

| fault | times | median, s | longest, s |
|---|---|---|---|
`, took.Round(time.Minute), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, tortureSegment, 2*tortureSegment+2*time.Second)
	for _, l := range lines {
		fmt.Fprintln(&b, l.row())
	}
	return b.String()
}

// row returns a row of the table.
func (l line) row() string {
	slices.Sort(l.after)
	return fmt.Sprintf("| %s | %d | %.1f | %.1f |", l.fault, len(l.after), l.after[len(l.after)/2].Seconds(), l.after[len(l.after)-1].Seconds())
}
