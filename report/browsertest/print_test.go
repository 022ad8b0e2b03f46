package browsertest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPrint prints the page. Its table is that of the best 100 trials, and its colours are the light ones.
func TestPrint(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it prints a page")
	}
	b := newTab(t, 1280, 800)
	b.theme("dark")
	b.open(small(t))
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFMargin(.4)))
	if err != nil {
		t.Fatal(err)
	}
	pages := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(pdf, -1))
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < 3 || pages > 12 {
		t.Errorf("%d bytes with %d pages, want a document of 3 to 12 pages", len(pdf), pages)
	}
	if dir := os.Getenv("FUSEGRID_SHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "print.pdf"), pdf, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !b.becomes("getComputedStyle(document.body).backgroundColor === 'rgb(15, 18, 22)'") {
		t.Error("after printing, the background is not that of the dark theme")
	}
	b.quiet()
}
