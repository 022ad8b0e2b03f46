package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/progress"
)

// statusEvery is the time between two statuses of a sweep that runs.
const statusEvery = 2 * time.Second

// States of a folder that no status of a sweep has.
const (
	killed   progress.State = "killed"   // the sweep ended without a word
	starting progress.State = "starting" // a sweep runs, but no status says so: it begins, is between two rounds, or ends
	idle     progress.State = "idle"     // no sweep runs, and the last one left no status
)

// status shows how far a sweep is.
func status(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	watch, asJSON := false, false
	fs := cli.NewFlags("status")
	fs.BoolVar(&watch, "watch", false, "")
	fs.BoolVar(&asJSON, "json", false, "")
	names, err := parseNames(fs, args)
	switch {
	case err != nil:
		return err
	case len(names) > 1:
		return badInput{fmt.Errorf("status shows one folder, not %d; give one of them", len(names))}
	case len(names) == 0:
		only, err := onlyOut("after the command")
		if err != nil {
			return err
		}
		names = []string{only}
	}
	v := &viewer{dir: names[0], every: statusEvery, journal: journalTail{Tail: results.Tail{Name: filepath.Join(names[0], folder.JournalName)}}}
	if _, err := os.Stat(v.journal.Name); err != nil {
		return badInput{fmt.Errorf("%w; give the folder of a sweep", err)}
	}
	write := v.text
	if asJSON {
		write = v.json
	}
	if watch {
		return v.watch(ctx, stdout, write, asJSON)
	}
	if err := v.look(); err != nil {
		return err
	}
	return printed(stdout, write)
}

func printed(stdout io.Writer, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	_, err := stdout.Write(b.Bytes())
	return err
}

// A viewer looks at a folder.
type viewer struct {
	dir     string
	every   time.Duration // between two looks
	journal journalTail
	state   progress.State
	status  *progress.Status // nil if there is none
	now     time.Time
}

// look reads the status and what is new in the journal.
func (v *viewer) look() error {
	if err := v.lookAtStatus(); err != nil {
		return err
	}
	return v.journal.read()
}

// lookAtStatus reads the status.
func (v *viewer) lookAtStatus() error {
	v.now = time.Now()
	// The lock is looked at first. If the sweep ends after that, its status says so.
	runs := results.InUse(v.journal.Name)
	var err error
	if v.status, err = readStatus(filepath.Join(v.dir, folder.StatusName)); err != nil {
		return badInput{err}
	}
	switch {
	case runs && (v.status == nil || v.status.State != progress.Running): // a round ended, or the tables are written
		v.state = starting
	case v.status != nil && (v.status.State != progress.Running || runs):
		v.state = v.status.State
	case v.status != nil:
		v.state = killed
	default:
		v.state = idle
	}
	return nil
}

// readStatus reads the status of a sweep. It returns nil if there is none.
func readStatus(name string) (*progress.Status, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := progress.ReadStatus(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// watch shows the status until the sweep ends.
func (v *viewer) watch(ctx context.Context, stdout io.Writer, write func(io.Writer) error, lines bool) error {
	screen := progress.NewScreen(stdout)
	tick := time.NewTicker(v.every)
	defer tick.Stop()
	for {
		if err := v.look(); err != nil {
			return err
		}
		if v.state != progress.Running && v.state != starting || lines {
			screen.Clear()
			if err := printed(stdout, write); err != nil {
				return err
			}
		} else {
			var b strings.Builder
			if err := write(&b); err != nil {
				return err
			}
			screen.Show(strings.TrimSuffix(b.String(), "\n"))
		}
		if v.state != progress.Running && v.state != starting {
			return nil
		}
		select {
		case <-ctx.Done():
			screen.Clear()
			return context.Canceled
		case <-tick.C:
		}
	}
}

// A journalTail keeps what a status says of the trials on record.
type journalTail struct {
	results.Tail
	states map[string]results.State // of each trial on record
	best   *results.Record          // nil if there is none
}

// read reads the lines that were appended.
func (j *journalTail) read() error {
	records, again, err := j.Read()
	if err != nil {
		return badInput{err}
	}
	if again || j.states == nil {
		j.states, j.best = map[string]results.State{}, nil
	}
	for i := range records {
		rec := &records[i]
		j.states[rec.Key] = rec.State
		if rec.State == results.Done && rec.Val() != nil && (j.best == nil || rec.Before(j.best)) {
			best := *rec
			j.best = &best
		}
	}
	return nil
}

// count returns the number of trials in a state.
func (j *journalTail) count(state results.State) (n int) {
	for _, s := range j.states {
		if s == state {
			n++
		}
	}
	return n
}

// axes returns the fields that distinguish the trials.
func (v *viewer) axes() []string {
	if v.status == nil {
		return nil
	}
	return v.status.Axes
}

// best returns the best trial on record, or nil.
func (v *viewer) best() *progress.Best {
	r := v.journal.best
	if r == nil {
		return nil
	}
	return &progress.Best{Key: r.Key, Val: *r.Val(), Ended: true, Config: r.Config}
}

// text writes the status for people.
func (v *viewer) text(w io.Writer) error {
	var b bytes.Buffer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-17s%s\n", name, shorten(fmt.Sprintf(format, args...), 62))
	}
	fmt.Fprintln(&b, v.dir)
	line("state", "%s", v.headline())
	s := v.status
	if s != nil && v.state == progress.Running {
		left := "not known"
		if s.Left >= 0 {
			left = say.Clock(time.Duration(s.Left * float64(time.Second)))
		}
		line("done", "%.0f%%, ETA %s", 100*s.Share, left)
		line("iterations", "%d of all nets, %.0f/s, %s", s.Iterations, s.Rate, say.Rate(s.FLOPs, 0, max(s.Cores, 1)))
		line("this sweep", "%d of %s ended, %d diverged or failed", s.Ended, say.Plural(s.Trials, "trial"), s.Failures)
	}
	line("on record", "%s", v.recorded())
	if best := v.best(); best != nil {
		line("best on record", "%s", strings.TrimPrefix(best.String(v.axes()), "best "))
	}
	if s != nil && v.state == progress.Running {
		if s.Best != nil && !s.Best.Ended {
			line("best in training", "%s", strings.TrimPrefix(s.Best.String(s.Axes), "best so far "))
		}
		for i, block := range s.Blocks {
			if i == 8 {
				fmt.Fprintf(&b, "and %s more\n", say.Plural(len(s.Blocks)-i, "block"))
				break
			}
			line(fmt.Sprintf("block %d", block.Number), "%s, iteration %d of %d", say.Plural(block.Nets, "net"), block.Done, block.Iterations)
		}
	}
	if s != nil && s.Command != "" && !slices.Contains([]progress.State{progress.Running, progress.Finished, starting}, v.state) {
		where := ""
		if here, err := os.Getwd(); err != nil || s.Dir != here {
			where = ", in " + s.Dir
		}
		fmt.Fprintf(&b, "to resume%s:\n  %s\n", where, s.Command)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// headline says whether a sweep runs, or how it ended.
func (v *viewer) headline() string {
	s := v.status
	switch v.state {
	case starting:
		return "a sweep runs, and has not written its next status"
	case idle:
		return "no sweep runs here"
	case progress.Running:
		text := "training for " + say.Clock(v.now.Sub(s.Began))
		if late := v.now.Sub(s.Written); late > 5*statusEvery {
			text += fmt.Sprintf("; its status is from %s ago", say.Clock(late))
		}
		return text
	}
	at := fmt.Sprintf("%s, after %s", s.Written.Local().Format(time.DateTime), say.Clock(s.Written.Sub(s.Began)))
	if v.state == killed {
		return "killed; its last status is of " + at
	}
	return fmt.Sprintf("%s at %s", v.state, at)
}

// recorded says how many trials are on record.
func (v *viewer) recorded() string {
	text := say.Plural(len(v.journal.states), "trial")
	for _, state := range []results.State{results.Stopped, results.Diverged, results.Failed} {
		if n := v.journal.count(state); n > 0 {
			text += fmt.Sprintf(", %d %s", n, state)
		}
	}
	if v.status != nil {
		text += fmt.Sprintf("; the grid of the sweep has %d", v.status.Size)
	}
	return text
}

// json writes the status as a JSON object on one line.
func (v *viewer) json(w io.Writer) error {
	states := map[results.State]int{}
	for _, s := range v.journal.states {
		states[s]++
	}
	return json.NewEncoder(w).Encode(struct {
		Version int                   `json:"version"`
		Dir     string                `json:"dir"`
		State   progress.State        `json:"state"`
		Sweep   *progress.Status      `json:"sweep"`
		Trials  int                   `json:"trials"`
		States  map[results.State]int `json:"states"`
		Best    *progress.Best        `json:"best"`
	}{1, v.dir, v.state, v.status, len(v.journal.states), states, v.best()})
}
