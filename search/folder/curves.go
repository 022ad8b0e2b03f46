package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"fusegrid/internal/say"
	"fusegrid/results/curve"
)

// A keptCurves is the file of curves while a sweep runs.
type keptCurves struct {
	w       *curve.Writer // nil until there is a file
	version int           // of the file that is created
}

// close closes the file. It does nothing if k is nil.
func (k *keptCurves) close() error {
	if k == nil || k.w == nil {
		return nil
	}
	return k.w.Close()
}

func (o *Folder) curvesFile() string { return filepath.Join(o.Dir, CurvesName) }

// badCurves returns the error for a file of curves that cannot be used.
func badCurves(err error) error {
	if errors.Is(err, curve.ErrNotCurves) || errors.Is(err, curve.ErrVersion) {
		return refused(fmt.Errorf("%w, or name another output folder", err))
	}
	return unwritable(err)
}

// CheckCurves returns an [InputError] if the file of curves has another format or a newer version.
func (o *Folder) CheckCurves() error {
	c, err := o.Curves()
	if err != nil {
		return badCurves(err)
	}
	return c.Close()
}

// KeepCurves prepares the folder for AppendCurves, for curves of the given version. It repairs the file of curves, and
// logs the damage unless log is nil. If the file cannot be used, it returns an [InputError].
func (o *Folder) KeepCurves(version int, log *log.Logger) error {
	o.curves = &keptCurves{version: version}
	if _, err := os.Stat(o.curvesFile()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	recovery, err := o.openCurves()
	if err != nil {
		return badCurves(err)
	}
	log = orSilent(log)
	if recovery.Cut > 0 {
		log.Printf("%s: cut off a torn end of %s", o.curvesFile(), say.Plural(int(recovery.Cut), "byte"))
	}
	if len(recovery.Damage) == 0 && recovery.Version >= version {
		return nil
	}
	if err := o.curves.close(); err != nil {
		return unwritable(err)
	}
	if err := o.rewriteCurves(func(string) bool { return true }); err != nil {
		return unwritable(fmt.Errorf("rewriting the file of curves: %w", err))
	}
	if len(recovery.Damage) > 0 {
		parts := say.Plural(len(recovery.Damage)+recovery.More, "damaged part")
		log.Printf("%s: removed %s, with the curves in them; %s", o.curvesFile(), parts, recovery.Damage[0])
	}
	_, err = o.openCurves()
	return err
}

// openCurves opens the file of curves, which must exist.
func (o *Folder) openCurves() (curve.Recovery, error) {
	f, err := o.disk.Open(o.curvesFile())
	if err != nil {
		return curve.Recovery{}, err
	}
	w, recovery, err := curve.NewWriter(f, o.curvesFile())
	if err != nil {
		return recovery, err
	}
	o.curves.w = w
	return recovery, nil
}

// curvesVersion returns the version that a file with the curves of all trials needs.
func (o *Folder) curvesVersion() int {
	if o.curves != nil {
		return o.curves.version
	}
	for _, r := range o.Records {
		if r.Config.Objective != "" {
			return curve.Functions
		}
	}
	return curve.Nets
}

// rewriteCurves replaces the file of curves by a copy that has only the undamaged curves for which keep returns true.
func (o *Folder) rewriteCurves(keep func(key string) bool) error {
	name := o.curvesFile()
	return o.disk.Swap(name, func(w io.Writer) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return curve.Mend(w, f, name, o.curvesVersion(), keep)
	})
}

// AppendCurves writes chunks that [curve.AppendChunk] made. They are on disk when it returns. It does nothing if there
// are no chunks.
func (o *Folder) AppendCurves(chunks []byte) error {
	if len(chunks) == 0 {
		return nil
	}
	if err := o.CreateCurves(); err != nil {
		return err
	}
	if err := o.curves.w.Append(chunks); err != nil {
		return fmt.Errorf("keeping the curves of trials: %w", err)
	}
	return nil
}

// CreateCurves creates the file of curves, unless there is one or KeepCurves has not been called. There is never a
// file with a part of the header. A file that is created later may appear while somebody removes the folder, which then
// cannot be removed.
func (o *Folder) CreateCurves() error {
	if o.curves == nil || o.curves.w != nil {
		return nil
	}
	err := o.disk.Swap(o.curvesFile(), func(w io.Writer) error { return curve.Create(w, o.curves.version) })
	if err == nil {
		_, err = o.openCurves()
	}
	if err != nil {
		return fmt.Errorf("keeping the curves of trials: %w", err)
	}
	return nil
}

// HasCurve reports whether a trial has a curve. KeepCurves must have been called.
func (o *Folder) HasCurve(key string) bool {
	return o.curves != nil && o.curves.w != nil && o.curves.w.Index.Has(key)
}

// curveOf returns the curve of a trial. There is none if KeepCurves has not been called.
func (o *Folder) curveOf(key string) (c curve.Curve, ok bool, err error) {
	if !o.HasCurve(key) {
		return c, false, nil
	}
	f, err := os.Open(o.curvesFile())
	if err != nil {
		return c, false, err
	}
	defer f.Close()
	return o.curves.w.Index.Of(f, o.curvesFile(), key)
}

// Curves are the learning curves of a folder, open for reading.
type Curves struct {
	Recovery curve.Recovery // the damage in the file; damaged curves count as missing

	name  string
	file  *os.File // nil if there is no file
	index curve.Index
}

// Curves opens the curves of the folder. They are those at the time of the call if a sweep is writing. A folder
// without a file of curves has no curves, which is not an error. A file of another format or of a newer version is an
// error of one line.
func (o *Folder) Curves() (*Curves, error) {
	c := &Curves{name: o.curvesFile()}
	f, err := os.Open(c.name)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	if c.index, c.Recovery, err = curve.Read(f, c.name); err != nil {
		f.Close()
		return nil, err
	}
	c.file = f
	return c, nil
}

// Of returns the curve of a trial, and reports whether there is one.
func (c *Curves) Of(key string) (curve.Curve, bool, error) {
	if c.file == nil {
		return curve.Curve{}, false, nil
	}
	return c.index.Of(c.file, c.name, key)
}

// Has reports whether a trial has a curve.
func (c *Curves) Has(key string) bool { return c.index.Has(key) }

// Close closes the file.
func (c *Curves) Close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}
