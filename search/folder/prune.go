package folder

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
	"fusegrid/results/curve"
)

// A Use is the disk space that files of one kind take in a folder.
type Use struct {
	Kind  string // curves, states, weights or checkpoints
	Files int
	Bytes int64
	Free  int64 // bytes that Prune frees

	freed []string // names of the files that Prune removes or, if there are curves to keep, rewrites
}

// Kinds returns the kinds of files that Prune can remove.
func Kinds() []string { return []string{"curves", "states", "weights", "checkpoints"} }

// Uses returns the space that files of each kind take, in the order of [Kinds]. It also returns what Prune would free
// if it keeps the files of the best trials, in the order of [results.Rank], and of all seeds of as many settings, which
// are ranked by the given figure. Checkpoints are not kept, because they belong to trials without a record.
func (o *Folder) Uses(best int, by results.Order) ([]Use, error) {
	kept := o.best(best, by)
	uses := make([]Use, len(Kinds()))
	for i, kind := range Kinds() {
		u := &uses[i]
		u.Kind = kind
		var err error
		switch kind {
		case "curves":
			err = o.useOfCurves(u, kept)
		case "states":
			err = u.look(filepath.Join(o.Dir, StatesDir), kept)
		case "weights":
			err = u.look(filepath.Join(o.Dir, WeightsDir), kept)
		case "checkpoints":
			err = u.look(filepath.Join(o.Dir, CheckpointsDir), nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return uses, nil
}

// best returns the keys of the best n trials on record, and of all seeds of the best n settings.
func (o *Folder) best(n int, by results.Order) map[string]bool {
	if n == 0 {
		return nil
	}
	all := make([]results.Record, 0, len(o.Records))
	for _, r := range o.Records {
		all = append(all, r)
	}
	results.Rank(all)
	keys := map[string]bool{}
	for i := range all[:min(n, len(all))] {
		keys[all[i].Key] = true
	}
	settings := results.RankSettings(all, by)
	for _, s := range settings[:min(n, len(settings))] {
		for _, r := range s.Trials {
			keys[r.Key] = true
		}
	}
	return keys
}

// look adds the files DIR/KEY.safetensors. Those of the keys in kept are not freed.
func (u *Use) look(dir string, kept map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), ".safetensors")
		if !ok || !isHash(key) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a sweep has removed it
		}
		if err != nil {
			return err
		}
		name := filepath.Join(dir, e.Name())
		u.add(info.Size())
		if !kept[key] {
			u.free(name, info.Size())
		}
	}
	return nil
}

func (u *Use) add(bytes int64) {
	u.Files++
	u.Bytes += bytes
}

func (u *Use) free(name string, bytes int64) {
	u.Free += bytes
	u.freed = append(u.freed, name)
}

// isHash reports whether a name is a SHA-256 in hexadecimal digits.
func isHash(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

// useOfCurves adds the file of curves.
func (o *Folder) useOfCurves(u *Use, kept map[string]bool) error {
	f, err := os.Open(o.curvesFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var left counter
	if len(kept) > 0 {
		if err := curve.Mend(&left, f, o.curvesFile(), o.curvesVersion(), func(key string) bool { return kept[key] }); err != nil {
			return err
		}
	}
	u.add(info.Size())
	if int64(left) < info.Size() {
		u.free(o.curvesFile(), info.Size()-int64(left))
	}
	return nil
}

// A counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// Prune removes files of some kinds from a folder, except those of the best trials, and returns what it has freed. The
// best are those of [Folder.Uses]. The journal and tables do not change. If a sweep uses the folder, Prune returns an [InputError] and removes nothing.
func Prune(d Disk, dir string, kinds []string, best int, by results.Order) (freed []Use, err error) {
	lock, err := lockFolder(d, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	o, err := Peek(dir, nil)
	if err != nil {
		return nil, err
	}
	o.disk = d
	if err := o.CheckCurves(); err != nil && slices.Contains(kinds, "curves") {
		return nil, err
	}
	uses, err := o.Uses(best, by)
	if err != nil {
		return nil, err
	}
	kept := o.best(best, by)
	for _, u := range uses {
		if !slices.Contains(kinds, u.Kind) {
			continue
		}
		for _, name := range u.freed {
			err := o.removeOrRewrite(name, kept)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return freed, fmt.Errorf("freeing the %s: %w", u.Kind, err)
			}
		}
		freed = append(freed, u)
	}
	return freed, nil
}

// removeOrRewrite removes a file. If it is the file of curves, those of the trials in kept are left.
func (o *Folder) removeOrRewrite(name string, kept map[string]bool) error {
	if name == o.curvesFile() && len(kept) > 0 {
		return o.rewriteCurves(func(key string) bool { return kept[key] })
	}
	return o.disk.Remove(name)
}

// lockFolder locks the journal of a folder, which must exist, and does not read it.
func lockFolder(d Disk, dir string) (io.Closer, error) {
	name := filepath.Join(dir, JournalName)
	if _, err := os.Stat(name); err != nil {
		return nil, refused(fmt.Errorf("%w; name the folder of a sweep", err))
	}
	f, err := d.Open(name)
	if errors.Is(err, results.ErrLocked) {
		return nil, refused(fmt.Errorf("a sweep is writing to %s; wait for it, or stop it with Ctrl-C", dir))
	}
	if err != nil {
		return nil, unwritable(err)
	}
	return f, nil
}
