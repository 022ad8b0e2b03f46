package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// prune removes files that save time, such as states, from the folder of a sweep. Without a kind of file, it shows what
// could be freed.
func prune(_ context.Context, args []string, stdout, _ io.Writer) error {
	dir := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "help" {
		dir, args = args[0], args[1:]
	}
	best, by := 0, results.ByMean
	fs := cli.NewFlags("prune")
	for _, kind := range folder.Kinds() {
		fs.Bool(kind, false, "")
	}
	fs.Func("keep", "", whole(&best, 0, math.MaxInt, "give the number of best trials whose files to keep"))
	oneOf(fs, "rank", (*string)(&by), orderNames()...)
	if err := parse(fs, args); err != nil {
		return err
	}
	if dir == "" {
		var err error
		if dir, err = onlyOut("after the command"); err != nil {
			return err
		}
	}
	var kinds []string
	for _, kind := range folder.Kinds() {
		if fs.Lookup(kind).Value.(flag.Getter).Get().(bool) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		return showUses(stdout, dir, best, by)
	}
	freed, err := folder.Prune(folder.OS{}, dir, kinds, best, by)
	for _, u := range freed {
		fmt.Fprintf(stdout, "%s: %s of %s freed, of %s\n", u.Kind, say.Bytes(u.Free), say.Bytes(u.Bytes), say.Plural(u.Files, "file"))
	}
	if bad, ok := errors.AsType[folder.InputError](err); ok {
		return badInput{bad.Err} // the folder was not given with -out
	}
	return err
}

// showUses prints what files take in a folder, and what prune could free.
func showUses(w io.Writer, dir string, best int, by results.Order) error {
	if _, err := os.Stat(filepath.Join(dir, folder.JournalName)); err != nil {
		return badInput{fmt.Errorf("%w; name the folder of a sweep", err)}
	}
	o, err := folder.Peek(dir, nil)
	if err != nil {
		return err
	}
	uses, err := o.Uses(best, by)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-12s  %7s  %12s  %12s\n", "", "files", "size", "can be freed")
	for _, u := range uses {
		fmt.Fprintf(&b, "-%-11s  %7d  %12s  %12s\n", u.Kind, u.Files, say.Bytes(u.Bytes), say.Bytes(u.Free))
	}
	fmt.Fprintf(&b, "\nNothing was removed. The flags above name the files to remove.\n")
	_, err = w.Write(b.Bytes())
	return err
}

// much is the space, in bytes, above which a sweep says at its end what its files take.
const much = 10e6

// spaceNote returns a message about the space that the files in the folder of a sweep take, or "" if that is little.
func spaceNote(dir string) string {
	o := folder.Folder{Dir: dir}
	uses, err := o.Uses(0, results.ByMean)
	if err != nil {
		return "" // the message is not worth an error
	}
	sum, parts := int64(0), []string(nil)
	for _, u := range uses {
		if sum += u.Bytes; u.Bytes > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", u.Kind, say.Bytes(u.Bytes)))
		}
	}
	if sum <= much {
		return ""
	}
	return fmt.Sprintf("on disk: %s; sweep prune %s frees space", strings.Join(parts, ", "), quote([]string{dir}))
}
