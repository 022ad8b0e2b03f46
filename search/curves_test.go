package search

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
	"fusegrid/search/halving"
)

// curvesOf returns the curves of a folder, which must have one for each trial on record.
func curvesOf(t *testing.T, out string) map[string]curve.Curve {
	t.Helper()
	all := searchtest.Curves(t, out, out)
	if records := searchtest.Recorded(t, out); len(all) != len(records) {
		t.Errorf("%s: %d curves of %d trials", out, len(all), len(records))
	}
	return all
}

// TestCurves compares the curves of trials with their records. Trials that ended, that were stopped and that diverged
// have curves.
func TestCurves(t *testing.T) {
	isolate(t)
	states := map[results.State]int{}
	for i, args := range []string{
		"-lr 1e-4,1e-3,1e30 -reg 0 -hidden 3 -iters 10 -batch 10 -std 1e-2 -seed 1,2 -block 4",
		"-net fc -lr 1e-4,1e-3 -reg 0.1 -hidden 3,4x3 -batch 10 -std 1e-2 -epochs 3 -dtype f64",
		"-lr log:1e-4..1e-2:9 -hidden 3 -iters 8 -batch 10 -std 1e-2 -reg 0 -halving 2:2",
	} {
		out := fmt.Sprint("o", i)
		trainGrid(t, out, args)
		curves := curvesOf(t, out)
		for _, r := range searchtest.Recorded(t, out) {
			c := curves[r.Key]
			states[r.State]++
			losses := r.Steps
			if r.State == results.Diverged {
				losses = c.Iterations // the last one may be NaN
				if losses < r.Steps || losses > r.Steps+1 {
					t.Errorf("%s: a trial that diverged at %d has %d losses", args, r.Steps, losses)
				}
			}
			last := float32(math.NaN())
			for _, v := range c.Loss {
				if x := float64(v); !math.IsNaN(x) && !math.IsInf(x, 0) {
					last = v
				}
			}
			if c.Iterations != losses || len(c.Loss) != losses || c.Loss[0] != float32(*r.Loss.First) || last != float32(*r.Loss.Last) {
				t.Errorf("%s: %d losses %v, the record has %d from %g to %g", args, c.Iterations, c.Loss, losses, *r.Loss.First, *r.Loss.Last)
			}
			n := len(c.Steps)
			if r.Accuracy.EpochVal == nil {
				if n > 0 {
					t.Errorf("%s: accuracies after %v, want none", args, c.Steps)
				}
				continue
			}
			if n == 0 || c.Steps[0] != 1 || c.Val[n-1] != float32(*r.Accuracy.EpochVal) || c.Train[n-1] != float32(*r.Accuracy.EpochTrain) {
				t.Errorf("%s: accuracies after %v: %v and %v", args, c.Steps, c.Train, c.Val)
			}
			for k, step := range c.Steps { // three iterations are an epoch
				if want := 1 + 3*k; r.Config.Net == "fc" {
					if step != max(3*k, 1) {
						t.Errorf("%s: accuracies after %v", args, c.Steps)
					}
				} else if step != want {
					t.Errorf("%s: accuracies after %v", args, c.Steps)
				}
			}
		}
	}
	if states[results.Done] == 0 || states[results.Diverged] == 0 || states[results.Stopped] == 0 {
		t.Errorf("the trials have the states %v", states)
	}
}

// TestCurvesOfResumed checks that curves are complete if trials resume from checkpoints and from kept states.
func TestCurvesOfResumed(t *testing.T) {
	isolate(t)
	for i, c := range []string{
		"-lr 1e-4,1e-3,1e30 -reg 0 -hidden 3 -batch 10 -std 1e-2",
		"-net fc -lr 1e-4,1e-3 -reg 0.1 -hidden 3,4x3 -batch 10 -std 1e-2",
	} {
		whole, out := fmt.Sprint("whole", i), fmt.Sprint("o", i)
		trainGrid(t, whole, c+" -epochs 5")
		interrupt(t, out, c+" -epochs 3", 4)
		if said, _ := trainGrid(t, out, c+" -epochs 3 -states all"); !strings.Contains(said, "from checkpoints after 4 ") {
			t.Error(said)
		}
		if said, _ := trainGrid(t, out, c+" -epochs 5"); !strings.Contains(said, "from kept states after 9 ") {
			t.Error(said)
		}
		searchtest.SameFigures(t, c, out, whole, 15)
		curvesOf(t, out)
	}
}

// TestNoCurves leaves the curves out.
func TestNoCurves(t *testing.T) {
	isolate(t)
	c := config(t, "-lr 1e-4 -reg 0 -hidden 3 -iters 3 -batch 10")
	c.NoCurves = true
	s, r, _ := begin(t, "o", c)
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("o", folder.CurvesName)); err == nil {
		t.Error("there is a file of curves")
	}
}

// wholeHeader fails the test if the file of curves of a folder does not begin with a whole header.
func wholeHeader(t *testing.T, what, out string) (version byte) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(out, folder.CurvesName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil || len(file) < 16 || string(file[:8]) != "FGCURVES" {
		t.Fatalf("%s: a file of curves of %d bytes, %v", what, len(file), err)
	}
	return file[8]
}

// TestCurvesBegin checks that the file of curves begins with a header if a sweep is interrupted before its first
// curve, if a function reports nothing, and if an earlier version has left an empty or torn file.
func TestCurvesBegin(t *testing.T) {
	isolate(t)
	nets := config(t, "-lr 1e-4 -reg 0 -hidden 3 -iters 30 -batch 10").study()
	nets.Disk = searchtest.Unsynced{}
	for i, tt := range []struct {
		study   Study
		version byte
	}{{nets, curve.Nets}, {bowl("", "lhs:3"), curve.Functions}} {
		for _, before := range []int{-1, 0, 1, 15} { // bytes of the earlier file
			for _, interrupted := range []bool{true, false} {
				what := fmt.Sprintf("study %d, after %d bytes, interrupted %t", i, before, interrupted)
				s := tt.study
				s.Dir = filepath.Join(t.TempDir(), "o")
				ctx, cancel := context.WithCancel(t.Context())
				if interrupted {
					cancel()
				}
				if before >= 0 {
					header := []byte("FGCURVES\x01\x00\x00\x00\xf4\x4c\xcd\x7b")[:before]
					if err := errors.Join(os.Mkdir(s.Dir, 0o700), os.WriteFile(filepath.Join(s.Dir, folder.CurvesName), header, 0o600)); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := Run(ctx, s); errors.Is(err, context.Canceled) != interrupted || !interrupted && err != nil {
					t.Errorf("%s: %v", what, err)
				}
				cancel()
				if v := wholeHeader(t, what, s.Dir); v != tt.version {
					t.Errorf("%s: a file of version %d, want %d", what, v, tt.version)
				}
			}
		}
	}
}

// TestFuncCurves compares the curves of a function with what it reported. Trials that ended, that were stopped, that
// diverged and that failed have curves, and those that reported nothing have none. The curves are the same after
// interruptions.
func TestFuncCurves(t *testing.T) {
	isolate(t)
	var mu sync.Mutex
	reported := map[string]curve.Curve{} // by values of the parameters
	var cancel context.CancelFunc
	calls := 0
	study := Study{Workers: 2, Disk: searchtest.Unsynced{}, Halving: &halving.Rule{Eta: 2, Min: 5}, Objective: Func{
		Name: "walk", Steps: 40, Space: []Param{Float("x", "0.1..0.9:7"), Word("end", "value", "nan", "error", "silent")},
		Value: func(_ context.Context, t *Trial) (float64, error) {
			c, v := curve.Curve{}, 0.0
			for step := 1; t.Word("end") != "silent" && step <= 20; step += 2 {
				v = math.Sin(t.Float("x")*float64(step)) * 1e-9
				c.Steps, c.Values = append(c.Steps, step), append(c.Values, v)
				if !t.Report(step, v) {
					break
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if calls++; cancel != nil && calls == 5 {
				cancel()
			}
			reported[fmt.Sprint(t.Float("x"), t.Word("end"))] = c
			switch t.Word("end") {
			case "nan":
				return math.NaN(), nil
			case "error":
				return 0, errors.New("no value")
			}
			return v, nil
		},
	}}
	study.Dir = "whole"
	if _, err := Run(t.Context(), study); err != nil {
		t.Fatal(err)
	}
	curves, states := searchtest.Curves(t, "whole", "whole"), map[results.State]int{}
	for _, r := range searchtest.Recorded(t, "whole") {
		want := reported[fmt.Sprint(r.Config.Params[0].Number, r.Config.Params[1].Word)]
		c, ok := curves[r.Key]
		if ok != (want.Steps != nil) || !slices.Equal(c.Steps, want.Steps) || !slices.Equal(c.Values, want.Values) {
			t.Errorf("%v: %t, %+v, want %+v", r.Config.Params, ok, c, want)
		}
		if ok {
			states[r.State]++
		}
	}
	if len(states) != 4 {
		t.Errorf("trials with curves have the states %v", states)
	}

	study.Dir = "parts"
	for range 100 {
		var ctx context.Context
		ctx, cancel = context.WithCancel(t.Context())
		calls = 0
		_, err := Run(ctx, study)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	searchtest.SameCurves(t, "interrupted", "parts", "whole", false)
}

// TestCurvesAreDrawn checks that a sweep leaves pictures of its best curves, unless its trials are short or curves are
// left out.
func TestCurvesAreDrawn(t *testing.T) {
	isolate(t)
	for i, tt := range []struct {
		iters         int
		without, want bool
	}{{25, false, true}, {25, true, false}, {3, false, false}} {
		out := fmt.Sprint("o", i)
		c := config(t, fmt.Sprint("-lr 1e-4,1e-3 -reg 0 -hidden 3 -batch 10 -iters ", tt.iters))
		c.NoCurves = tt.without
		s, r, _ := begin(t, out, c)
		s.Disk = folder.OS{}
		if err := runWith(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{folder.CurvesPNGName, folder.CurvesSVGName} {
			if b, err := os.ReadFile(filepath.Join(out, name)); (err == nil) != tt.want || tt.want && len(b) < 1000 {
				t.Errorf("%d iterations: %s: %d bytes, %v", tt.iters, name, len(b), err)
			}
		}
	}
}

// A stingy disk refuses to write curves.
type stingy struct{ searchtest.Unsynced }

type unwritten struct{ results.File }

func (unwritten) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "curves", Err: syscall.ENOSPC}
}

func (d stingy) Open(name string) (results.File, error) {
	f, err := d.Unsynced.Open(name)
	if filepath.Base(name) == folder.CurvesName {
		f = unwritten{f}
	}
	return f, err
}

// TestCurvesCannotBeWritten checks that a sweep keeps its records if the disk takes no curves, and says so once.
func TestCurvesCannotBeWritten(t *testing.T) {
	isolate(t)
	s, r, said := tinyJob(t, "o", "-lr 1e-4,1e-3,1e-2 -reg 0 -hidden 3 -iters 3 -batch 10 -fuse off -workers 1 -keep 3")
	s.Disk = stingy{} // with -keep, each record has its own write
	err := runWith(t.Context(), s, r)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "3 failures to write weights, states, checkpoints or curves: no space left on device") {
		t.Errorf("error %v", err)
	}
	const note = "sweep: keeping the curves of trials: o/curves.bin: cannot write: write curves: no space left on device; the trials do not depend on it\n"
	if strings.Count(said.String(), note) != 1 {
		t.Errorf("%q, want once %q", said, note)
	}
	if n := len(searchtest.Recorded(t, "o")); n != 3 {
		t.Errorf("%d trials are on record, want 3", n)
	}
}

// TestOtherCurves checks that a file of another format or of a newer version is refused before any training.
func TestOtherCurves(t *testing.T) {
	isolate(t)
	newer := []byte("FGCURVES\x03\x00\x00\x00")
	for _, tt := range []struct{ file, want string }{
		{string(append(newer, 0x75, 0x6f, 0xaa, 0xc4)), "o/curves.bin: the curves have version 3, but this program reads versions 1 and 2; use a newer program, or name another output folder"},
		{"my notes\n", "o/curves.bin: not a file of learning curves; move it away, or name another output folder"},
	} {
		if err := errors.Join(os.MkdirAll("o", 0o700), os.WriteFile("o/"+folder.CurvesName, []byte(tt.file), 0o600)); err != nil {
			t.Fatal(err)
		}
		s, r, _ := tinyJob(t, "o", "-lr 1e-4 -reg 0 -hidden 3 -iters 3 -batch 10")
		if err := runWith(t.Context(), s, r); !isInput(err) || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
		s, _, _ = tinyJob(t, "o", "-lr 1e-4 -reg 0 -hidden 3 -iters 3 -batch 10")
		if _, err := s.dryRun(t.Context()); !isInput(err) || err.Error() != tt.want {
			t.Errorf("dry run: %v, want %s", err, tt.want)
		}
		if after, _ := os.ReadFile("o/" + folder.CurvesName); string(after) != tt.file {
			t.Errorf("the file has changed to %q", after)
		}
	}
}

// TestDamagedCurves damages one curve and tears the last one. The next sweep must report that, and keep the others.
// A trial that is trained again for its weights then gets its curve back.
func TestDamagedCurves(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3,1e-2,1e-1 -reg 0 -hidden 3 -iters 5 -batch 10 -std 1e-2 -fuse off -workers 1"
	trainGrid(t, "o", args)
	whole := curvesOf(t, "o")
	name := filepath.Join("o", folder.CurvesName)
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file[16+60] ^= 1
	if err := os.WriteFile(name, file[:len(file)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	said, steps := trainGrid(t, "o", args)
	size := curve.Size(5, 2)
	for _, part := range []string{
		fmt.Sprintf("sweep: o/curves.bin: cut off a torn end of %d bytes\n", size-5),
		fmt.Sprintf("sweep: o/curves.bin: removed 1 damaged part, with the curves in them; the %d bytes at 16 are damaged: its checksum does not agree\n", size),
	} {
		if !strings.Contains(said, part) || steps > 0 {
			t.Errorf("%d iterations; %q is not in\n%s", steps, part, said)
		}
	}
	if n := len(searchtest.Curves(t, "mended", "o")); n != 2 {
		t.Errorf("%d curves are left, want 2", n)
	}
	if said, _ = trainGrid(t, "o", args+" -keep 4"); strings.Contains(said, "damaged") {
		t.Error(said)
	}
	if got := curvesOf(t, "o"); !reflect.DeepEqual(got, whole) {
		t.Errorf("got\n%v, want\n%v", got, whole)
	}
}
