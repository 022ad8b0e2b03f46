package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid/nn/assignment"
)

// TestReproduce runs what needs no images.
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
	for line := range strings.Lines(stdout) {
		if utf8.RuneCountInString(line) > 81 {
			t.Errorf("longer than 80 columns: %s", line)
		}
	}
}

// TestVerdict shows that what differs is seen.
func TestVerdict(t *testing.T) {
	v := verdict{Report: assignment.Report{
		Seconds: map[string]float64{"toy": 1.5},
		Figures: []assignment.Figure{
			{Part: "toy", Name: "a | b", Printed: "1.25", Ours: "1.25", Digits: 3, Must: true, OK: true},
			{Part: "toy", Name: "loss", Printed: "1.25", Ours: "1.26", Digits: 2, Must: true},
			{Part: "toy", Name: "unseeded", Printed: "< 8", Ours: "9", Digits: -1},
		},
	}, machine: "Ran here.", images: true}
	if v.OK() {
		t.Error("a figure that must agree differs, and the report is well")
	}
	var b bytes.Buffer
	if err := v.markdown(&b, []string{"x.png"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1 of 2 figures that must agree do.\nRan here.\n", "## Toy (1.50 s)", "![x](x.png)",
		`| a \| b | 1.25 | 1.25 | 3 | agrees |`, "| loss | 1.25 | 1.26 | 2 | DIFFERS |", "| unseeded | < 8 | 9 |  | differs, may |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := v.text(&b); err != nil || !strings.Contains(b.String(), "DIFFERS: toy, loss:\n  printed 1.25\n  ours    1.26\n") {
		t.Errorf("%v, text:\n%s", err, b.String())
	}
}
