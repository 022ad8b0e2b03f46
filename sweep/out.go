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

	"fusegrid/internal/say"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/grid"
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
	gitName      = ".gitattributes"
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
// what makes trials hard to compare, so a grid that grows stays in one folder. Custom
// sets share a name, so a part of the hash tells them apart.
func defaultOut(data *dataset.Split, net, dtype string) string {
	name := data.Name
	if len(data.Notes) > 0 {
		name = fmt.Sprintf("%s-%.8s", name, data.Hash)
	}
	return filepath.Join("out", name+"-"+net+"-"+dtype)
}

// openOutput opens a folder, makes it where needed, and says on stderr what was
// wrong with its journal. Whatever makes it useless shows here, before any training.
func openOutput(d disk, dir string, stderr io.Writer) (*output, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, badInput{fmt.Errorf("-out: %w; name a folder that you can write to", err)}
	}
	o := &output{dir: dir, disk: d}
	recovery, err := o.openJournal()
	if err != nil {
		return nil, err
	}
	journal, name := o.journal, o.journalFile()
	// The journal may be there from a time when the folder could be written to.
	if err := probe(dir); err != nil {
		journal.Close()
		return nil, err
	}
	if err := o.removeTemporary(); err != nil {
		journal.Close()
		return nil, badInput{fmt.Errorf("-out: removing what a killed sweep left: %w", err)}
	}
	if err := o.keepLineEnds(); err != nil {
		journal.Close()
		return nil, badInput{fmt.Errorf("-out: %w; name a folder that you can write to", err)}
	}
	if recovery.Cut > 0 {
		fmt.Fprintf(stderr, "sweep: %s: cut off a torn last line of %d bytes; that trial is trained again\n", name, recovery.Cut)
	}
	if len(recovery.Damage) == 0 {
		return o, nil
	}
	reportDamage(stderr, name, recovery.Damage)
	aside, err := o.mend()
	if err != nil {
		o.journal.Close()
		return nil, badInput{fmt.Errorf("-out: setting aside what is damaged: %w", err)}
	}
	fmt.Fprintf(stderr, "sweep: %s goes on without what is damaged; as it was, it is kept in %s; what this sweep misses is trained again\n", name, aside)
	return o, nil
}

func (o *output) journalFile() string { return filepath.Join(o.dir, journalName) }

// openJournal opens and locks the journal and takes over its records.
func (o *output) openJournal() (results.Recovery, error) {
	f, err := o.disk.open(o.journalFile())
	switch {
	case errors.Is(err, results.ErrLocked):
		return results.Recovery{}, badInput{fmt.Errorf("another sweep is writing to %s; wait for it, or give another -out", o.dir)}
	case err != nil:
		return results.Recovery{}, badInput{fmt.Errorf("-out: %w; name a folder that you can write to", err)}
	}
	journal, records, recovery, err := results.NewJournal(f, o.journalFile())
	if err != nil {
		return recovery, badInput{fmt.Errorf("-out: %w", err)}
	}
	o.journal, o.records = journal, latest(records)
	return recovery, nil
}

// mend puts a journal without the damaged lines in the place of the one that is open. That is kept as
// it was under another name, which is returned.
func (o *output) mend() (aside string, err error) {
	write := func(name string, how func(w io.Writer, r io.Reader) error) error {
		return o.disk.swap(name, func(w io.Writer) error {
			f, err := os.Open(o.journalFile())
			if err != nil {
				return err
			}
			defer f.Close()
			return how(w, f)
		})
	}
	aside = unusedName(o.journalFile() + ".damaged")
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
	// Each keeps others out while it is open. Who comes in between finds a whole journal.
	if err := o.journal.Close(); err != nil {
		return "", err
	}
	_, err = o.openJournal()
	return aside, err
}

// reportDamage says which lines are damaged, or the first of them.
func reportDamage(stderr io.Writer, name string, damage []results.Damage) {
	const some = 5
	for i, d := range damage {
		if i == some {
			fmt.Fprintf(stderr, "sweep: %s: and %s more\n", name, say.Plural(len(damage)-some, "line"))
			break
		}
		fmt.Fprintf(stderr, "sweep: %s: %s; it is passed over\n", name, d)
	}
}

// gitAttributes keeps Git from converting the line ends of the journal.
const gitAttributes = `# Lines of the journal have checksums: Git must not convert their ends.
*.jsonl* -text
`

// keepLineEnds writes a file of attributes for Git, unless there is one.
func (o *output) keepLineEnds() error {
	name := filepath.Join(o.dir, gitName)
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return o.disk.swap(name, func(w io.Writer) error {
		_, err := io.WriteString(w, gitAttributes)
		return err
	})
}

// removeTemporary removes the halves of files that a sweep was writing when it was killed.
func (o *output) removeTemporary() error {
	ours := []string{markdownName, csvName, jsonlName, heatMapName, gitName, "probe-"}
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

// unusedName returns a name if there is nothing of that name, or else name-2, name-3, ….
func unusedName(first string) string {
	name := first
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); err != nil { // what else may be wrong with it, the next to use it says
			return name
		}
		name = fmt.Sprintf("%s-%d", first, n)
	}
}

// peekOutput reads a folder without changing or making anything, and says on
// stderr what is wrong with its journal.
func peekOutput(dir string, stderr io.Writer) (*output, error) {
	name := filepath.Join(dir, journalName)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &output{dir: dir}, nil
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
	reportDamage(stderr, name, recovery.Damage)
	return &output{dir: dir, records: latest(records), damaged: len(recovery.Damage)}, nil
}

// latest returns the latest record of each key. Earlier versions named all files cifar-10.
func latest(records []results.Record) map[string]results.Record {
	all := make(map[string]results.Record, len(records))
	for _, r := range records {
		r.DataName = dataset.NameOf(r.DataName, r.Config.Data)
		all[r.Key] = r
	}
	return all
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

// of returns the records of those points of a grid that are on record.
func (o *output) of(points grid.Points) []results.Record {
	found := make([]results.Record, 0, min(points.Len(), len(o.records)))
	for c := range points.All() {
		if r, ok := o.records[c.Key()]; ok {
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
