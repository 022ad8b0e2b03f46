package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fusegrid/results"
	"fusegrid/results/export"
	"fusegrid/search"
	"fusegrid/search/folder"
)

// openFolder makes an output folder with n trials, which stays open and locked as in a running sweep.
func openFolder(t *testing.T, dir string, n int) {
	t.Helper()
	out, err := folder.Open(folder.OS{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	var records []results.Record
	for i := range n {
		c := results.Config{Data: "5ad1", Pixels: "hwc", Net: "two-layer", Hidden: []int{50}, LR: float64(i+1) / 3, Batch: 200, Iters: 10, DType: "f32", Class: "fma"}
		val := 1 / float64(i+2)
		records = append(records, results.Record{Key: c.Key(), Config: c, State: results.Done, Steps: 10, DataName: "synthetic",
			Accuracy: results.Accuracy{FinalVal: &val, FinalStep: 10}, Ended: time.Date(2024, 2, 29, 12, 0, i, 0, time.UTC)})
	}
	if err := out.Append(records); err != nil {
		t.Fatal(err)
	}
}

// TestExport exports a folder to which a sweep is writing, in all formats.
func TestExport(t *testing.T) {
	isolate(t)
	openFolder(t, "run", 150)
	journal := filepath.Join("run", folder.JournalName)
	f, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, `{"sum":"`) // a record that is being written
	f.Close()
	before := read(t, journal)
	for _, f := range export.Formats() {
		if f.Missing() != "" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			name := filepath.Join("run", "export"+f.Suffix)
			want := name + ": 150 trials\n"
			if f.Most > 0 {
				want = name + ": the best 100 of 150 trials\n"
			}
			stdout, stderr, code := call(t, "export", "run", "-to", f.Name)
			if code != exitOK || stdout != want || !strings.Contains(stderr, "the last line is torn") {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			stdout, stderr, code = call(t, "export", "-to", f.Name, "run")
			if code != exitBadInput || stdout != "" || stderr != "sweep: "+name+" exists; replace it with -force, or name another with -o\n" {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			if stdout, _, code := call(t, "export", "-to", f.Name, "-force", "run", "-top", "3"); code != exitOK || stdout != name+": the best 3 of 150 trials\n" {
				t.Errorf("exit code %d, stdout %q", code, stdout)
			}
			if stdout, _, code := call(t, "export", "-to", f.Name, "-o", "other", "run", "-top", "0"); code != exitOK || stdout != "other: 150 trials\n" {
				t.Errorf("exit code %d, stdout %q", code, stdout)
			}
			if err := os.RemoveAll("other"); err != nil {
				t.Error(err)
			}
		})
	}
	if !bytes.Equal(read(t, journal), before) {
		t.Error("an export changed the journal")
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExportedRows checks the rows of -top against those of the whole table.
func TestExportedRows(t *testing.T) {
	isolate(t)
	openFolder(t, filepath.Join("out", "run"), 12)
	for _, top := range []string{"0", "12", "5", "99"} {
		if _, stderr, code := call(t, "export", "-to", "csv", "-top", top, "-o", "csv"+top); code != exitOK {
			t.Fatalf("exit code %d, stderr %q", code, stderr)
		}
	}
	all := read(t, "csv0")
	if !bytes.Equal(all, read(t, "csv12")) || !bytes.Equal(all, read(t, "csv99")) {
		t.Error("all trials differ from the best 12 of 12")
	}
	lines := bytes.SplitAfter(all, []byte("\n"))
	if got := read(t, "csv5"); !bytes.Equal(got, bytes.Join(lines[:6], nil)) {
		t.Errorf("-top 5 gives\n%s", got)
	}
}

// TestExportRefuses checks that no file is lost. Everything in the folder must stay as it is.
func TestExportRefuses(t *testing.T) {
	isolate(t)
	openFolder(t, "run", 3)
	journal := filepath.Join("run", folder.JournalName)
	before := read(t, journal)
	if err := os.MkdirAll("runs", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("runs", "notes"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"-to csv -o " + journal, "it is the journal of the sweep; name another file"},
		{"-to csv -force -o " + journal, "it is the journal of the sweep; name another file"},
		{"-to csv -force -o runs", "it is a folder; name a file"},
		{"-to tensorboard -force -o " + journal, "it is the journal of the sweep; name another file"},
		{"-to tensorboard -force -o " + filepath.Join("runs", "notes"), "it is a file; name a folder"},
		{"-to tensorboard -force -o runs", "is not a run of TensorBoard; name another folder"},
		{"-to tensorboard -force -o run", "is not a run of TensorBoard; name another folder"},
		{"-to csv -o " + filepath.Join("runs", "notes", "file"), "not a directory"},
		{"-to csv -o " + filepath.Join("nowhere", "file"), "there is no folder nowhere; make it first"},
	} {
		_, stderr, code := call(t, append([]string{"export", "run"}, strings.Fields(c.args)...)...)
		if code == exitOK || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, stderr %q, want %q", c.args, code, stderr, c.want)
		}
	}
	if !bytes.Equal(read(t, journal), before) {
		t.Error("the journal has changed")
	}
	if _, err := os.Stat(filepath.Join("runs", "notes")); err != nil {
		t.Error(err)
	}
	openFolder(t, "empty", 0)
	if _, stderr, code := call(t, "export", "empty", "-to", "csv"); code != exitBadInput || stderr != "sweep: empty has no trial to export\n" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// TestExportWhere exports trials that fit a condition, with their learning curves.
func TestExportWhere(t *testing.T) {
	isolate(t)
	if _, stderr, code := call(t, small("-out", "o")...); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	stdout, stderr, code := call(t, "export", "o", "-to", "csv", "-o", "a.csv", "-where", "lr==1e-3 && reg>0")
	if code != exitOK || stdout != "a.csv: 1 of 4 trials\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if lines := strings.Split(string(read(t, "a.csv")), "\n"); len(lines) != 3 || !strings.Contains(lines[1], ",0.001,0.5,") {
		t.Errorf("%q", lines)
	}
	for where, want := range map[string]string{"lr==7": "no trial of o fits", "lr=": "-where: ", "rate<1": "rate"} {
		if _, stderr, code := call(t, "export", "o", "-to", "csv", "-o", "b.csv", "-where", where); code != exitBadInput || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stderr %q", where, code, stderr)
		}
	}
	if _, stderr, code := call(t, "export", "o", "-to", "tensorboard"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	names, err := filepath.Glob("o/export.tensorboard/*/*")
	if err != nil || len(names) != 4 {
		t.Fatalf("%q, error %v", names, err)
	}
	// Each iteration has a loss.
	if n := strings.Count(string(read(t, names[0])), "loss"); n < 60 {
		t.Errorf("%s has %d losses, want 60", names[0], n)
	}
	if _, stderr, code := call(t, "export", "o", "-to", "optuna"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if journal := string(read(t, "o/export.optuna.log")); strings.Count(journal, `"intermediate_values":{"`) != 4 {
		t.Errorf("not all trials have the accuracies after each epoch:\n%s", journal)
	}
	if stdout, _, code := call(t, "show", "o", "-trial", keyOf(t, "o")); code != exitOK || !strings.Contains(stdout, "\nloss, by iteration\n") {
		t.Errorf("exit code %d, %s", code, stdout)
	}
}

// TestCurvesOfFunction shows and exports the curves of a function.
func TestCurvesOfFunction(t *testing.T) {
	isolate(t)
	f := search.Func{Name: "saw", Steps: 30, Space: []search.Param{search.Float("slope", "0.25,0.5")},
		Value: func(_ context.Context, t *search.Trial) (v float64, _ error) {
			for step := 1; step <= 30; step++ {
				v = t.Float("slope") * float64(step%7)
				t.Report(step, v)
			}
			return v, nil
		}}
	if _, err := search.Run(t.Context(), search.Study{Dir: "f", Objective: f}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{folder.CurvesPNGName, folder.CurvesSVGName} {
		if _, err := os.Stat(filepath.Join("f", name)); err != nil {
			t.Error(err)
		}
	}
	stdout, stderr, code := call(t, "show", "f", "-trial", keyOf(t, "f"))
	if _, plot, ok := strings.Cut(stdout, "\nreported value, by step\n"); code != exitOK || !ok || !strings.HasSuffix(plot, " 30\n") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if _, stderr, code := call(t, "export", "f", "-to", "tensorboard"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	names, err := filepath.Glob("f/export.tensorboard/*/*")
	if err != nil || len(names) != 2 {
		t.Fatalf("%q, error %v", names, err)
	}
	for _, name := range names {
		if events := string(read(t, name)); strings.Count(events, "reported_val") != 30 || strings.Contains(events, "loss") {
			t.Errorf("%s has %d values, want 30 and no losses", name, strings.Count(events, "reported_val"))
		}
	}
	if _, stderr, code := call(t, "export", "f", "-to", "optuna"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if journal := string(read(t, "f/export.optuna.log")); strings.Count(journal, `"10":`) != 2 || !strings.Contains(journal, `"10":0.75,`) || !strings.Contains(journal, `"10":1.5,`) {
		t.Errorf("not all trials have the values that they report:\n%s", journal)
	}
	if stdout, stderr, code := call(t, "prune", "f", "-curves", "-keep", "1"); code != exitOK || !strings.HasPrefix(stdout, "curves: 0.4 kB of 0.8 kB freed, of 1 file") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if stdout, _, _ := call(t, "show", "f", "-trial", keyOf(t, "f")); strings.Contains(stdout, "reported value") == (strings.Contains(stdout, "rank            2")) {
		t.Error(stdout)
	}
}

// keyOf returns the key of one trial of a folder.
func keyOf(t *testing.T, dir string) string {
	t.Helper()
	out, err := folder.Peek(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for key := range out.Records {
		return key
	}
	t.Fatalf("%s has no trial", dir)
	return ""
}
