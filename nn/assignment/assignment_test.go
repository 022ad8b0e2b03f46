package assignment

import (
	"os"
	"testing"

	"fusegrid"
)

// Without images: every figure on every kernel set.
func TestFigures(t *testing.T) {
	for _, set := range fusegrid.All() {
		t.Run("impl="+set.Name, func(t *testing.T) {
			report, err := Run(t.Context(), set, Options{})
			if err != nil {
				t.Fatal(err)
			}
			verify(t, report, 60)
		})
	}
}

// verify logs all figures and fails for those that must agree and do not.
func verify(t *testing.T, report Report, atLeast int) {
	t.Helper()
	for _, f := range report.Figures {
		line := t.Logf
		if f.Must && !f.OK {
			line = t.Errorf
		}
		line("%-20s %-60s printed %s, ours %s", f.Part, f.Name, f.Printed, f.Ours)
	}
	if len(report.Figures) < atLeast {
		t.Errorf("%d figures, want at least %d", len(report.Figures), atLeast)
	}
	t.Logf("seconds: %v", report.Seconds)
}

// imageFolder returns the folder with the CIFAR-10 batches, or skips the test.
func imageFolder(t *testing.T) string {
	dir := os.Getenv("FUSEGRID_DATA")
	if dir == "" {
		t.Skip("FUSEGRID_DATA is not set: set it to the folder with the CIFAR-10 batches to run this test")
	}
	return dir
}
