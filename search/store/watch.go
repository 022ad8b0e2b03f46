package store

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/progress"
)

// A Scheduler has the blocks of a study trained by the workers of a store. It is the scheduler of a search.Study.
type Scheduler[T any] struct {
	store *Store[T]
	study Study
	log   *log.Logger
	quiet *messageFolder

	id     int64           // of the study; 0 before it is submitted
	ended  bool            // the study, when the last pass began or earlier
	there  map[string]bool // keys of the records that are in the store
	cursor int64           // number of the last trial that was read
	alarms int64           // number of the last alarm that was read
}

// NewScheduler returns a scheduler of a study. It returns an error if the store cannot be used.
func NewScheduler[T any](ctx context.Context, s *Store[T], st Study, l *log.Logger) (*Scheduler[T], error) {
	if _, err := s.check(ctx); err != nil {
		return nil, err
	}
	err := s.inTx(ctx, func(_ T, c conn) error {
		identity := ""
		found, err := one(ctx, c, []any{&identity}, "SELECT identity FROM study WHERE name = $1", st.Name)
		if found && identity != st.Identity {
			return errOther(st.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Scheduler[T]{store: s, study: st, log: l, quiet: newFolder(l), there: map[string]bool{}}, nil
}

// errOther is the error of a study whose name is taken.
func errOther(name string) error {
	return input("study %s has other flags or data than this command; give another name with -study", name)
}

// pollEvery is the time between two looks at the records of a study.
const pollEvery = 500 * time.Millisecond

// Train submits the blocks of a round, unless they are there, and copies records until all trials have one. It does not
// train. If ctx is done, the workers continue.
func (d *Scheduler[T]) Train(ctx context.Context, r *search.Round) error {
	known := map[string]bool{}
	records := r.Records()
	for _, rec := range records {
		known[rec.Key] = true
	}
	missing := map[string]bool{}
	for _, b := range r.Blocks {
		for _, t := range b.Active() {
			missing[t.Key] = true
		}
	}
	for submitted := false; ; {
		err := d.pass(ctx, r, records, known, missing, &submitted)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && len(missing) == 0:
			d.quiet.back()
			return nil
		case err == nil:
			d.quiet.back()
		case isAway(err):
			d.quiet.away(err)
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// pass submits the round at first, and copies the records that are new.
func (d *Scheduler[T]) pass(ctx context.Context, r *search.Round, records []results.Record, known, missing map[string]bool, submitted *bool) error {
	if !*submitted {
		records = slices.DeleteFunc(slices.Clone(records), func(rec results.Record) bool { return d.there[rec.Key] })
		id, err := d.store.submit(ctx, d.study, r.Number, r.Blocks, records, d.id == 0)
		if err != nil {
			return err
		}
		for _, rec := range records {
			d.there[rec.Key] = true
		}
		if d.id == 0 {
			d.log.Printf("study %s is in the store; Ctrl-C leaves it to the workers, and the same command comes back to it", d.study.Name)
		}
		d.id, d.ended, *submitted = id, false, true
	}
	for {
		fresh, curves, files, err := d.fresh(ctx, known)
		if err != nil {
			return err
		}
		if err := r.Keep(fresh, curves); err != nil {
			return diskError{err}
		}
		for _, rec := range fresh {
			known[rec.Key], d.there[rec.Key] = true, true
			delete(missing, rec.Key)
		}
		of := map[string]results.Record{}
		for _, rec := range fresh {
			of[rec.Key] = rec
		}
		for _, f := range files {
			if rec, ok := of[f.Key]; ok {
				r.File(f.Kind, rec, f.Data)
			}
		}
		if len(fresh) < batch {
			break
		}
	}
	if d.ended && len(missing) > 0 {
		return fmt.Errorf("study %s has ended in the store without %s of this sweep; submit it under another name with -study", d.study.Name, say.Plural(len(missing), "trial"))
	}
	return d.look(ctx, r)
}

// A diskError is an error of the output folder, for which waiting is no cure.
type diskError struct{ error }

func (e diskError) Unwrap() error { return e.error }

// batch is the number of records that are read together.
const batch = 256

// fresh reads records that are not known, with their curves and files.
func (d *Scheduler[T]) fresh(ctx context.Context, known map[string]bool) (fresh []results.Record, curves []byte, files []search.TrialFile, err error) {
	cursor := d.cursor
	err = d.store.briefly(ctx, func(_ T, c conn) error {
		fresh, curves, files, cursor = nil, nil, nil, d.cursor
		var keys []string
		for n := batch; n == batch && len(fresh) < batch; {
			n = 0
			err := read(ctx, c, func(scan func(...any) error) error {
				var key, text string
				var chunk []byte
				if err := scan(&cursor, &key, &text, &chunk); err != nil {
					return err
				}
				n++
				if known[key] {
					return nil
				}
				rec, err := d.store.decode(text)
				keys, fresh, curves = append(keys, key), append(fresh, rec), append(curves, chunk...)
				return err
			}, "SELECT id, key, record, curve FROM trial WHERE study = $1 AND id > $2 ORDER BY id LIMIT $3", d.id, cursor, batch)
			if err != nil {
				return err
			}
		}
		return byKey(ctx, c, d.id, keys, func(scan func(...any) error) error {
			var kind, key string
			var part []byte
			if err := scan(&kind, &key, &part); err != nil {
				return err
			}
			if n := len(files); n > 0 && files[n-1].Key == key && files[n-1].Kind == kind {
				files[n-1].Data = append(files[n-1].Data, part...)
			} else {
				files = append(files, search.TrialFile{Kind: kind, Key: key, Data: part})
			}
			return nil
		}, "SELECT kind, key, data FROM file WHERE study = $1 AND key IN (%s) ORDER BY kind, key, part")
	})
	if err == nil {
		d.cursor = cursor
	}
	return fresh, curves, files, err
}

// look reads what the live view shows: workers, the work that they have done, and alarms. It returns an error if the
// study was cancelled or removed.
func (d *Scheduler[T]) look(ctx context.Context, r *search.Round) error {
	var team []progress.Worker
	var alarms []alarm
	state, last := "", d.alarms
	err := d.store.briefly(ctx, func(_ T, c conn) error {
		team, alarms, last = nil, nil, d.alarms
		err := read(ctx, c, func(scan func(...any) error) error {
			var w progress.Worker
			var age float64
			if err := scan(&w.Name, &w.Cores, &w.Busy, &w.Rate, &age); err != nil {
				return err
			}
			w.Silent = time.Duration(age * float64(time.Second))
			team = append(team, w)
			return nil
		}, "SELECT host, cores, busy, rate, "+d.store.db.dialect().now+" - seen FROM worker WHERE left_at IS NULL AND seen > "+d.store.db.dialect().now+" - 600 AND (study = $1 OR study = '') ORDER BY began", d.study.Name)
		if err != nil {
			return err
		}
		if _, err := one(ctx, c, []any{&state}, "SELECT state FROM study WHERE id = $1", d.id); err != nil {
			return err
		}
		return read(ctx, c, func(scan func(...any) error) error {
			var a alarm
			if err := scan(&last, &a.key, &a.kept, &a.refused); err != nil {
				return err
			}
			alarms = append(alarms, a)
			return nil
		}, "SELECT id, key, kept, refused FROM alarm WHERE study = $1 AND id > $2 ORDER BY id", d.id, d.alarms)
	})
	if err != nil {
		return err
	}
	d.alarms = last
	for _, a := range alarms {
		a.log(d.log)
	}
	r.Live.Elsewhere(team)
	switch state {
	case done:
		d.ended = true
	case cancelled:
		return fmt.Errorf("study %s was cancelled; the same command starts it again: %w", d.study.Name, ErrCancelled)
	case "":
		return fmt.Errorf("study %s was removed from the store; the same command submits it again: %w", d.study.Name, ErrCancelled)
	}
	return nil
}

// ErrCancelled is the error of a study that somebody cancelled or removed.
var ErrCancelled = errors.New("no worker trains it")
