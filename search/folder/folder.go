// Package folder keeps the results of sweeps in an output folder. The folder has a journal of
// records, their learning curves, tables and pictures of both, checkpoints of running blocks, and
// the weights and states of the best trials.
//
// Tables are computed from the journal. Curves, checkpoints, states and weights are not, but they
// only save time, because trials can be trained again. All files are written through a [Disk].
package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"fusegrid/internal/atomicfile"
	"fusegrid/internal/say"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/grid"
)

// An InputError is an error that the caller can cure. It occurs before any training.
type InputError struct {
	Setting string // the wrong field of search.Study, such as Dir; "" if there is no such single field
	Err     error
}

// Error returns the text of the cause.
func (e InputError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e InputError) Unwrap() error { return e.Err }

// refused returns the error for an output folder that cannot be used.
func refused(err error) error { return InputError{"Dir", err} }

// unwritable returns the error for an output folder that cannot be written to.
func unwritable(err error) error {
	return refused(fmt.Errorf("%w; name a folder that you can write to", err))
}

// Names in an output folder.
const (
	JournalName    = "trials.jsonl"
	CurvesName     = "curves.bin"
	CheckpointsDir = "checkpoints" // folder
	StatesDir      = "states"      // folder
	WeightsDir     = "weights"     // folder
	MarkdownName   = "table.md"
	CSVName        = "table.csv"
	JSONLName      = "table.jsonl"
	SettingsName   = "table-settings.csv"
	HeatMapName    = "heatmap.png"
	StatusName     = "status.json"
	CurvesPNGName  = "curves.png"
	CurvesSVGName  = "curves.svg"
	GitName        = ".gitattributes"
	ShardPrefix    = "shard-" // of the folders of shards; the number of the shard follows
)

// A Folder is an output folder with the journal of its trials, and with tables and pictures of them.
type Folder struct {
	Dir     string
	disk    Disk
	journal *results.Journal
	curves  *keptCurves               // nil if no curves are kept
	Records map[string]results.Record // the latest record of each key
	Shards  []results.Shard           // in the order of their lines; empty unless a shard of a study wrote the journal
	Damaged int                       // lines of the journal that were skipped
}

// Default returns the name of the output folder for a data set, a net and a type. All grids with the same three share
// a folder. Other trials are hard to compare with theirs, so they have other folders. All changed copies of CIFAR-10 have
// the same name, so their folders also have a part of the hash of the set.
func Default(data *dataset.Split, net, dtype string) string {
	name := data.Name
	if data.Custom() {
		name = fmt.Sprintf("%s-%.8s", name, data.Hash)
	}
	return filepath.Join("out", name+"-"+net+"-"+dtype)
}

// Open opens a folder, or creates it. Unless log is nil, it logs damage of the journal. If the
// folder cannot be used, Open returns an [InputError].
func Open(d Disk, dir string, log *log.Logger) (_ *Folder, err error) {
	log = orSilent(log)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, unwritable(err)
	}
	o := &Folder{Dir: dir, disk: d}
	recovery, err := o.openJournal()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			o.journal.Close()
		}
	}()
	// A journal may exist in a folder that can no longer be written to.
	if err := Probe(dir); err != nil {
		return nil, err
	}
	if err := o.removeTemporary(); err != nil {
		return nil, refused(fmt.Errorf("removing what a killed sweep left: %w", err))
	}
	if err := o.keepLineEnds(); err != nil {
		return nil, unwritable(err)
	}
	name := o.journalFile()
	if recovery.Cut > 0 {
		log.Printf("%s: cut off a torn last line of %d bytes; that trial is trained again", name, recovery.Cut)
	}
	if len(recovery.Damage) == 0 {
		return o, nil
	}
	reportDamage(log, name, recovery.Damage)
	aside, err := o.mend()
	if err != nil {
		return nil, refused(fmt.Errorf("setting aside what is damaged: %w", err))
	}
	log.Printf("%s continues without the damaged lines; the whole file is kept in %s; trials that are missing are trained again", name, aside)
	return o, nil
}

func (o *Folder) journalFile() string { return filepath.Join(o.Dir, JournalName) }

// openJournal opens and locks the journal and reads its records.
func (o *Folder) openJournal() (results.Recovery, error) {
	f, err := o.disk.Open(o.journalFile())
	switch {
	case errors.Is(err, results.ErrLocked):
		return results.Recovery{}, refused(fmt.Errorf("another sweep is writing to %s; wait for it, or name another folder", o.Dir))
	case err != nil:
		return results.Recovery{}, unwritable(err)
	}
	journal, records, recovery, err := results.NewJournal(f, o.journalFile())
	if err != nil {
		return recovery, refused(err)
	}
	o.journal, o.Records, o.Shards = journal, Latest(records), recovery.Shards
	return recovery, nil
}

// mend replaces the open journal by a copy without the damaged lines. It keeps the old journal
// under another name, which it returns.
func (o *Folder) mend() (aside string, err error) {
	write := func(name string, how func(w io.Writer, r io.Reader) error) error {
		return o.disk.Swap(name, func(w io.Writer) error {
			f, err := os.Open(o.journalFile())
			if err != nil {
				return err
			}
			defer f.Close()
			return how(w, f)
		})
	}
	aside = Unused(o.journalFile() + ".damaged")
	err = write(aside, func(w io.Writer, r io.Reader) error {
		_, err := io.Copy(w, r)
		return err
	})
	if err == nil {
		err = write(o.journalFile(), func(w io.Writer, r io.Reader) error { return results.Mend(w, r, o.journalFile()) })
	}
	if err != nil {
		return "", err
	}
	// The lock is free between the two calls, but another sweep that opens the journal then finds a whole one.
	if err := o.journal.Close(); err != nil {
		return "", err
	}
	_, err = o.openJournal()
	return aside, err
}

// reportDamage logs the first damaged lines, and the number of the others.
func reportDamage(log *log.Logger, name string, damage []results.Damage) {
	const some = 5
	for i, d := range damage {
		if i == some {
			log.Printf("%s: and %s more", name, say.Plural(len(damage)-some, "line"))
			break
		}
		log.Printf("%s: %s; it is skipped", name, d)
	}
}

// GitAttributes keeps Git from converting the line ends of the journal.
const GitAttributes = `# Lines of the journal have checksums: Git must not convert their ends.
*.jsonl* -text
`

// keepLineEnds writes a file of attributes for Git, unless the folder has one.
func (o *Folder) keepLineEnds() error {
	name := filepath.Join(o.Dir, GitName)
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return o.disk.Swap(name, func(w io.Writer) error {
		_, err := io.WriteString(w, GitAttributes)
		return err
	})
}

// removeTemporary removes the partial files of a sweep that was killed.
func (o *Folder) removeTemporary() error {
	ours := []string{JournalName, CurvesName, MarkdownName, CSVName, JSONLName, SettingsName, HeatMapName, StatusName, CurvesPNGName, CurvesSVGName, GitName, "probe-"}
	for _, dir := range []string{"", CheckpointsDir, StatesDir, WeightsDir} {
		err := atomicfile.RemoveTemporary(filepath.Join(o.Dir, dir), func(name string) bool {
			return strings.HasSuffix(name, ".safetensors") || dir == "" && slices.Contains(ours, name)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Unused returns the first name of base, base-2, base-3, … that no file has.
func Unused(base string) string {
	name := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); err != nil { // other errors than ErrNotExist occur again when the name is used
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// orSilent returns a logger, which discards all messages if l is nil.
func orSilent(l *log.Logger) *log.Logger {
	if l == nil {
		return log.New(io.Discard, "", 0)
	}
	return l
}

// Peek reads a folder and changes nothing. Unless log is nil, it logs damage of the journal.
func Peek(dir string, log *log.Logger) (*Folder, error) {
	o, err := PeekJournal(filepath.Join(dir, JournalName), log)
	if errors.Is(err, fs.ErrNotExist) {
		return &Folder{Dir: dir}, nil
	}
	return o, err
}

// PeekJournal is like [Peek] for the folder of a journal. The journal may have any name, and must exist.
func PeekJournal(name string, log *log.Logger) (*Folder, error) {
	trials, recovery, err := latest(name, log)
	if err != nil {
		return nil, err
	}
	o := &Folder{Dir: filepath.Dir(name), Records: make(map[string]results.Record, len(trials)), Shards: recovery.Shards, Damaged: len(recovery.Damage)}
	for _, r := range trials {
		o.Records[r.Key] = *r
	}
	return o, nil
}

// Trials returns the latest record of each trial in a journal, and the number of damaged lines. It changes nothing.
// Unless log is nil, it logs damage. For many records, Trials is faster than [Peek].
func Trials(name string, log *log.Logger) (trials []*results.Record, damaged int, err error) {
	trials, recovery, err := latest(name, log)
	return trials, len(recovery.Damage), err
}

// latest returns the latest record of each trial in a journal, with the name of its data set corrected.
func latest(name string, log *log.Logger) (trials []*results.Record, recovery results.Recovery, err error) {
	recovery, err = scanJournal(name, log, func(f io.Reader) (recovery results.Recovery, err error) {
		trials, recovery, err = results.ReadLatest(f, name)
		return recovery, err
	})
	for _, r := range trials {
		r.DataName = dataset.NameOf(r.DataName, r.Config.Data)
	}
	return trials, recovery, err
}

// readJournal reads all records of a journal, which must exist, and logs its damage unless log is nil.
func readJournal(name string, log *log.Logger) (records []results.Record, recovery results.Recovery, err error) {
	recovery, err = scanJournal(name, log, func(f io.Reader) (recovery results.Recovery, err error) {
		records, recovery, err = results.ReadJournal(f, name)
		return recovery, err
	})
	return records, recovery, err
}

// scanJournal opens a journal, which must exist, and reads it. It logs damage unless log is nil.
func scanJournal(name string, log *log.Logger, read func(io.Reader) (results.Recovery, error)) (results.Recovery, error) {
	log = orSilent(log)
	f, err := os.Open(name)
	if err != nil {
		return results.Recovery{}, refused(err)
	}
	defer f.Close()
	recovery, err := read(f)
	if err != nil {
		return recovery, refused(err)
	}
	if recovery.Cut > 0 {
		log.Printf("%s: the last line is torn, %d bytes; it is skipped", name, recovery.Cut)
	}
	reportDamage(log, name, recovery.Damage)
	return recovery, nil
}

// Latest returns the latest record of each key. It also corrects the names of data sets, because
// earlier versions named every set of files cifar-10.
func Latest(records []results.Record) map[string]results.Record {
	all := make(map[string]results.Record, len(records))
	for _, r := range records {
		r.DataName = dataset.NameOf(r.DataName, r.Config.Data)
		all[r.Key] = r
	}
	return all
}

// Append writes records to the journal. They are on disk when it returns.
func (o *Folder) Append(records []results.Record) error {
	if err := o.journal.Append(records...); err != nil {
		return err
	}
	for i := range records { // by index, because records are large and may be many
		o.Records[records[i].Key] = records[i]
	}
	return nil
}

// Mark writes the line of a shard to the journal. It is on disk when it returns.
func (o *Folder) Mark(s results.Shard) error {
	if err := o.journal.Mark(s); err != nil {
		return err
	}
	o.Shards = append(o.Shards, s)
	return nil
}

// Lacks reports whether a trial has no record of a complete training.
func (o *Folder) Lacks(key string) bool { return o.Records[key].State != results.Done }

// Of returns the records of the points of a grid.
func (o *Folder) Of(points grid.Points) []results.Record {
	found := make([]results.Record, 0, min(points.Len(), len(o.Records)))
	for c := range points.All() {
		if r, ok := o.Records[c.Key()]; ok {
			found = append(found, r)
		}
	}
	return found
}

// WriteTables writes the tables and pictures of all trials in the folder, and returns the table. Its
// summary, if it has one, ranks the settings by the given figure. If a file cannot be written,
// WriteTables returns both the table and an error.
func (o *Folder) WriteTables(by results.Order) (*results.Table, error) {
	// Tables without a journal would look like a sweep on record.
	if err := o.journal.Sync(); err != nil {
		return nil, err
	}
	all := make([]results.Record, 0, len(o.Records))
	for _, r := range o.Records {
		all = append(all, r)
	}
	table := results.NewTableBy(all, by)
	type file struct {
		name  string
		write func(io.Writer) error
	}
	files := []file{{MarkdownName, table.WriteMarkdown}, {CSVName, table.WriteCSV}, {JSONLName, table.WriteJSONL}}
	if s := table.Summary(); s != nil {
		files[0].write = s.WriteMarkdown
		files = append(files, file{SettingsName, s.WriteCSV})
	}
	x, y := results.HeatAxes(table)
	if h := results.NewHeatMap(table, x, y); h.Worthwhile() {
		files = append(files, file{HeatMapName, h.WritePNG})
	}
	best, unreadable := results.NewBestCurves(table, o.curveOf)
	if best.Worthwhile() {
		files = append(files, file{CurvesPNGName, best.WritePNG}, file{CurvesSVGName, best.WriteSVG})
	}
	for _, f := range files {
		if err := o.disk.Swap(filepath.Join(o.Dir, f.name), f.write); err != nil {
			return table, fmt.Errorf("writing a table: %w; the trials are safe in %s", err, filepath.Join(o.Dir, JournalName))
		}
	}
	if unreadable != nil {
		return table, fmt.Errorf("drawing curves: %w", unreadable)
	}
	return table, nil
}

// Close closes and unlocks the journal and the file of curves.
func (o *Folder) Close() error { return errors.Join(o.journal.Close(), o.curves.close()) }

// Probe returns an [InputError] if no files can be made in a folder, or if its journal cannot be written to. If the
// folder does not exist, Probe tries the folder in which it would be created. It leaves no file.
func Probe(dir string) error {
	info, err := os.Stat(dir)
	for err != nil && dir != filepath.Dir(dir) && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		dir = filepath.Dir(dir)
		info, err = os.Stat(dir)
	}
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	var f *os.File
	if err == nil {
		f, err = os.CreateTemp(dir, ".probe-*")
	}
	if err == nil {
		f.Close()
		err = os.Remove(f.Name())
	}
	if err == nil {
		if f, err = os.OpenFile(filepath.Join(dir, JournalName), os.O_WRONLY, 0); err == nil {
			f.Close()
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return unwritable(err)
	}
	return nil
}
