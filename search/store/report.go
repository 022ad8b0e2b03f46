package store

import (
	"context"
	"time"
)

// A StudyStatus says how far a study is.
type StudyStatus struct {
	Study
	State   string         // running, done or cancelled
	Began   time.Time      // when it was submitted
	Ended   time.Time      // zero if it runs
	Trials  int            // on record
	Failed  int            // of Trials
	Classes map[string]int // trials on record by numeric class
	Blocks  int            // that have not ended
	Waiting int            // of Blocks, at a rung
	Busy    int            // segments that train
	Alarms  int            // trials that came out with other bits than on record
	Bytes   int64          // of states, and of files of trials
}

// seconds returns the time that the database has.
func seconds(s float64) time.Time { return time.UnixMilli(int64(s * 1000)) }

// Studies returns the studies of the store in the order in which they were submitted.
func (s *Store[T]) Studies(ctx context.Context) (all []StudyStatus, err error) {
	if _, err := s.check(ctx); err != nil {
		return nil, err
	}
	err = s.inTx(ctx, func(_ T, c conn) error {
		all = nil
		var ids []int64
		err := read(ctx, c, func(scan func(...any) error) error {
			var row studyRow
			var began float64
			var ended *float64
			if err := scan(append(row.fields(), &began, &ended)...); err != nil {
				return err
			}
			st := StudyStatus{Study: row.Study, State: row.state, Began: seconds(began), Classes: map[string]int{}}
			if ended != nil {
				st.Ended = seconds(*ended)
			}
			all, ids = append(all, st), append(ids, row.id)
			return nil
		}, "SELECT "+studyColumns+", began, ended FROM study ORDER BY id")
		for i := range all {
			if err == nil {
				err = s.describe(ctx, c, ids[i], &all[i])
			}
		}
		return err
	})
	return all, err
}

// describe counts the trials, blocks and bytes of a study.
func (s *Store[T]) describe(ctx context.Context, c conn, id int64, st *StudyStatus) error {
	err := read(ctx, c, func(scan func(...any) error) error {
		var class string
		var n, failed int
		err := scan(&class, &n, &failed)
		st.Classes[class] = n
		st.Trials, st.Failed = st.Trials+n, st.Failed+failed
		return err
	}, "SELECT class, count(*), sum(CASE WHEN state = 'failed' THEN 1 ELSE 0 END) FROM trial WHERE study = $1 GROUP BY class", id)
	if err != nil {
		return err
	}
	for _, q := range []struct {
		dest []any
		sql  string
	}{
		{[]any{&st.Blocks, &st.Waiting}, "SELECT count(*), coalesce(sum(CASE WHEN waits THEN 1 ELSE 0 END), 0) FROM block WHERE study = $1 AND NOT ended"},
		{[]any{&st.Busy}, "SELECT count(*) FROM river_job j JOIN block b ON CAST(j.args ->> 'block' AS bigint) = b.id WHERE j.kind = 'segment' AND j.state = 'running' AND b.study = $1"},
		{[]any{&st.Alarms}, "SELECT count(*) FROM alarm WHERE study = $1"},
		{[]any{&st.Bytes}, `SELECT CAST(coalesce((SELECT sum(length(data)) FROM state JOIN block ON block.id = state.block WHERE block.study = $1), 0) +
			coalesce((SELECT sum(length(data)) FROM file WHERE study = $1), 0) AS bigint)`},
	} {
		if _, err := one(ctx, c, q.dest, q.sql, id); err != nil {
			return err
		}
	}
	return nil
}

// A WorkerStatus describes a worker.
type WorkerStatus struct {
	Name, Host, Class, Version string
	PID, Cores                 int
	Began                      time.Time
	Silent                     time.Duration // since its last sign of life
	Left                       bool          // it has ended
	Segments, Trials           int
	Rate                       float64 // operations per second
	Busy                       int     // segments that train
	Study                      string  // of one of these segments
}

// Workers returns the workers of the last day, those that began last first.
func (s *Store[T]) Workers(ctx context.Context) (all []WorkerStatus, err error) {
	if _, err := s.check(ctx); err != nil {
		return nil, err
	}
	err = s.inTx(ctx, func(_ T, c conn) error {
		all = nil
		now := s.db.dialect().now
		return read(ctx, c, func(scan func(...any) error) error {
			var w WorkerStatus
			var began, silent float64
			var left *float64
			err := scan(&w.Name, &w.Host, &w.Class, &w.Version, &w.PID, &w.Cores, &began, &silent, &left, &w.Segments, &w.Trials, &w.Rate, &w.Busy, &w.Study)
			w.Began, w.Silent, w.Left = seconds(began), time.Duration(silent*float64(time.Second)), left != nil
			all = append(all, w)
			return err
		}, "SELECT name, host, class, version, pid, cores, began, "+now+" - seen, left_at, segments, trials, rate, busy, study FROM worker WHERE seen > "+now+" - 86400 ORDER BY began DESC")
	})
	return all, err
}

// Cancel cancels a study: its trials on record stay, and no further segment begins. A segment that trains is kept when
// it ends.
func (s *Store[T]) Cancel(ctx context.Context, name string) error {
	if _, err := s.check(ctx); err != nil {
		return err
	}
	return s.inTx(ctx, func(tx T, c conn) error {
		var id int64
		var state string
		found, err := one(ctx, c, []any{&id, &state}, "SELECT id, state FROM study WHERE name = $1 "+s.db.dialect().lock, name)
		switch {
		case err != nil:
			return err
		case !found:
			return input("there is no study %q; sweep store status lists them", name)
		case state == done:
			return input("study %s is done; there is nothing to cancel", name)
		}
		if _, err := c.exec(ctx, "UPDATE study SET state = 'cancelled', ended = "+s.db.dialect().now+" WHERE id = $1", id); err != nil {
			return err
		}
		var jobs []int64
		err = read(ctx, c, func(scan func(...any) error) error {
			var job int64
			err := scan(&job)
			jobs = append(jobs, job)
			return err
		}, "SELECT j.id FROM river_job j JOIN block b ON CAST(j.args ->> 'block' AS bigint) = b.id WHERE j.kind = 'segment' AND j.state IN ('available', 'scheduled', 'pending', 'retryable') AND b.study = $1", id)
		for _, job := range jobs {
			if err == nil {
				_, err = s.client.JobCancelTx(ctx, tx, job)
			}
		}
		return err
	})
}

// Prune removes the states of blocks, and the weights and states of trials, of studies that do not run. It returns the
// bytes of each study. If try is true, it removes nothing. Records stay. Files that a submitter has not copied yet are
// then made again by training.
func (s *Store[T]) Prune(ctx context.Context, try bool) (freed map[string]int64, err error) {
	all, err := s.Studies(ctx)
	if err != nil {
		return nil, err
	}
	freed = map[string]int64{}
	for _, st := range all {
		if st.State != running && st.Bytes > 0 {
			freed[st.Name] = st.Bytes
		}
	}
	if try || len(freed) == 0 {
		return freed, nil
	}
	return freed, s.inTx(ctx, func(_ T, c conn) error {
		for _, sql := range []string{
			"DELETE FROM file WHERE study IN (SELECT id FROM study WHERE state <> 'running')",
			"UPDATE block SET done = 0, waits = FALSE WHERE NOT ended AND study IN (SELECT id FROM study WHERE state <> 'running')",
			"DELETE FROM rung WHERE study IN (SELECT id FROM study WHERE state = 'cancelled') AND NOT EXISTS (SELECT 1 FROM trial t WHERE t.study = rung.study AND t.key = rung.key)",
			"DELETE FROM state WHERE block IN (SELECT b.id FROM block b JOIN study s ON s.id = b.study WHERE s.state <> 'running')",
			"DELETE FROM worker WHERE seen < " + s.db.dialect().now + " - 86400",
		} {
			if _, err := c.exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}
