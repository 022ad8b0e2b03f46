package browsertest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"fusegrid/report"
)

// figure logs a figure of a page, as bench page reads it.
func figure(t *testing.T, page, what, format string, args ...any) {
	t.Helper()
	t.Logf("figure\t%s\t%s\t"+format, append([]any{page, what}, args...)...)
}

// TestLarge opens pages with 50,000 trials and their curves, and reports sizes and times.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it writes and opens pages of 50,000 trials")
	}
	for _, kind := range []string{"grid", "random"} {
		t.Run(kind, func(t *testing.T) {
			records := trialsOf(50_000, kind == "random")
			began := time.Now()
			page := pageOf(t, records, nil)
			figure := func(what, format string, args ...any) {
				t.Helper()
				figure(t, "50,000 trials, "+kind, what, format, args...)
			}
			figure("file", "%.2f MB", float64(len(page))/1e6)
			figure("written in", "%.2f s", time.Since(began).Seconds())
			name := filepath.Join(t.TempDir(), kind+".html")
			if err := os.WriteFile(name, page, 0o644); err != nil {
				t.Fatal(err)
			}
			var first, all, opened []float64
			var b *tab
			for range 5 {
				b = newTab(t, 1280, 800)
				b.open("file://" + name)
				opened = append(opened, 1000*b.cpu())
				first, all = append(first, eval[float64](b, "sweepReport.painted")), append(all, eval[float64](b, "sweepReport.complete"))
			}
			figure("open: answer and table painted", "%.0f ms", median(first))
			figure("open: every chart painted", "%.0f ms", median(all))
			figure("open, with the first curves: time of the processor", "%.0f ms", median(opened))
			if n := eval[int](b, "sweepReport.store.n"); n != 50_000 {
				t.Fatalf("%d trials", n)
			}
			// measure runs an action again and again and returns the times until it was painted.
			measure := func(what, action string) {
				t.Helper()
				before := b.cpu()
				times := eval[[]float64](b, `(async () => {
					const s = sweepReport.store, times = [];
					for (let i = 0; i < 21; i++) {
						const began = performance.now();
						(`+action+`)(s, i);
						await sweepReport.settled();
						times.push(performance.now() - began);
					}
					return times.slice(1); // the first runs cold code
				})()`)
				figure(what, "%.0f ms, %.0f ms of the processor", median(times), 1000*(b.cpu()-before)/21)
			}
			measure("filter", `(s, i) => s.setText(i % 2 ? "" : "lr<3e-3 && hidden==50")`)
			measure("top", `(s, i) => { s.top = i % 2 ? 0 : 1000; s.apply(); }`)
			measure("sort", `(s, i) => s.sort(["val", "lr", "seconds"][i % 3])`)
			measure("select ten", `(s, i) => s.select(Array.from({length: 10}, (_, k) => k + i))`)
			measure("theme", `() => document.getElementById("theme").click()`)
			b.do(evalVoid("sweepReport.store.clear()"))
			b.settled()
			brush := eval[[]float64](b, `(async () => {
				const f = sweepReport.frames, n = f.length;
				const hit = [...document.querySelectorAll(".ax-hit")].at(-2), r = hit.getBoundingClientRect();
				const at = (type, y) => hit.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, buttons: 1, clientX: r.left + 14, clientY: y }));
				hit.setPointerCapture = () => {};
				at("pointerdown", r.top + 20);
				for (let i = 0; i < 60; i++) {
					at("pointermove", r.top + 40 + 3 * i);
					await new Promise(requestAnimationFrame);
				}
				const frames = f.slice(n);
				at("pointerup", r.top + 220);
				await sweepReport.settled();
				return frames;
			})()`)
			if len(brush) < 30 {
				t.Fatalf("a drag had %d frames", len(brush))
			}
			figure("brush: script of a frame", "%.1f ms, the longest %.1f ms", median(brush), maxOf(brush))
			figure("heap", "%.1f MB", b.heap())
			b.shot(kind, true)
			if said := b.said(); len(said) > 0 {
				t.Errorf("the page says %q", said)
			}
		})
	}
}

// TestMost opens a page of more trials than it may have.
func TestMost(t *testing.T) {
	if os.Getenv("FUSEGRID_LONG") == "" {
		t.Skip("left out without FUSEGRID_LONG: it needs gigabytes and minutes")
	}
	const more = 1000
	page := pageOf(t, trialsOf(report.MostTrials+more, true), func(p *report.Page) { p.Folders[0].Curve = nil })
	figure(t, "500,000 trials, random", "file", "%.1f MB", float64(len(page))/1e6)
	b := newTab(t, 1280, 800)
	b.open(fileOf(t, page))
	b.want("#counts", "500,000 trials, the best of 501,000")
	figure(t, "500,000 trials, random", "open: answer and table painted", "%.0f ms", eval[float64](b, "sweepReport.painted"))
	figure(t, "500,000 trials, random", "open: every chart painted", "%.0f ms", eval[float64](b, "sweepReport.complete"))
	b.filter("hidden==20 && lr<1e-3")
	n := eval[int](b, "sweepReport.store.passing")
	if n < 10_000 || n > 200_000 {
		t.Errorf("%d trials pass", n)
	}
	// The last row can be reached: its place is below the limit of the browser.
	b.do(evalVoid("sweepReport.store.clear()"))
	b.settled()
	b.do(evalVoid(`(() => { const r = document.getElementById("table"); r.scrollTop = r.scrollHeight; })()`))
	if !b.becomes(`[...document.querySelectorAll("#table tr[data-at]")].some((r) => r.dataset.at === "499999")`) {
		t.Errorf("the last rows are %v", b.column("rank"))
	}
	b.quiet()
}
