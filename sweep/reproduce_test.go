package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid"
	"fusegrid/nn/assignment"
	"fusegrid/results"
)

// TestReproduce runs the experiments that need no images.
func TestReproduce(t *testing.T) {
	isolate(t)
	stdout, stderr, code := call(t, "reproduce", "-quiet", "-out", "r/report.md")
	if code != exitOK || !strings.Contains(stderr, "only the experiments without it run") {
		t.Fatalf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	report, err := os.ReadFile(filepath.Join("r", "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| loss at reg 0.05 | 1.071696123862817 | 1.071696123862817 | 16 | agrees |", "The experiments on CIFAR-10 did not run."} {
		if !strings.Contains(string(report), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, other := range []string{`\d+\.\d\d s`, results.ThisMachine().Platform, "kernel set"} {
		if regexp.MustCompile(other).Match(report) {
			t.Errorf("the report depends on time or machine: it has %s", other)
		}
		if other != `\d+\.\d\d s` && !strings.Contains(stdout, other) {
			t.Errorf("the terminal lacks %q", other)
		}
	}
	for line := range strings.Lines(stdout) {
		if utf8.RuneCountInString(line) > 81 {
			t.Errorf("longer than 80 columns: %s", line)
		}
	}
}

// TestVerdict checks that a report shows figures that differ.
func TestVerdict(t *testing.T) {
	v := verdict{Report: assignment.Report{
		Seconds: map[string]float64{"toy": 1.5},
		Figures: []assignment.Figure{
			{Part: "toy", Name: "a | b", Printed: "1.25", Ours: "1.25", Digits: 3, Must: true, OK: true},
			{Part: "toy", Name: "loss", Printed: "1.25", Ours: "1.26", Digits: 2, Must: true},
			{Part: "toy", Name: "unseeded", Printed: "< 8", Ours: "9", Digits: -1},
		},
	}, class: "fma-512", images: true}
	if v.OK() {
		t.Error("a figure that must agree differs, and the report is well")
	}
	var b bytes.Buffer
	if err := v.markdown(&b, []string{"x.png"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1 of 2 figures that must agree do.\nComputed in float64 with kernels of numeric class fma-512.\n", "## Toy\n", "![x](x.png)",
		`| a \| b | 1.25 | 1.25 | 3 | agrees |`, "| loss | 1.25 | 1.26 | 2 | DIFFERS |", "| unseeded | < 8 | 9 |  | differs, may |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := v.text(&b, "Ran here."); err != nil || !strings.Contains(b.String(), "1 of 2 figures that must agree do.\nRan here.\n") ||
		!strings.Contains(b.String(), "DIFFERS: toy, loss:\n  printed 1.25\n  ours    1.26\n") {
		t.Errorf("%v, text:\n%s", err, b.String())
	}
}

// TestVerdictOfIntegers checks the words of a report without figures that must agree.
func TestVerdictOfIntegers(t *testing.T) {
	figures := []assignment.Figure{{Part: "toy", Printed: "1", Ours: "1", OK: true}, {Part: "toy", Printed: "1", Ours: "2"}}
	v := verdict{Report: assignment.Report{Figures: figures}, class: "bfp16-512", images: true}
	var b bytes.Buffer
	want := "No figure must agree, because this type rounds differently. 1 of 2 do.\nComputed in float32 with kernels of numeric class bfp16-512.\n"
	if err := v.markdown(&b, nil); err != nil || !v.OK() || !strings.Contains(b.String(), want) {
		t.Errorf("%v, OK is %v, and the report lacks %q:\n%s", err, v.OK(), want, b.String())
	}
}

// TestReproduceKeepsReports checks that a report with more figures, and a file that is no report, are not replaced.
func TestReproduceKeepsReports(t *testing.T) {
	full, err := os.ReadFile(trackedReport)
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	for text, want := range map[string]string{
		string(full):    "sweep: r.md has 162 figures and is kept, for this run has 64; name the folder of CIFAR-10 with -data, or give another -out\n",
		"# My thesis\n": "sweep: -out r.md: it is no report of sweep reproduce; give another -out\n",
		"":              "sweep: -out r.md: it is no report of sweep reproduce; give another -out\n",
	} {
		if err := os.WriteFile("r.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, code := call(t, "reproduce", "-quiet", "-out", "r.md")
		if code != exitBadInput || stdout != "" || !strings.HasSuffix(stderr, want) {
			t.Errorf("exit code %d, stdout %q, stderr %q, want %q", code, stdout, stderr, want)
		}
		if after, err := os.ReadFile("r.md"); err != nil || string(after) != text {
			t.Errorf("%v; a report of %d bytes has %d", err, len(text), len(after))
		}
	}
	// A report with as many figures is replaced. By default, it is in the folder out.
	for range 2 {
		if _, stderr, code := call(t, "reproduce", "-quiet"); code != exitOK || !strings.HasSuffix(stderr, "sweep: the verdicts are in out/assignment/report.md\n") {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
	}
	if _, stderr, code := call(t, "reproduce", "-data", "synthetic"); code != exitBadInput || stderr != `sweep: -data "synthetic": the course used CIFAR-10; give its folder, or omit -data`+"\n" {
		t.Errorf("-data synthetic: exit code %d, stderr %q", code, stderr)
	}
}

// trackedReport is the report in the repository.
var trackedReport = filepath.Join("..", "results", "assignment.md")

// readReport reads the figures of a report. A report does not tell whether a figure that agrees must agree.
func readReport(t *testing.T, text string) verdict {
	t.Helper()
	v := verdict{images: !strings.Contains(text, "did not run")}
	part := ""
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			part = strings.TrimSpace(heading)
		}
		if m := regexp.MustCompile(`^Computed .* class (.*)\.\n$`).FindStringSubmatch(line); m != nil {
			v.class = m[1]
		}
		line, row := strings.CutPrefix(strings.TrimSuffix(line, " |\n"), "| ")
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), " | ")
		if !row || len(cells) != 5 || cells[0] == "figure" || cells[0] == "---" {
			continue
		}
		for i, c := range cells {
			cells[i] = strings.ReplaceAll(c, "\x00", "|")
		}
		f := assignment.Figure{
			Part: part, Name: cells[0], Printed: cells[1], Ours: cells[2], Digits: -1,
			Must: cells[4] != "differs, may", OK: cells[4] == "agrees",
		}
		if n, err := strconv.Atoi(cells[3]); err == nil {
			f.Digits = n
		}
		v.Figures = append(v.Figures, f)
	}
	return v
}

// TestTrackedReport checks that the report in the repository is the text that the code writes for its figures. The
// figures that need no images must be those of kernels of its numeric class. With CIFAR-10, the report and its
// pictures must be the same bytes.
func TestTrackedReport(t *testing.T) {
	name, err := filepath.Abs(trackedReport)
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	tracked := read(name)
	stem := strings.TrimSuffix(name, ".md")
	var pictures []string
	for _, p := range []string{"toy", "first-run", "overfitting", "solver", "weights-first-run", "weights-best", "autoencoder"} {
		pictures = append(pictures, filepath.Base(stem)+"-"+p+".png")
	}
	v := readReport(t, tracked)
	var b strings.Builder
	if err := v.markdown(&b, pictures); err != nil || b.String() != tracked {
		t.Errorf("%v; from its %d figures the code writes\n%s", err, len(v.Figures), b.String())
	}
	if strings.Contains(tracked, "DIFFERS") {
		t.Error("a figure that must agree does not")
	}

	data := os.Getenv("FUSEGRID_DATA")
	isolate(t)
	set, err := fusegrid.Best()
	if err != nil {
		t.Fatal(err)
	}
	if string(set.Class) != v.class || !set.Stable {
		t.Skipf("%s rounds as class %s, the report is of class %s", set.Name, set.Class, v.class)
	}
	if _, stderr, code := call(t, "reproduce", "-quiet", "-out", "part.md"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	_, sections, _ := strings.Cut(read("part.md"), "\n\n## ")
	sections, _, _ = strings.Cut(sections, "\n## Pictures\n")
	if sections == "" || !strings.Contains(tracked, sections) {
		t.Errorf("without images this comes out differently:\n%s", sections)
	}
	switch {
	case data == "":
		t.Skip("FUSEGRID_DATA is not set: it names the folder with the CIFAR-10 batches")
	case testing.Short():
		t.Skip("left out with -short: it takes a minute")
	}
	if _, stderr, code := call(t, "reproduce", "-quiet", "-data", data, "-out", "assignment.md"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, file := range append(pictures, "assignment.md") {
		if read(file) != read(filepath.Join(filepath.Dir(name), file)) {
			t.Errorf("results/%s is not what the code writes; make reproduce writes it again", file)
		}
	}
}
