package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/results"
)

// Names in an output folder.
const (
	journalName  = "trials.jsonl"
	statesName   = "checkpoints" // folder
	keptName     = "states"      // folder
	weightsName  = "weights"     // folder
	markdownName = "table.md"
	csvName      = "table.csv"
	jsonlName    = "table.jsonl"
	heatMapName  = "heatmap.png"
)

// An output is a folder with the journal of all trials ever trained into it, and
// with tables and pictures of them.
type output struct {
	dir     string
	disk    disk
	journal *results.Journal
	records map[string]results.Record // the latest of each key
	damaged int                       // lines of the journal that were passed over
}

// defaultOut returns the folder that is used where -out is not given. It depends on
// what makes trials hard to compare, so a grid that grows stays in one folder.
func defaultOut(data, net, dtype string) string {
	return filepath.Join("out", data+"-"+net+"-"+dtype)
}

// openOutput opens a folder, makes it where needed, and says on stderr what was
// wrong with its journal. Whatever makes it useless shows here, before any training.
func openOutput(d disk, dir string, stderr io.Writer) (*output, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, badInput{fmt.Errorf("-out: %w; name a folder that you can write to", err)}
	}
	name := filepath.Join(dir, journalName)
	f, err := d.open(name)
	switch {
	case errors.Is(err, results.ErrLocked):
		return nil, badInput{fmt.Errorf("another sweep is writing to %s; wait for it, or give another -out", dir)}
	case err != nil:
		return nil, badInput{fmt.Errorf("-out: %w; name a folder that you can write to", err)}
	}
	journal, records, recovery, err := results.NewJournal(f, name)
	if err != nil {
		return nil, badInput{fmt.Errorf("-out: %w", err)}
	}
	o := newOutput(dir, records)
	o.journal, o.disk = journal, d
	// The journal may be there from a time when the folder could be written to.
	if err := probe(dir); err != nil {
		journal.Close()
		return nil, err
	}
	if err := o.removeTemporary(); err != nil {
		journal.Close()
		return nil, badInput{fmt.Errorf("-out: removing what a killed sweep left: %w", err)}
	}
	if recovery.Cut > 0 {
		fmt.Fprintf(stderr, "sweep: %s: cut off a torn last line of %d bytes; that trial is trained again\n", name, recovery.Cut)
	}
	for _, d := range recovery.Damage {
		fmt.Fprintf(stderr, "sweep: %s: %s; it is passed over; its trial is trained again unless that was done since\n", name, d)
	}
	return o, nil
}

// removeTemporary removes the halves of files that a sweep was writing when it was killed.
func (o *output) removeTemporary() error {
	ours := []string{markdownName, csvName, jsonlName, heatMapName, "probe-"}
	for _, dir := range []string{"", statesName, keptName, weightsName} {
		err := results.RemoveTemporary(filepath.Join(o.dir, dir), func(name string) bool {
			return strings.HasSuffix(name, ".safetensors") || dir == "" && slices.Contains(ours, name)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// freshDir returns dir if there is nothing of that name, or else dir-2, dir-3, ….
func freshDir(dir string) string {
	name := dir
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", dir, n)
	}
}

// peekOutput reads a folder without changing or making anything, and says on
// stderr what is wrong with its journal.
func peekOutput(dir string, stderr io.Writer) (*output, error) {
	name := filepath.Join(dir, journalName)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return newOutput(dir, nil), nil
	}
	if err != nil {
		return nil, badInput{fmt.Errorf("-out: %w", err)}
	}
	defer f.Close()
	records, recovery, err := results.ReadJournal(f, name)
	if err != nil {
		return nil, badInput{fmt.Errorf("-out: %w", err)}
	}
	if recovery.Cut > 0 {
		fmt.Fprintf(stderr, "sweep: %s: the last line is torn, %d bytes; it is passed over\n", name, recovery.Cut)
	}
	for _, d := range recovery.Damage {
		fmt.Fprintf(stderr, "sweep: %s: %s; it is passed over\n", name, d)
	}
	o := newOutput(dir, records)
	o.damaged = len(recovery.Damage)
	return o, nil
}

func newOutput(dir string, records []results.Record) *output {
	o := &output{dir: dir, records: make(map[string]results.Record, len(records))}
	for _, r := range records {
		o.records[r.Key] = r
	}
	return o
}

// keep puts records on the disk.
func (o *output) keep(records []results.Record) error {
	if err := o.journal.Append(records...); err != nil {
		return err
	}
	for _, r := range records {
		o.records[r.Key] = r
	}
	return nil
}

// lacks reports whether a trial is not on record as trained to its end.
func (o *output) lacks(key string) bool { return o.records[key].State != results.Done }

// of returns the records of the points of a grid, as far as there are any.
func (o *output) of(g *grid, base results.Config) []results.Record {
	found := make([]results.Record, 0, min(g.size(), len(o.records)))
	for i := range g.size() {
		if r, ok := o.records[g.at(i, base).Key()]; ok {
			found = append(found, r)
		}
	}
	return found
}

// writeTables swaps in the tables and pictures of all trials in the folder, and returns the table.
func (o *output) writeTables() (*results.Table, error) {
	// Tables beside no journal would look like a sweep on record.
	if err := o.journal.Sync(); err != nil {
		return nil, err
	}
	all := make([]results.Record, 0, len(o.records))
	for _, r := range o.records {
		all = append(all, r)
	}
	table := results.NewTable(all)
	type file struct {
		name  string
		write func(io.Writer) error
	}
	files := []file{{markdownName, table.WriteMarkdown}, {csvName, table.WriteCSV}, {jsonlName, table.WriteJSONL}}
	if h := results.NewHeatMap(all); h.Worthwhile() {
		files = append(files, file{heatMapName, h.WritePNG})
	}
	for _, f := range files {
		if err := o.disk.swap(filepath.Join(o.dir, f.name), f.write); err != nil {
			return nil, fmt.Errorf("writing a table: %w; the trials are safe in %s", err, filepath.Join(o.dir, journalName))
		}
	}
	return table, nil
}

func (o *output) close() error { return o.journal.Close() }

// quote returns the words of a command as a shell takes them.
func quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%", r)
		}) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// goOn returns the arguments of the command that goes on where the one with args ended: the
// same, but a fresh start is made only once, into the folder out.
func goOn(args []string, fresh bool, out string) []string {
	if !fresh {
		return args
	}
	var rest []string
	for i := 0; i < len(args); i++ {
		name, _, valued := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch {
		case !strings.HasPrefix(args[i], "-") || (name != "fresh" && name != "out"):
			rest = append(rest, args[i])
		case name == "out" && !valued:
			i++
		}
	}
	return append(rest, "-out", out)
}

// commandLine returns what was typed to run this program with the arguments.
func commandLine(args []string) string {
	program := "sweep"
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		program = "go run ./sweep"
	}
	return program + " " + quote(args)
}
