package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search"
)

// A Worker trains segments of the studies of a store. Its fields must not change while it runs.
type Worker struct {
	Workers int // the number of segments that train at the same time
	Cores   int // the number of cores that they share; 0 means one each

	// Open makes the program of a study from its specification. An error says why this machine cannot train the study,
	// and what to do. The worker then leaves the study to others, and tries again after a minute.
	Open func(ctx context.Context, st Study) (*search.Program, error)

	Class   string // the numeric class, for the list of workers
	Version string // of the program, for the list of workers
	Log     *log.Logger
}

// Intervals of a worker.
const (
	healEvery  = 2 * time.Second   // looks for lost jobs and new studies
	steadyFor  = 5 * time.Second   // after an outage, before jobs are taken from workers that may keep them yet
	neverStuck = 10000 * time.Hour // after which the leader takes jobs, which is left to takeLost
	aliveEvery = 5 * time.Second   // gives a sign of life
	askAgain   = time.Minute       // tries again to open a study for which data were missing
	maxSkew    = 5 * time.Second   // of the clock, for a process that may lead
)

// Run trains segments until ctx is done. It then ends each segment early, keeps it, and returns. It returns an error if
// the store cannot be used. If the database goes away, Run waits for it. The settings of River come from the store.
func Run[D riverdriver.Driver[T], T any](ctx context.Context, s *Store[T], w Worker) error {
	if math.MaxInt == math.MaxInt32 { // River takes its intervals for an int
		return input("a worker needs a 64-bit program, and this one has 32 bits; run workers on other machines")
	}
	set, err := s.check(ctx)
	if err != nil {
		return err
	}
	w.Log.Printf("worker: up to %s at a time on %s, waiting for studies", say.Plural(w.Workers, "block"), say.Plural(max(w.Cores, w.Workers), "core"))
	r := &runtime[D, T]{
		store: s, Worker: w, soft: ctx, room: make(chan struct{}, w.Workers),
		studies: map[int64]*served{}, queues: map[string]bool{}, quiet: newFolder(w.Log),
	}
	r.set.Store(&set)
	host, _ := os.Hostname()
	r.host = host
	r.name = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), time.Now().UTC().Format("20060102150405.000000"))
	ahead, err := s.skew(ctx)
	if err != nil {
		return err
	}
	config := &river.Config{
		ID: r.name, Schema: s.schema, Logger: r.quiet.logger(),
		Queues:               map[string]river.QueueConfig{idleQueue: {MaxWorkers: 1, FetchPollInterval: time.Hour}},
		Workers:              river.NewWorkers(),
		JobTimeout:           set.Timeout,
		RescueStuckJobsAfter: neverStuck, // the leader would go by its own clock, and looks each 30 seconds
		ReindexerIndexNames:  []string{}, // needs the owner of the tables
		FetchCooldown:        50 * time.Millisecond,
		MaxAttempts:          1,
	}
	if ahead.Abs() > maxSkew {
		w.Log.Printf("the clock of this machine is %v off that of the server, so this worker does not lead others; set the clock", ahead.Round(time.Second))
		config.LeaderElectionDisabled = true
	}
	river.AddWorker(config.Workers, &segmentWorker[D, T]{runtime: r})
	if r.client, err = river.NewClient(s.driver, config); err != nil {
		return err
	}
	if err := r.retry(ctx, func() error { return r.alive(ctx, false) }); err != nil {
		return err
	}
	// The context of Start must outlive ctx, because its end cancels segments that are to be kept.
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r.hard = hard
	if err := r.retry(ctx, func() error { return r.client.Start(hard) }); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.every(ctx, healEvery, r.look) })
	wg.Go(func() { r.every(ctx, aliveEvery, func(ctx context.Context) error { return r.alive(ctx, false) }) })
	<-ctx.Done()
	wg.Wait()
	limited, stop := context.WithTimeout(hard, r.set.Load().Timeout+2*idleInTransaction) // as long as a segment may take to be kept
	defer stop()
	err = r.client.Stop(limited)
	short, stop := context.WithTimeout(hard, time.Second)
	defer stop()
	_ = r.alive(short, true) // without it, the list of workers says that the worker was lost
	r.quiet.end()
	return err
}

// idleQueue is a queue without jobs, because a client of River must have a queue.
const idleQueue = "idle"

// A runtime is a worker that runs.
type runtime[D riverdriver.Driver[T], T any] struct {
	Worker
	set        atomic.Pointer[settings] // look reads them again
	store      *Store[T]
	client     *river.Client[T]
	soft       context.Context // ends when the worker should end
	hard       context.Context // ends when segments can no longer be kept
	room       chan struct{}   // has one element for each segment that trains
	quiet      *messageFolder
	host, name string

	steady time.Time // since when the database is there; zero if it is away

	mu      sync.Mutex
	studies map[int64]*served
	queues  map[string]bool

	segments, trials, iters atomic.Int64
	flops                   atomic.Uint64
	last                    struct { // sign of life
		flops uint64
		at    time.Time
	}
	doing sync.Map // name of the study by job
}

// A served is a study that the worker has opened, or could not open.
type served struct {
	spec    string
	program func() *search.Program // nil if it could not be opened
	tried   time.Time
	ended   atomic.Bool // the first call of program
}

// failed reports whether the study could not be opened.
func (o *served) failed() bool { return o.ended.Load() && o.program() == nil }

// retry calls do until it succeeds, ctx is done, or the error is not one of the connection.
func (r *runtime[D, T]) retry(ctx context.Context, do func() error) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := do()
		if err == nil {
			r.quiet.back()
			return nil
		}
		if !isAway(err) {
			return err
		}
		r.quiet.away(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// every calls do at once, and then after each interval, until ctx is done. Errors are logged.
func (r *runtime[D, T]) every(ctx context.Context, interval time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := do(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			r.quiet.back()
		case isAway(err):
			r.quiet.away(err)
		default:
			r.quiet.note(strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look reads the settings, opens new studies, takes jobs of their queues, and heals what lost workers leave.
func (r *runtime[D, T]) look(ctx context.Context) error {
	var rows []studyRow
	err := r.store.briefly(ctx, func(_ T, c conn) error {
		rows = nil
		set, err := readSettings(ctx, c)
		if err != nil {
			return err
		}
		r.set.Store(&set)
		return read(ctx, c, func(scan func(...any) error) error {
			var row studyRow
			err := scan(row.fields()...)
			rows = append(rows, row)
			return err
		}, "SELECT "+studyColumns+" FROM study WHERE state = 'running' ORDER BY priority, id")
	})
	if err != nil {
		r.steady = time.Time{}
		return err
	}
	if r.steady.IsZero() {
		r.steady = time.Now()
	}
	r.forget(rows)
	var all []error // none of them stops what follows
	for _, row := range rows {
		if r.program(row) != nil {
			all = append(all, r.serve(ctx, row.Queue))
		}
	}
	if time.Since(r.steady) > steadyFor {
		all = append(all, r.store.takeLost(ctx, r.set.Load().Timeout))
	}
	all = append(all, r.store.heal(ctx, r.program))
	return errors.Join(all...)
}

// serve takes jobs of a queue.
func (r *runtime[D, T]) serve(ctx context.Context, queue string) error {
	if r.queues[queue] { // only look uses the map
		return nil
	}
	err := r.client.Queues().Add(queue, river.QueueConfig{MaxWorkers: r.Workers})
	if err != nil {
		// River has the queue although it could not start it, and would refuse it from now on.
		return errors.Join(err, r.client.Queues().Remove(ctx, queue))
	}
	r.queues[queue] = true
	return nil
}

// forget drops the programs of studies that are not in rows, with their data.
func (r *runtime[D, T]) forget(rows []studyRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.studies, func(id int64, _ *served) bool {
		return !slices.ContainsFunc(rows, func(row studyRow) bool { return row.id == id })
	})
}

// program returns the program of a study, or nil if this worker cannot train it. The data may be read for a while, but
// only callers for the same study wait.
func (r *runtime[D, T]) program(row studyRow) *search.Program {
	r.mu.Lock()
	o := r.studies[row.id]
	if o == nil || o.spec != row.Spec || time.Since(o.tried) > askAgain && o.failed() {
		first := o == nil
		tried := time.Now()
		o = &served{spec: row.Spec, tried: tried}
		o.program = sync.OnceValue(func() *search.Program {
			defer o.ended.Store(true)
			p, err := r.Open(r.soft, row.Study)
			switch {
			case err == nil:
				r.Log.Printf("study %s: %d trials on %s, class %s", row.Name, row.Points, row.Data, row.Class)
				return p
			case first:
				r.Log.Printf("study %s is left to other workers: %v", row.Name, err)
			}
			return nil
		})
		r.studies[row.id] = o
	}
	r.mu.Unlock()
	return o.program()
}

// alive gives a sign of life.
func (r *runtime[D, T]) alive(ctx context.Context, left bool) error {
	now, flops := time.Now(), r.flops.Load()
	rate, busy, study := 0.0, 0, ""
	if d := now.Sub(r.last.at).Seconds(); !r.last.at.IsZero() && d > 0 {
		rate = float64(flops-r.last.flops) / d
	}
	r.doing.Range(func(_, name any) bool {
		busy++
		study = name.(string)
		return true
	})
	clock := r.store.db.dialect().now
	leftAt := "NULL"
	if left {
		leftAt, rate, busy = clock, 0, 0
	}
	err := r.store.briefly(ctx, func(_ T, c conn) error {
		_, err := c.exec(ctx, `INSERT INTO worker (name, host, pid, cores, class, version, began, seen, segments, trials, iters, flops, rate, busy, study)
			VALUES ($1, $2, $3, $4, $5, $6, `+clock+`, `+clock+`, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (name) DO UPDATE SET seen = excluded.seen,
			segments = excluded.segments, trials = excluded.trials, iters = excluded.iters, flops = excluded.flops, rate = excluded.rate,
			busy = excluded.busy, study = excluded.study, left_at = `+leftAt,
			r.name, r.host, os.Getpid(), max(r.Cores, r.Workers), r.Class, r.Version, r.segments.Load(), r.trials.Load(), float64(r.iters.Load()), float64(flops), rate, busy, study)
		return err
	})
	if err == nil {
		r.last.flops, r.last.at = flops, now
	}
	return err
}

// A segmentWorker works the jobs of River.
type segmentWorker[D riverdriver.Driver[T], T any] struct {
	river.WorkerDefaults[segmentJob]
	*runtime[D, T]
}

// Timeout is the time after which a job counts as lost. It is the same in all workers, because any of them may take it.
func (w *segmentWorker[D, T]) Timeout(*river.Job[segmentJob]) time.Duration {
	return w.set.Load().Timeout
}

// Work trains a segment and keeps its outcome. Its error does not matter: the job is not tried again, and if the
// outcome was not kept, a new job is inserted.
func (w *segmentWorker[D, T]) Work(ctx context.Context, job *river.Job[segmentJob]) error {
	if w.soft.Err() != nil {
		return river.JobSnooze(0)
	}
	select {
	case w.room <- struct{}{}:
		defer func() { <-w.room }()
	default:
		// Segments of another queue train on all cores. Each snooze writes a row.
		return river.JobSnooze(min(max(w.set.Load().Segment/8, time.Second), 10*time.Second))
	}
	began := time.Now()
	t, err := w.load(ctx, job)
	if err != nil {
		switch {
		case errors.Is(err, errMoved):
			return nil
		case errors.Is(err, errElsewhere):
			return river.JobSnooze(5 * time.Second)
		}
		return err
	}
	w.doing.Store(job.ID, t.study.Name)
	defer w.doing.Delete(job.ID)
	g := t.segment
	g.Cores = max(w.Cores/w.Workers, 1)
	// A segment must be kept before its timeout, so it ends after half of it at the latest.
	set := w.set.Load()
	g.Limit = max(min(set.Segment, set.Timeout/2)-time.Since(began), 1)
	g.Stepped = func(nets int, flops float64) {
		w.iters.Add(int64(nets))
		w.flops.Add(uint64(flops))
	}
	training, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(w.soft, cancel)
	o, err := t.program.Train(training, g)
	stop()
	cancel()
	for _, note := range o.Notes {
		w.Log.Print(note)
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil || len(o.Records) == 0 && o.State == nil {
		return context.Cause(ctx) // nothing is worth keeping
	}
	return w.keep(ctx, job, t, o)
}

var errElsewhere = errors.New("the job is of a study that this worker cannot train")

// A task is a job with what is needed to train its segment.
type task struct {
	study   studyRow
	block   blockRow
	program *search.Program
	segment search.Segment
}

// load reads a segment. It returns errMoved if the job is obsolete.
func (w *segmentWorker[D, T]) load(ctx context.Context, job *river.Job[segmentJob]) (t task, err error) {
	err = w.store.inTx(ctx, func(_ T, c conn) error {
		found, err := one(ctx, c, t.block.fields(), "SELECT "+blockColumns+" FROM block WHERE id = $1", job.Args.Block)
		if err != nil || !found || t.block.segment != job.Args.Segment || t.block.ended || t.block.waits {
			return cmp.Or(err, errMoved)
		}
		_, err = one(ctx, c, t.study.fields(), "SELECT "+studyColumns+" FROM study WHERE id = $1", t.block.study)
		return err
	})
	switch {
	case err != nil:
		return t, err
	case t.study.state != running:
		return t, errMoved
	}
	if t.program = w.program(t.study); t.program == nil {
		return t, errElsewhere
	}
	err = w.store.inTx(ctx, func(_ T, c conn) error {
		t.study.round = t.block.round
		g := &t.segment
		var err error
		if g.Block, err = t.block.block(); err != nil {
			return err
		}
		if t.program.Races() {
			st, err := w.store.standing(ctx, c, t.study, t.program)
			if err != nil {
				return err
			}
			g.Block.Skip = skipped(g.Block.Trials, st.ended)
			if g.Races, err = st.part.Standings(st.records, st.rungs, g.Block.Active()); err != nil {
				return err
			}
		} else {
			ended, err := w.store.endedTrials(ctx, c, t.study.id, g.Block.Trials)
			if err != nil {
				return err
			}
			g.Block.Skip = skipped(g.Block.Trials, func(key string) bool { return ended[key] })
		}
		if g.State, err = readParts(ctx, c, "SELECT data FROM state WHERE block = $1 ORDER BY part", t.block.id); err != nil {
			return err
		}
		g.Wants, err = w.wants(ctx, c, t)
		return err
	})
	return t, err
}

// wants returns the function that reports whether files of a trial are worth keeping.
func (w *segmentWorker[D, T]) wants(ctx context.Context, c conn, t task) (func(string, results.Record) bool, error) {
	least := map[string]float64{}
	for kind, n := range t.best() {
		if n < 0 {
			continue
		}
		var val *float64
		if _, err := one(ctx, c, []any{&val}, "SELECT val FROM trial WHERE study = $1 AND state = 'done' ORDER BY val DESC LIMIT 1 OFFSET $2", t.study.id, n-1); err != nil {
			return nil, err
		}
		if val != nil {
			least[kind] = *val
		}
	}
	return func(kind string, r results.Record) bool {
		floor, full := least[kind]
		return !full || r.Val() != nil && *r.Val() >= floor
	}, nil
}

// best returns the numbers of files that are kept, by kind.
func (t task) best() map[string]int {
	best := map[string]int{}
	for _, kind := range []string{search.WeightsFile, search.StateFile} {
		if n := t.program.BestFiles(kind); n != 0 {
			best[kind] = n
		}
	}
	return best
}

// keep keeps the outcome of a segment. If the database is away, it tries again until the job is no longer ours. The
// context of the job may end meanwhile, because the outcome remains valid.
func (w *segmentWorker[D, T]) keep(ctx context.Context, job *river.Job[segmentJob], t task, o search.Outcome) error {
	ctx = context.WithoutCancel(ctx)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		// A frozen worker may hold the lock of the study until the server ends its session. Meanwhile nobody takes this job,
		// because the transaction locks it.
		limited, cancel := context.WithTimeout(ctx, w.set.Load().Timeout+2*idleInTransaction)
		alarms, err := w.tryKeep(limited, job, t, o)
		cancel()
		switch {
		case err == nil:
			w.quiet.back()
			w.segments.Add(1)
			w.trials.Add(int64(len(o.Records)))
			for _, a := range alarms {
				a.log(w.Log)
			}
			return nil
		case errors.Is(err, errMoved):
			return nil
		case isAway(err):
			w.quiet.away(err)
		default:
			w.quiet.note(fmt.Sprintf("a segment of study %s could not be kept: %v", t.study.Name, err))
			return err
		}
		select {
		case <-w.hard.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// tryKeep keeps the outcome of a segment in one transaction. It returns errMoved if the job is no longer ours, which is
// also the case if an earlier try was committed but its answer was lost.
func (w *segmentWorker[D, T]) tryKeep(ctx context.Context, job *river.Job[segmentJob], t task, o search.Outcome) (alarms []alarm, err error) {
	err = w.store.inTx(ctx, func(tx T, c conn) error {
		if err := w.fence(ctx, c, job, t, o); err != nil {
			return err
		}
		if err := w.store.keepState(ctx, c, t.block.id, o.State); err != nil {
			return err
		}
		lock := w.store.locked
		if !o.Ended && !o.Waits && len(o.Records)+len(o.Rungs) == 0 {
			lock = w.store.unlocked // nothing changes that others see
		}
		row, err := lock(ctx, c, t.study.id)
		if err != nil {
			return err
		}
		if alarms, err = w.store.keepTrials(ctx, c, row.id, w.name, o.Records, o.Curves); err != nil {
			return err
		}
		if err := w.store.keepRungs(ctx, c, row.id, o.Rungs); err != nil {
			return err
		}
		if err := w.store.keepFiles(ctx, c, row.id, o.Files, t.best()); err != nil {
			return err
		}
		return w.follow(ctx, tx, c, job, t, o, row)
	})
	return alarms, err
}

// fence returns errMoved unless the job is ours, and counts the segment. It locks the job until the end of the
// transaction.
func (w *segmentWorker[D, T]) fence(ctx context.Context, c conn, job *river.Job[segmentJob], t task, o search.Outcome) error {
	d := w.store.db.dialect()
	n := 0
	ours, err := one(ctx, c, []any{&n}, "SELECT 1 FROM river_job WHERE id = $1 AND state = 'running' AND attempt = $2 AND attempted_at = $3 "+d.lock,
		job.ID, job.Attempt, d.time(*job.AttemptedAt))
	if err != nil || !ours {
		return cmp.Or(err, errMoved)
	}
	moved, err := c.exec(ctx, "UPDATE block SET segment = segment + 1, done = $3, waits = $4, ended = $5, tries = 0 WHERE id = $1 AND segment = $2 AND NOT ended",
		t.block.id, t.block.segment, o.Done, o.Waits, o.Ended)
	if err != nil || moved == 0 {
		return cmp.Or(err, errMoved)
	}
	return nil
}

// follow completes a job, and inserts the jobs that follow: that of the next segment, and those of other blocks.
func (w *segmentWorker[D, T]) follow(ctx context.Context, tx T, c conn, job *river.Job[segmentJob], t task, o search.Outcome, row studyRow) error {
	// The job is completed before jobs are inserted, because a block has one job.
	after, err := river.JobCompleteTx[D](ctx, tx, job)
	switch {
	case err != nil:
		return err
	case after.State != rivertype.JobStateCompleted || after.Attempt != job.Attempt:
		return errMoved
	case row.state != running:
		return nil
	}
	if !o.Ended && !o.Waits {
		next, err := w.store.client.InsertTx(ctx, tx, segmentJob{t.block.id, t.block.segment + 1}, options(row.Queue, row.Priority))
		if err != nil {
			return err
		}
		if err := w.store.advanceJob(ctx, c, next.Job.ID, "$2", w.store.db.dialect().time(job.ScheduledAt.Add(-time.Second))); err != nil {
			return err
		}
	}
	if o.Ended || o.Waits || t.program.Waits() && len(o.Records) > 0 {
		return w.store.advance(ctx, tx, c, row, t.program)
	}
	return nil
}

// skew returns how far the clock of this machine is ahead of that of the server.
func (s *Store[T]) skew(ctx context.Context) (ahead time.Duration, err error) {
	err = s.inTx(ctx, func(_ T, c conn) error {
		server := 0.0
		before := time.Now()
		if _, err := one(ctx, c, []any{&server}, "SELECT "+s.db.dialect().now); err != nil {
			return err
		}
		ahead = time.Duration((float64(before.UnixNano())/1e9 - server) * 1e9)
		return nil
	})
	return ahead, err
}
