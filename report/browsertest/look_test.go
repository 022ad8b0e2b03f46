package browsertest

import (
	"os"
	"strings"
	"testing"
)

// TestLook writes screenshots of the page FUSEGRID_PAGE, a file or an address, into the folder FUSEGRID_SHOTS.
func TestLook(t *testing.T) {
	name := os.Getenv("FUSEGRID_PAGE")
	if name == "" || os.Getenv("FUSEGRID_SHOTS") == "" {
		t.Skip("FUSEGRID_PAGE and FUSEGRID_SHOTS are not set")
	}
	if !strings.Contains(name, "://") {
		name = "file://" + name
	}
	for _, theme := range []string{"light", "dark"} {
		b := newTab(t, 1280, 800)
		b.theme(theme)
		b.open(name)
		b.shot(theme, false)
		b.shot(theme+"-whole", true)
		t.Logf("%s: painted %.0f ms, complete %.0f ms; %q", theme, eval[float64](b, "sweepReport.painted"), eval[float64](b, "sweepReport.complete"), b.said())
	}
	b := newTab(t, 390, 844)
	b.open(name)
	b.shot("phone-whole", true)
	t.Logf("phone: %q", b.said())
}
