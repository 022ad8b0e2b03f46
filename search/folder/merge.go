package folder

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"fusegrid/internal/say"
	"fusegrid/nn/dataset"
	"fusegrid/results"
)

// A Joined is the outcome of [Merge].
type Joined struct {
	Trials int            // on record in the folder
	Added  int            // records that Merge added
	Table  *results.Table // all trials of the folder, best first

	// Lacking is what the folder lacks of a complete study, in messages of one line.
	Lacking []string
}

// A Conflict is a trial with two records that cannot both be right: they have unequal bits after the same number of
// iterations.
type Conflict struct {
	Journals [2]string
	Records  [2]results.Record
}

// A ConflictError is the reason why [Merge] wrote nothing.
type ConflictError struct{ Conflicts []Conflict }

// Error returns a message of one line.
func (e *ConflictError) Error() string {
	c := e.Conflicts[0]
	return fmt.Sprintf("%s different in two journals, such as %.12s in %s and %s; nothing was written; sweep verify tells which is right, so that the other can be left out",
		say.Are(len(e.Conflicts)), c.Records[0].Key, c.Journals[0], c.Journals[1])
}

// Merge adds the trials of other folders to the folder dir, which is created if it does not exist. It also adds their
// learning curves, and the weights and states of the best trials, and writes the tables. Sources are folders, or
// journals under any name, such as two journals that were joined end to end. They may be in use.
//
// If a trial has several records, the one with the most iterations counts. If two such records have unequal bits, Merge
// writes nothing and returns a [*ConflictError]. An [InputError] means that a folder cannot be used. Each file is
// replaced as a whole, and the journal comes after all files that it describes. After a crash, the same call does the
// rest, and a call with nothing to add leaves these files as they are. Merge removes no trial and no file.
func Merge(d Disk, dir string, sources []string, log *log.Logger) (j *Joined, err error) {
	m := &merger{dir: dir, trials: map[string]*merged{}}
	for _, name := range sources {
		if err := m.read(name, log); err != nil {
			return nil, err
		}
	}
	var out *Folder
	open := func() error {
		if out, err = Open(d, dir, log); err == nil {
			err = m.canTake(out)
		}
		return err
	}
	defer func() {
		if out != nil {
			err = errors.Join(err, out.Close())
		}
	}()
	// A folder that exists is locked before its records are read. Another one is created only if there is no conflict.
	_, missing := os.Stat(m.journal())
	if missing == nil {
		if err := open(); err != nil {
			return nil, err
		}
		m.add(out)
	}
	if err := m.join(); err != nil {
		return nil, err
	}
	if missing != nil {
		if err := open(); err != nil {
			return nil, err
		}
	}
	return m.write(out, log)
}

// A source is a folder, or a journal, whose trials are merged.
type source struct {
	journal string
	dir     string // of its curves, weights and states; "" if it has none
	records []results.Record
	shards  []results.Shard
	damaged bool
}

// A merged is a trial of the merged folder.
type merged struct {
	record results.Record
	from   []*source // those that have a record with the same bits; empty if only the folder itself has one
	known  bool      // the record is in the journal of the folder
}

// A merger joins sources into a folder.
type merger struct {
	dir     string
	sources []*source
	trials  map[string]*merged // by key
	order   []string           // keys, in the order in which they were found
}

func (m *merger) journal() string { return filepath.Join(m.dir, JournalName) }

// read reads a source. It skips the journal of the merged folder.
func (m *merger) read(name string, log *log.Logger) error {
	s := &source{journal: name}
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		s.journal = filepath.Join(name, JournalName)
		info, err = os.Stat(s.journal)
	}
	if err != nil {
		return refused(fmt.Errorf("%w; give folders of sweeps, or their journals", err))
	}
	if own, err := os.Stat(m.journal()); err == nil && os.SameFile(own, info) {
		return nil
	}
	if filepath.Base(s.journal) == JournalName { // the files beside another journal may be of other trials
		s.dir = filepath.Dir(s.journal)
	}
	records, recovery, err := readJournal(s.journal, log)
	if err != nil {
		return err
	}
	for i := range records {
		if c := &records[i].Config; c.Earlier() {
			return refused(fmt.Errorf("%s has trials of an earlier version (class %s), which cannot be computed again; train them again before you merge", s.journal, c.Class))
		}
	}
	s.records, s.shards, s.damaged = records, recovery.Shards, len(recovery.Damage) > 0
	m.sources = append(m.sources, s)
	return nil
}

// canTake returns an error if the folder cannot have the trials of the sources.
func (m *merger) canTake(out *Folder) error {
	if len(out.Shards) > 0 {
		return refused(fmt.Errorf("%s is the folder of %v; name another folder for the trials of all shards", m.dir, out.Shards[0]))
	}
	return nil
}

// add adds the records of the merged folder.
func (m *merger) add(out *Folder) {
	for _, key := range slices.Sorted(maps.Keys(out.Records)) {
		m.trials[key], m.order = &merged{record: out.Records[key], known: true}, append(m.order, key)
	}
}

// join adds the records of the sources.
func (m *merger) join() error {
	var conflicts []Conflict
	for _, s := range m.sources {
		for _, r := range s.records {
			r.DataName = dataset.NameOf(r.DataName, r.Config.Data)
			t := m.trials[r.Key]
			if t == nil {
				m.trials[r.Key], m.order = &merged{record: r, from: []*source{s}}, append(m.order, r.Key)
				continue
			}
			switch r.RelationTo(&t.record) {
			case results.Equal:
				t.from = append(t.from, s)
			case results.Better:
				*t = merged{record: r, from: []*source{s}}
			case results.Contrary:
				conflicts = append(conflicts, Conflict{[2]string{m.journalOf(t), s.journal}, [2]results.Record{t.record, r}})
			}
		}
	}
	if len(m.order) > 0 {
		first := m.trials[m.order[0]]
		for _, key := range m.order {
			if t := m.trials[key]; t.record.Config.Objective != first.record.Config.Objective {
				return refused(fmt.Errorf("%s and %s have trials of different objectives; merge folders of one objective", m.journalOf(first), m.journalOf(t)))
			}
		}
	}
	if conflicts != nil {
		return &ConflictError{conflicts}
	}
	return nil
}

// journalOf returns a journal that has the record of a trial.
func (m *merger) journalOf(t *merged) string {
	if len(t.from) > 0 {
		return t.from[0].journal
	}
	return m.journal()
}

// write writes what the folder lacks.
func (m *merger) write(out *Folder, log *log.Logger) (*Joined, error) {
	j := &Joined{Trials: len(m.order), Lacking: m.lackingShards()}
	if err := m.copyCurves(out); err != nil {
		return nil, err
	}
	lacking, err := m.copyBest(out)
	if err != nil {
		return nil, err
	}
	j.Lacking = append(j.Lacking, lacking...)
	var added []results.Record
	for _, key := range m.order {
		if t := m.trials[key]; !t.known {
			added = append(added, t.record)
		}
	}
	if j.Added = len(added); j.Added > 0 {
		if err := out.extend(added); err != nil {
			return nil, err
		}
	}
	if err := out.KeepCurves(m.curvesVersion(), log); err != nil { // for the pictures
		return nil, err
	}
	j.Table, err = out.WriteTables(m.rank())
	return j, err
}

// rank returns the figure by which the shards rank settings.
func (m *merger) rank() (by results.Order) {
	for _, s := range m.sources {
		for _, shard := range s.shards {
			by = cmp.Or(by, shard.Rank)
		}
	}
	return by
}

// extend replaces the journal by a copy with more records.
func (o *Folder) extend(records []results.Record) error {
	name := o.journalFile()
	err := o.disk.Swap(name, func(w io.Writer) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return results.Extend(w, f, name, records)
	})
	if err != nil {
		return fmt.Errorf("merging journals: %w", err)
	}
	// The lock is free between the two calls, but another sweep that opens the journal then finds a whole one.
	if err := o.journal.Close(); err != nil {
		return err
	}
	_, err = o.openJournal()
	return err
}
