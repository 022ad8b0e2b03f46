package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"fusegrid/internal/strictjson"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

// A Study describes a study to workers.
type Study struct {
	Name     string
	Identity string // hash of all that determines the trials
	Spec     string // from which workers make the program
	Queue    string // workers that have the data, the type and the numeric class of the queue can train the study
	Data     string // describes the data set to people
	Class    string // the numeric class
	Priority int    // 1 is first, 4 is last
	Points   int    // of all rounds
}

// States of a study.
const (
	running   = "running"
	done      = "done"
	cancelled = "cancelled"
)

// A studyRow is a study in the database.
type studyRow struct {
	Study
	id    int64
	state string
	round int
}

const studyColumns = "id, name, identity, spec, queue, data, class, priority, points, state, round"

func (r *studyRow) fields() []any {
	return []any{&r.id, &r.Name, &r.Identity, &r.Spec, &r.Queue, &r.Data, &r.Class, &r.Priority, &r.Points, &r.state, &r.round}
}

// locked returns a study, and locks it until the end of the transaction. All changes of what a study has on record are
// made under this lock, so that each transaction sees what others did, and numbers of trials ascend.
func (s *Store[T]) locked(ctx context.Context, c conn, id int64) (studyRow, error) {
	return s.row(ctx, c, id, s.db.dialect().lock)
}

// lockedNow is locked, but it returns errMoved if another transaction has the lock.
func (s *Store[T]) lockedNow(ctx context.Context, c conn, id int64) (studyRow, error) {
	return s.row(ctx, c, id, s.db.dialect().skip)
}

// unlocked returns a study.
func (s *Store[T]) unlocked(ctx context.Context, c conn, id int64) (studyRow, error) {
	return s.row(ctx, c, id, "")
}

// row returns a study. The end of the query says what is locked.
func (s *Store[T]) row(ctx context.Context, c conn, id int64, end string) (r studyRow, err error) {
	found, err := one(ctx, c, r.fields(), "SELECT "+studyColumns+" FROM study WHERE id = $1 "+end, id)
	if err == nil && !found {
		err = fmt.Errorf("study %d was removed, or is locked: %w", id, errMoved)
	}
	return r, err
}

// Submit adds a study, or finds it under its name. It adds the records and the blocks of a round, unless workers have
// planned that round already. If again is true, trials that failed are tried again, and a cancelled study continues.
func (s *Store[T]) submit(ctx context.Context, st Study, round int, blocks []plan.Block, records []results.Record, again bool) (id int64, err error) {
	err = s.inTx(ctx, func(tx T, c conn) error {
		_, err := c.exec(ctx, `INSERT INTO study (name, identity, spec, queue, data, class, priority, points, state, round, began)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'running', $9, `+s.db.dialect().now+`) ON CONFLICT (name) DO NOTHING`,
			st.Name, st.Identity, st.Spec, st.Queue, st.Data, st.Class, st.Priority, st.Points, round)
		if err != nil {
			return err
		}
		if _, err := one(ctx, c, []any{&id}, "SELECT id FROM study WHERE name = $1", st.Name); err != nil {
			return err
		}
		row, err := s.locked(ctx, c, id)
		if err != nil {
			return err
		}
		if row.Identity != st.Identity {
			return errOther(st.Name)
		}
		retried := false
		if again {
			if retried, err = s.again(ctx, c, row, st); err != nil {
				return err
			}
		}
		if _, err = s.keepTrials(ctx, c, id, "the submitter", records, nil); err != nil {
			return err
		}
		if row.round <= round || retried {
			var trials []grid.Trial
			for _, b := range blocks {
				trials = append(trials, b.Trials...)
			}
			ended, err := s.endedTrials(ctx, c, id, trials)
			if err != nil {
				return err
			}
			if _, err := s.addBlocks(ctx, c, id, round, blocks, ended); err != nil {
				return err
			}
		}
		return s.insertJobs(ctx, tx, c, id)
	})
	return id, err
}

// again makes a study run that was cancelled or has failed trials. It also takes the new priority and files to keep. It
// reports whether trials had failed. Later rounds may then change, because their points depend on values of earlier ones.
func (s *Store[T]) again(ctx context.Context, c conn, row studyRow, st Study) (retried bool, err error) {
	failed, err := c.exec(ctx, "DELETE FROM trial WHERE study = $1 AND state = 'failed'", row.id)
	if err != nil {
		return false, err
	}
	for _, sql := range []string{
		"UPDATE study SET state = 'running', ended = NULL WHERE id = $1 AND state = 'cancelled'",
		"UPDATE block SET tries = 0 WHERE study = $1",
	} {
		if _, err := c.exec(ctx, sql, row.id); err != nil {
			return false, err
		}
	}
	if _, err := c.exec(ctx, "UPDATE study SET priority = $2, spec = $3 WHERE id = $1", row.id, st.Priority, st.Spec); err != nil {
		return false, err
	}
	_, err = c.exec(ctx, `UPDATE river_job SET priority = $2 WHERE kind = 'segment' AND state = 'available' AND priority <> $2
		AND CAST(args ->> 'block' AS bigint) IN (SELECT id FROM block WHERE study = $1 AND NOT ended)`, row.id, st.Priority)
	return failed > 0, err
}

// endedTrials returns the keys of those of the trials that are on record.
func (s *Store[T]) endedTrials(ctx context.Context, c conn, study int64, trials []grid.Trial) (ended map[string]bool, err error) {
	ended = map[string]bool{}
	var keys []string
	for _, t := range trials {
		keys = append(keys, t.Key)
	}
	return ended, byKey(ctx, c, study, keys, func(scan func(...any) error) error {
		key := ""
		err := scan(&key)
		ended[key] = true
		return err
	}, "SELECT key FROM trial WHERE study = $1 AND key IN (%s)")
}

// byKey reads the rows of a study with some keys. The statement has %s in place of the keys.
func byKey(ctx context.Context, c conn, study int64, keys []string, row func(scan func(...any) error) error, statement string) error {
	for _, part := range parts(keys) {
		args, list := []any{study}, new(strings.Builder)
		for _, key := range part {
			args = append(args, key)
			fmt.Fprintf(list, ",$%d", len(args))
		}
		if err := read(ctx, c, row, fmt.Sprintf(statement, list.String()[1:]), args...); err != nil {
			return err
		}
	}
	return nil
}

// parts divides a list into parts of few different lengths. So there are few different statements, and the server
// prepares each of them once.
func parts[E any](list []E) (all [][]E) {
	for _, size := range []int{64, 8, 1} {
		for len(list) >= size {
			all, list = append(all, list[:size]), list[size:]
		}
	}
	return all
}

// skipped returns which of the trials have ended, by position, or nil if none has.
func skipped(trials []grid.Trial, ended func(key string) bool) []bool {
	skip := make([]bool, len(trials))
	for i, t := range trials {
		skip[i] = ended(t.Key)
	}
	if !slices.Contains(skip, true) {
		return nil
	}
	return skip
}

// addBlocks adds those blocks that have trials without a record, and reports whether there are any. A block that exists
// and has such trials begins again.
func (s *Store[T]) addBlocks(ctx context.Context, c conn, study int64, round int, blocks []plan.Block, ended map[string]bool) (added bool, err error) {
	for _, b := range blocks {
		if !slices.ContainsFunc(b.Trials, func(t grid.Trial) bool { return !ended[t.Key] }) {
			continue
		}
		var configs []results.Config
		for _, t := range b.Trials {
			configs = append(configs, t.Config)
		}
		text, err := json.Marshal(configs)
		if err != nil {
			return false, err
		}
		n, err := c.exec(ctx, `INSERT INTO block (study, round, name, trials, segment, done, waits, ended, tries)
			VALUES ($1, $2, $3, $4, 0, 0, FALSE, FALSE, 0) ON CONFLICT (study, name) DO NOTHING`, study, round, b.ID, string(text))
		if err == nil && n == 0 {
			// A block that trains is not locked here, because its worker may wait for the lock of the study.
			n, err = c.exec(ctx, `UPDATE block SET ended = FALSE, segment = segment + 1, done = 0, waits = FALSE, tries = 0
				WHERE study = $1 AND name = $2 AND ended`, study, b.ID)
		}
		if err != nil {
			return false, err
		}
		added = added || n > 0
	}
	if !added {
		return false, nil
	}
	_, err = c.exec(ctx, "UPDATE study SET state = 'running', ended = NULL, round = $2 WHERE id = $1", study, round)
	return true, err
}

// missingJobs selects the blocks that can train and have no job.
const missingJobs = `SELECT s.id, b.id, b.segment, b.tries, s.queue, s.priority FROM block b JOIN study s ON s.id = b.study
	WHERE NOT b.ended AND NOT b.waits AND s.state = 'running' AND ($1 = 0 OR s.id = $1) AND NOT EXISTS (
	SELECT 1 FROM river_job j WHERE j.kind = 'segment' AND j.state IN ` + liveJobs + `
	AND CAST(j.args ->> 'block' AS bigint) = b.id AND CAST(j.args ->> 'segment' AS bigint) = b.segment) ORDER BY b.id`

// insertJobs inserts the jobs of the blocks of a study that can train and have none. Blocks that have begun, such as those
// of lost workers, come first. The caller has locked the study.
func (s *Store[T]) insertJobs(ctx context.Context, tx T, c conn, study int64) error {
	var jobs []river.InsertManyParams
	var poisoned []int64
	first := map[segmentJob]bool{}
	err := read(ctx, c, func(scan func(...any) error) error {
		var j segmentJob
		id, queue, priority, tries := int64(0), "", 0, 0
		if err := scan(&id, &j.Block, &j.Segment, &tries, &queue, &priority); err != nil {
			return err
		}
		if tries >= maxTries {
			poisoned = append(poisoned, j.Block)
			return nil
		}
		first[j] = j.Segment > 0 || tries > 0
		jobs = append(jobs, river.InsertManyParams{Args: j, InsertOpts: options(queue, priority)})
		return nil
	}, missingJobs, study)
	if err != nil {
		return err
	}
	for _, id := range poisoned {
		if err := s.fail(ctx, c, study, id); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(jobs, 500) {
		inserted, err := s.client.InsertManyTx(ctx, tx, part)
		if err != nil {
			return err
		}
		for i, j := range part {
			if !first[j.Args.(segmentJob)] {
				continue
			}
			if err := s.advanceJob(ctx, c, inserted[i].Job.ID, s.db.dialect().ago("3600")); err != nil {
				return err
			}
		}
	}
	for _, part := range parts(jobs) {
		var args []any
		list := new(strings.Builder)
		for _, j := range part {
			args = append(args, j.Args.(segmentJob).Block)
			fmt.Fprintf(list, ",$%d", len(args))
		}
		if _, err := c.exec(ctx, "UPDATE block SET tries = tries + 1 WHERE id IN ("+list.String()[1:]+")", args...); err != nil {
			return err
		}
	}
	return nil
}

// advanceJob puts a job before those of blocks that have not begun, so that few states are in the store at a time. With a
// time as an option of River, a job would wait for the leader.
func (s *Store[T]) advanceJob(ctx context.Context, c conn, id int64, at string, args ...any) error {
	_, err := c.exec(ctx, "UPDATE river_job SET scheduled_at = "+at+" WHERE id = $1 AND state = 'available'", append([]any{id}, args...)...)
	return err
}

// maxTries is the number of jobs of a segment of which none was kept, after which the trials of the block fail. A block
// may need more memory than any worker has, so that the system kills each of them.
const maxTries = 20

// fail ends a block. Its trials that have not ended fail.
func (s *Store[T]) fail(ctx context.Context, c conn, study, id int64) error {
	var b blockRow
	if _, err := one(ctx, c, b.fields(), "SELECT "+blockColumns+" FROM block WHERE id = $1", id); err != nil {
		return err
	}
	trials, err := b.list()
	if err != nil {
		return err
	}
	ended, err := s.endedTrials(ctx, c, study, trials)
	if err != nil {
		return err
	}
	var failed []results.Record
	for _, t := range trials {
		if !ended[t.Key] {
			failed = append(failed, results.Record{
				Key: t.Key, Config: t.Config, State: results.Failed,
				Error: fmt.Sprintf("its block was tried %d times, and each worker was lost or failed; the messages of the workers say why", maxTries),
				Ended: time.Now().UTC().Truncate(time.Millisecond),
			})
		}
	}
	if _, err := s.keepTrials(ctx, c, study, "", failed, nil); err != nil {
		return err
	}
	if _, err := c.exec(ctx, "DELETE FROM state WHERE block = $1", id); err != nil {
		return err
	}
	_, err = c.exec(ctx, "UPDATE block SET ended = TRUE, segment = segment + 1 WHERE id = $1", id)
	return err
}

// takeLost takes jobs from workers that have them for longer than a timeout. Only the clock of the server counts. Jobs
// that a transaction has locked are left out: a worker is about to keep them, or it is frozen, and the server ends its
// session. Jobs that were put back by workers whose clock is ahead wait no longer.
func (s *Store[T]) takeLost(ctx context.Context, timeout time.Duration) error {
	d := s.db.dialect()
	return s.briefly(ctx, func(_ T, c conn) error {
		_, err := c.exec(ctx, "UPDATE river_job SET state = 'discarded', finalized_at = "+d.ago("0")+` WHERE id IN (
			SELECT id FROM river_job WHERE kind = 'segment' AND state = 'running' AND attempted_at < `+d.ago("$1")+" ORDER BY id "+d.skip+")", timeout.Seconds())
		if err != nil {
			return err
		}
		_, err = c.exec(ctx, "UPDATE river_job SET scheduled_at = "+d.ago("0")+` WHERE id IN (
			SELECT id FROM river_job WHERE kind = 'segment' AND state = 'available' AND scheduled_at > `+d.ago("-60")+" ORDER BY id "+d.skip+")")
		return err
	})
}

// heal inserts jobs that are missing because workers were lost, or because somebody removed them. It also plans what
// follows in studies in which all blocks wait or have ended.
func (s *Store[T]) heal(ctx context.Context, program func(studyRow) *search.Program) error {
	missing := map[int64]bool{}
	var stuck []studyRow
	err := s.briefly(ctx, func(_ T, c conn) error {
		clear(missing)
		stuck = nil
		ours, err := s.turn(ctx, c)
		if err != nil {
			return err
		}
		if ours {
			err := read(ctx, c, func(scan func(...any) error) error {
				var id, block int64
				var segment, tries, priority int
				var queue string
				err := scan(&id, &block, &segment, &tries, &queue, &priority)
				missing[id] = true
				return err
			}, missingJobs, 0)
			if err != nil {
				return err
			}
		}
		return read(ctx, c, func(scan func(...any) error) error {
			var row studyRow
			err := scan(row.fields()...)
			stuck = append(stuck, row)
			return err
		}, "SELECT "+studyColumns+` FROM study WHERE state = 'running' AND NOT EXISTS (
			SELECT 1 FROM block WHERE block.study = study.id AND NOT ended AND NOT waits)`)
	})
	if err != nil {
		return err
	}
	var all []error // a damaged study does not stop the others
	mend := func(id int64, do func(tx T, c conn, row studyRow) error) {
		name := ""
		err := s.briefly(ctx, func(tx T, c conn) error {
			row, err := s.lockedNow(ctx, c, id)
			if err != nil || row.state != running {
				return err
			}
			name = row.Name
			return do(tx, c, row)
		})
		switch {
		case errors.Is(err, errMoved) || err == nil:
		case isAway(err):
			all = append(all, err)
		default:
			all = append(all, fmt.Errorf("study %s cannot continue: %w; use the program that submitted it, or run sweep store cancel %s", name, err, name))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		mend(id, func(tx T, c conn, _ studyRow) error { return s.insertJobs(ctx, tx, c, id) })
	}
	for _, row := range stuck {
		if p := program(row); p != nil { // else another worker has its data, which are read without a lock
			mend(row.id, func(tx T, c conn, row studyRow) error { return s.advance(ctx, tx, c, row, p) })
		}
	}
	return errors.Join(all...)
}

// turn reports whether the caller is the one that looks for missing jobs in this interval. With many workers, the look of
// each of them would take the server much time.
func (s *Store[T]) turn(ctx context.Context, c conn) (bool, error) {
	now := s.db.dialect().now
	n, err := c.exec(ctx, "INSERT INTO setting (name, value) VALUES ('healed', "+now+") ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE setting.value < "+now+" - $1",
		(healEvery / 2).Seconds())
	return n > 0, err
}

// advance plans what follows from what is on record, and inserts the jobs: it wakes the blocks whose rung is complete, and
// if all blocks have ended, it adds the blocks of the next round, or ends the study. The caller has locked the study.
func (s *Store[T]) advance(ctx context.Context, tx T, c conn, row studyRow, p *search.Program) error {
	open := 0
	if _, err := one(ctx, c, []any{&open}, "SELECT 1 FROM block WHERE study = $1 AND NOT ended LIMIT 1", row.id); err != nil {
		return err
	}
	plan := s.wake
	if open == 0 {
		plan = s.nextRound
	} else if !p.Waits() {
		return nil
	}
	added, err := plan(ctx, c, row, p)
	if err != nil || !added {
		return err
	}
	return s.insertJobs(ctx, tx, c, row.id)
}

// wake wakes the blocks whose rung is complete, and reports whether there are any.
func (s *Store[T]) wake(ctx context.Context, c conn, row studyRow, p *search.Program) (woken bool, err error) {
	var waiting []blockRow
	err = read(ctx, c, func(scan func(...any) error) error {
		var b blockRow
		err := scan(b.fields()...)
		waiting = append(waiting, b)
		return err
	}, "SELECT "+blockColumns+" FROM block WHERE study = $1 AND NOT ended AND waits ORDER BY id", row.id)
	if err != nil || len(waiting) == 0 {
		return false, err
	}
	st, err := s.standing(ctx, c, row, p)
	if err != nil {
		return false, err
	}
	races, err := st.part.Standings(st.records, st.rungs, nil)
	if err != nil {
		return false, err
	}
	for _, b := range waiting {
		block, err := b.block()
		if err != nil {
			return false, err
		}
		block.Skip = skipped(block.Trials, st.ended)
		if search.Waiting(races, block) {
			continue
		}
		if _, err := c.exec(ctx, "UPDATE block SET waits = FALSE WHERE id = $1", b.id); err != nil {
			return false, err
		}
		woken = true
	}
	return woken, nil
}

// nextRound adds the blocks of the next round that has trials without a record, or ends the study. It reports
// whether there is a next round.
func (s *Store[T]) nextRound(ctx context.Context, c conn, row studyRow, p *search.Program) (added bool, err error) {
	var records map[string]results.Record
	if p.Rounds() > row.round+1 {
		if records, err = s.readRecords(ctx, c, row.id); err != nil {
			return false, err
		}
	}
	ended := map[string]bool{}
	for key := range records {
		ended[key] = true
	}
	for round := row.round + 1; round < p.Rounds(); round++ {
		part, err := p.Round(round, records)
		if err != nil {
			return false, err
		}
		if blocks := part.Blocks(func(key string) bool { return ended[key] }); len(blocks) > 0 {
			return s.addBlocks(ctx, c, row.id, round, blocks, ended)
		}
	}
	_, err = c.exec(ctx, "UPDATE study SET state = 'done', round = $2, ended = "+s.db.dialect().now+" WHERE id = $1", row.id, p.Rounds()-1)
	return false, err
}

// A blockRow is a block in the database.
type blockRow struct {
	id, study     int64
	round         int
	name, trials  string
	segment, done int
	waits, ended  bool
	tries         int
}

const blockColumns = "id, study, round, name, trials, segment, done, waits, ended, tries"

func (b *blockRow) fields() []any {
	return []any{&b.id, &b.study, &b.round, &b.name, &b.trials, &b.segment, &b.done, &b.waits, &b.ended, &b.tries}
}

// list returns the trials of the block.
func (b *blockRow) list() (trials []grid.Trial, err error) {
	var configs []results.Config
	if err := strictjson.UnmarshalKnown([]byte(b.trials), &configs); err != nil {
		return nil, fmt.Errorf("the trials of block %d: %w", b.id, err)
	}
	for _, c := range configs {
		trials = append(trials, grid.Trial{Key: c.Key(), Config: c})
	}
	return trials, nil
}

// block returns the block with all of its trials.
func (b *blockRow) block() (block plan.Block, err error) {
	block = plan.Block{ID: b.name, Done: b.done, Cores: 1}
	if block.Trials, err = b.list(); err != nil {
		return block, err
	}
	if plan.BlockID(block.Trials) != b.name {
		return block, fmt.Errorf("the trials of block %d do not have its name; a worker of another version made it", b.id)
	}
	return block, nil
}

// A standing is what the stop rule of a study knows.
type standing struct {
	part    *search.ProgramRound
	records map[string]results.Record // with the fields that Standings uses
	rungs   map[string][]results.Rung
}

// ended reports whether a trial is on record.
func (s standing) ended(key string) bool {
	_, ok := s.records[key]
	return ok
}

// readRecords reads the records of a study, by key.
func (s *Store[T]) readRecords(ctx context.Context, c conn, study int64) (map[string]results.Record, error) {
	records := map[string]results.Record{}
	return records, read(ctx, c, func(scan func(...any) error) error {
		text := ""
		if err := scan(&text); err != nil {
			return err
		}
		r, err := s.decode(text)
		records[r.Key] = r
		return err
	}, "SELECT record FROM trial WHERE study = $1", study)
}

// standing reads what a stop rule knows of the trials of a study.
func (s *Store[T]) standing(ctx context.Context, c conn, row studyRow, p *search.Program) (st standing, err error) {
	st.rungs = map[string][]results.Rung{}
	whole := p.Rounds() > 1 // the points of a round depend on values of earlier rounds
	if whole {
		st.records, err = s.readRecords(ctx, c, row.id)
	} else {
		st.records = map[string]results.Record{}
		err = read(ctx, c, func(scan func(...any) error) error {
			var r results.Record
			err := scan(&r.Key, &r.State, &r.Steps, &r.Race)
			st.records[r.Key] = r
			return err
		}, "SELECT key, state, steps, race FROM trial WHERE study = $1", row.id)
	}
	if err != nil {
		return st, err
	}
	err = read(ctx, c, func(scan func(...any) error) error {
		var key string
		var rung results.Rung
		var val *float64
		if err := scan(&key, &rung.Step, &val); err != nil {
			return err
		}
		rung.Val = search.Withdrawn
		if val != nil {
			rung.Val = *val
		}
		st.rungs[key] = append(st.rungs[key], rung)
		return nil
	}, "SELECT key, step, val FROM rung WHERE study = $1 ORDER BY step", row.id)
	if err != nil {
		return st, err
	}
	if !whole {
		for key, rungs := range st.rungs {
			if r, ok := st.records[key]; ok {
				r.Rungs = slices.DeleteFunc(rungs, func(r results.Rung) bool { return math.IsNaN(r.Val) })
				st.records[key] = r
			}
		}
	}
	st.part, err = p.Round(row.round, st.records)
	return st, err
}

// An alarm is a trial that came out with other bits than on record.
type alarm struct{ key, kept, refused string }

// log prints both records.
func (a alarm) log(l *log.Logger) {
	l.Printf("ALARM: trial %.12s came out with other bits than on record. Both have one key, so a machine computed wrong.\n  on record: %s\n  refused:   %s", a.key, a.kept, a.refused)
}

// decode reads a record of the database.
func (s *Store[T]) decode(text string) (r results.Record, err error) {
	d := s.decoders.Get().(*recordDecoder)
	defer s.decoders.Put(d)
	if err := d.Decode([]byte(text), &r); err != nil {
		return r, fmt.Errorf("a record in the store: %w", err)
	}
	if r.Key != r.Config.Key() {
		return r, fmt.Errorf("record %.12s in the store does not have the key of its configuration", r.Key)
	}
	return r, nil
}

// keepTrials keeps records. A trial on record stays as it is. If its bits differ, that is an alarm. The caller has locked
// the study.
func (s *Store[T]) keepTrials(ctx context.Context, c conn, study int64, worker string, records []results.Record, curves map[string][]byte) (alarms []alarm, err error) {
	var rows [][]any
	texts, fresh, rungs := map[string]string{}, map[string]bool{}, map[string][]results.Rung{}
	for _, r := range records {
		text, err := s.encoder.Append(nil, &r)
		if err != nil {
			return nil, err
		}
		texts[r.Key] = string(text)
		rows = append(rows, []any{study, r.Key, string(r.State), r.Steps, r.Val(), r.Race, r.Config.Class, string(text), curves[r.Key]})
	}
	err = insert(ctx, c, rows, func(scan func(...any) error) error {
		key := ""
		err := scan(&key)
		fresh[key] = true
		return err
	}, "INSERT INTO trial (study, key, state, steps, val, race, class, record, curve) VALUES %s ON CONFLICT (study, key) DO NOTHING RETURNING key")
	if err != nil {
		return nil, err
	}
	var there []string
	for _, r := range records {
		if fresh[r.Key] {
			rungs[r.Key] = r.Rungs
		} else {
			there = append(there, r.Key)
		}
	}
	kept := map[string]string{}
	err = byKey(ctx, c, study, there, func(scan func(...any) error) error {
		var key, text string
		err := scan(&key, &text)
		kept[key] = text
		return err
	}, "SELECT key, record FROM trial WHERE study = $1 AND key IN (%s)")
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if fresh[r.Key] {
			continue
		}
		old, err := s.decode(kept[r.Key])
		if err != nil {
			return nil, err
		}
		if r.RelationTo(&old) != results.Contrary {
			continue
		}
		// A submitter may come with the same record several times.
		a := alarm{r.Key, kept[r.Key], texts[r.Key]}
		n, err := c.exec(ctx, `INSERT INTO alarm (study, key, kept, refused, worker, at) SELECT CAST($1 AS bigint), $2, $3, $4, $5, `+s.db.dialect().now+`
			WHERE NOT EXISTS (SELECT 1 FROM alarm WHERE study = $1 AND key = $2 AND refused = $4)`, study, a.key, a.kept, a.refused, worker)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			alarms = append(alarms, a)
		}
	}
	return alarms, s.keepRungs(ctx, c, study, rungs)
}

// keepRungs keeps the accuracies of trials at rungs, by key.
func (s *Store[T]) keepRungs(ctx context.Context, c conn, study int64, rungs map[string][]results.Rung) error {
	var rows [][]any
	for _, key := range slices.Sorted(maps.Keys(rungs)) {
		for _, r := range rungs[key] {
			var val *float64
			if !math.IsNaN(r.Val) {
				val = &r.Val
			}
			rows = append(rows, []any{study, key, r.Step, val})
		}
	}
	return insert(ctx, c, rows, nil, "INSERT INTO rung (study, key, step, val) VALUES %s ON CONFLICT (study, key, step) DO NOTHING")
}

// insert inserts rows of equal length with as few statements as possible. The statement has %s in place of the rows. If
// it returns rows, they go to the function row.
func insert(ctx context.Context, c conn, rows [][]any, row func(scan func(...any) error) error, statement string) error {
	for _, part := range parts(rows) {
		var list strings.Builder
		var args []any
		for i, values := range part {
			if i > 0 {
				list.WriteByte(',')
			}
			for j, v := range values {
				args = append(args, v)
				fmt.Fprintf(&list, "%c$%d", "(,"[min(j, 1)], len(args))
			}
			list.WriteByte(')')
		}
		sql := fmt.Sprintf(statement, list.String())
		var err error
		if row == nil {
			_, err = c.exec(ctx, sql, args...)
		} else {
			err = read(ctx, c, row, sql, args...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// partBytes is the size of the rows of states and files.
const partBytes = 1 << 20

// keepState replaces the state of a block.
func (s *Store[T]) keepState(ctx context.Context, c conn, block int64, data []byte) error {
	n := 0
	for part := range slices.Chunk(data, partBytes) {
		if _, err := c.exec(ctx, "INSERT INTO state (block, part, data) VALUES ($1, $2, $3) ON CONFLICT (block, part) DO UPDATE SET data = excluded.data", block, n, part); err != nil {
			return err
		}
		n++
	}
	_, err := c.exec(ctx, "DELETE FROM state WHERE block = $1 AND part >= $2", block, n)
	return err
}

// readParts returns the bytes of the rows of a query with the column data, in their order.
func readParts(ctx context.Context, c conn, sql string, args ...any) (data []byte, err error) {
	err = read(ctx, c, func(scan func(...any) error) error {
		var part []byte
		err := scan(&part)
		data = append(data, part...)
		return err
	}, sql, args...)
	return data, err
}

// keepFiles keeps the weights and states of those trials that are among the best so far, and removes those of others.
// The records are on record. The argument best has the number of files of each kind, where −1 means all.
func (s *Store[T]) keepFiles(ctx context.Context, c conn, study int64, files []search.TrialFile, best map[string]int) error {
	for _, f := range files {
		n := 0
		for part := range slices.Chunk(f.Data, partBytes) {
			if _, err := c.exec(ctx, "INSERT INTO file (study, kind, key, part, data) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (study, kind, key, part) DO UPDATE SET data = excluded.data", study, f.Kind, f.Key, n, part); err != nil {
				return err
			}
			n++
		}
	}
	if len(files) == 0 {
		return nil
	}
	for _, kind := range slices.Sorted(maps.Keys(best)) {
		if best[kind] < 0 {
			continue
		}
		if _, err := c.exec(ctx, `DELETE FROM file WHERE study = $1 AND kind = $2 AND key NOT IN (
			SELECT key FROM trial WHERE study = $1 AND state = 'done' ORDER BY val DESC, key LIMIT $3)`, study, kind, best[kind]); err != nil {
			return err
		}
	}
	return nil
}
