package browsertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"fusegrid/report"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/results/where"
)

// small returns a page of 1,500 trials as an address.
func small(t testing.TB) string {
	return fileOf(t, pageOf(t, trialsOf(1500, false), nil))
}

// fileOf writes a page and returns its address.
func fileOf(t testing.TB, page []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(name, page, 0o644); err != nil {
		t.Fatal(err)
	}
	return "file://" + name
}

// quiet fails if the page had an error.
func (b *tab) quiet() {
	b.t.Helper()
	if said := b.said(); len(said) > 0 {
		b.t.Errorf("the page says %q", said)
	}
}

// text returns the text of an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// want fails unless the text of an element is that.
func (b *tab) want(selector, text string) {
	b.t.Helper()
	if got := b.text(selector); got != text {
		b.t.Errorf("%s is %q, want %q", selector, got, text)
	}
}

// column returns the cells of a column that the table shows.
func (b *tab) column(name string) []string {
	b.t.Helper()
	return eval[[]string](b, fmt.Sprintf(`(() => {
		const i = [...document.querySelectorAll("#table thead th")].findIndex((th) => th.textContent.split(" ")[0] === %q);
		return [...document.querySelectorAll("#table tbody tr[data-at]")].map((tr) => tr.children[i].firstChild.textContent);
	})()`, name))
}

// becomes reports whether a condition of the page holds within ten seconds.
func (b *tab) becomes(condition string) bool {
	b.t.Helper()
	return eval[bool](b, fmt.Sprintf(`(async () => {
		for (let i = 0; i < 200 && !(%s); i++) await new Promise((done) => setTimeout(done, 50));
		return %[1]s;
	})()`, condition))
}

func (b *tab) filter(text string) {
	b.t.Helper()
	b.do(chromedp.Focus(chromedp.CSS("#q")), evalVoid("document.getElementById('q').select()"), chromedp.KeyEvent("\b"), chromedp.SendKeys(chromedp.CSS("#q"), text))
	eval[any](b, "new Promise((done) => setTimeout(done, 120)).then(() => sweepReport.settled())")
}

// TestPage opens a page and does what a reader does.
func TestPage(t *testing.T) {
	url := small(t)
	b := newTab(t, 1280, 800)
	b.open(url)
	b.want("#counts", "1,500 trials")
	if n := len(b.column("rank")); n < 18 || n > 40 {
		t.Errorf("the table has %d rows on the screen", n)
	}
	if n := eval[int](b, "document.querySelectorAll('#heat rect.cell').length"); n == 0 {
		t.Error("the heat map has no cells")
	}
	if n := eval[int](b, "document.querySelectorAll('#curves canvas').length"); n != 1 {
		t.Errorf("%d charts of curves", n)
	}
	// The size of the page is that of the window, without a horizontal scroll bar.
	if w := eval[int](b, "document.documentElement.scrollWidth"); w != 1280 {
		t.Errorf("the page is %d wide", w)
	}

	t.Run("filter", func(t *testing.T) {
		records := trialsOf(1500, false)
		want := 0
		for _, r := range records {
			if r.Config.LR < 3e-3 && r.Config.Hidden[0] == 50 {
				want++
			}
		}
		b.filter("lr<3e-3 && hidden==50")
		b.want("#counts", fmt.Sprintf("%d of 1,500 trials", want))
		for _, h := range b.column("hidden") {
			if h != "50" {
				t.Fatalf("a row with hidden %s passes", h)
			}
		}
		b.filter("hiden==50")
		if got := b.text("#qerr"); !strings.HasPrefix(got, `There is no column "hiden" (did you mean "hidden"?). All trials are shown.`) {
			t.Errorf("the message is %q", got)
		}
		b.want("#counts", "1,500 trials")
		b.filter(records[7].Key[:12])
		b.want("#counts", "1 of 1,500 trials")
		b.filter("val>2")
		b.want("#counts", "0 of 1,500 trials")
		b.do(chromedp.Click(chromedp.CSS("#clear")))
		b.settled()
		b.want("#counts", "1,500 trials")
		if got := b.text("#qerr"); got != "" {
			t.Errorf("the message is %q", got)
		}
	})

	t.Run("sort", func(t *testing.T) {
		click := `[...document.querySelectorAll("#table thead button")].find((b) => b.textContent.startsWith("lr")).click()`
		for _, want := range []string{"ascending", "descending"} {
			b.do(evalVoid(click))
			b.settled()
			if got := eval[string](b, `[...document.querySelectorAll("#table th")].find((th) => th.textContent.startsWith("lr")).ariaSort`); got != want {
				t.Errorf("aria-sort is %q, want %q", got, want)
			}
			first := map[string]string{"ascending": "3e-5", "descending": "0.01"}[want]
			if got := b.column("lr")[0]; got != first {
				t.Errorf("%s: the first lr is %s, want %s", want, got, first)
			}
		}
	})

	t.Run("brush by mouse", func(t *testing.T) {
		box := eval[[]float64](b, `(() => {
			const hit = [...document.querySelectorAll(".ax-hit")].at(-1);
			hit.scrollIntoView({ block: "center" });
			const r = hit.getBoundingClientRect();
			return [r.left + r.width / 2, r.top, r.height];
		})()`)
		b.do(chromedp.DragAndDropXY(box[0], box[1]+10, box[0], box[1]+box[2]/2, 8))
		b.settled()
		passing := eval[int](b, "sweepReport.store.passing")
		lo := eval[float64](b, "sweepReport.store.brushes.get('val')[0]")
		want := 0
		for _, r := range trialsOf(1500, false) {
			if v := r.Val(); v != nil && *v >= lo {
				want++
			}
		}
		// The range ends below the highest result, which the drag began above.
		if passing == 0 || passing == 1500 || passing > want {
			t.Errorf("%d trials pass, at most %d have val ≥ %v", passing, want, lo)
		}
		b.do(chromedp.DoubleClick(chromedp.CSS("#counts"))) // elsewhere: nothing changes
		if again := eval[int](b, "sweepReport.store.passing"); again != passing {
			t.Errorf("%d trials pass after a click elsewhere", again)
		}
		b.do(evalVoid("sweepReport.store.clear()"))
		b.settled()
	})

	t.Run("brush by keys", func(t *testing.T) {
		b.do(evalVoid(`[...document.querySelectorAll(".ax-knob")].find((k) => k.ariaLabel.startsWith("lr, lowest")).focus()`))
		b.do(chromedp.KeyEvent("\u0304"), chromedp.KeyEvent("\u0304")) // arrow up
		b.settled()
		got := eval[[]float64](b, "sweepReport.store.brushes.get('lr')")
		if len(got) != 2 || math.Abs(got[0]/4.87e-5-1) > .01 || got[1] != 0.01 {
			t.Errorf("the range of lr is %v, want 4.87e-5 to 0.01", got)
		}
		if text := eval[string](b, "document.activeElement.ariaValueText"); text != "4.87e-5" {
			t.Errorf("the slider says %q", text)
		}
		b.do(chromedp.KeyEvent("\u001b"))
		b.settled()
		b.want("#counts", "1,500 trials")
	})

	t.Run("order of axes", func(t *testing.T) {
		names := func() string {
			return eval[string](b, `[...document.querySelectorAll(".ax-name")].sort((a, b) => parseFloat(a.style.left) - parseFloat(b.style.left)).map((n) => n.textContent.split(" ")[0]).join()`)
		}
		before := strings.Split(names(), ",")
		b.do(evalVoid(`[...document.querySelectorAll(".ax-name")].find((n) => n.textContent.startsWith("lr")).focus()`))
		b.do(chromedp.KeyEvent("\u0302")) // arrow left
		after := names()
		if after == strings.Join(before, ",") || !strings.HasPrefix(eval[string](b, "document.activeElement.textContent"), "lr") {
			t.Errorf("the axes are still %s, or the focus is lost", after)
		}
		place := eval[[]float64](b, `(() => { const r = [...document.querySelectorAll(".ax-name")].find((n) => n.textContent.startsWith("lr")).getBoundingClientRect(), p = document.getElementById("par").getBoundingClientRect(); return [r.left + r.width / 2, r.top + 12, p.right - 70]; })()`)
		b.do(chromedp.DragAndDropXY(place[0], place[1], place[2], place[1], 6))
		if moved := names(); !strings.HasSuffix(moved, "lr,validation") && !strings.HasSuffix(moved, "validation,lr") {
			t.Errorf("the axes are %s after the drag", moved)
		}
	})

	t.Run("select", func(t *testing.T) {
		b.do(evalVoid("sweepReport.store.select([])"))
		b.settled()
		if text := b.text("#curves"); !strings.HasPrefix(text, "Select trials") {
			t.Errorf("the chart says %q", text)
		}
		b.do(chromedp.Click(chromedp.CSS("#pickbest")))
		b.settled()
		if n := eval[int](b, "sweepReport.store.selected.length"); n != 5 {
			t.Errorf("%d trials are selected, want the 5 seeds of the best setting", n)
		}
		if n := eval[int](b, "document.querySelectorAll('.chip').length"); n != 5 {
			t.Errorf("%d chips", n)
		}
		if text := b.text("#trial pre"); !regexp.MustCompile(`^sweep verify -out out/test -trial [0-9a-f]{12}$`).MatchString(text) {
			t.Errorf("the command is %q", text)
		}
		// A row of the table by keys. They do not scroll, at once or smoothly.
		b.do(evalVoid(`document.querySelector("#table tbody").focus()`), chromedp.KeyEvent("\u0301"), chromedp.KeyEvent("\u0301"), chromedp.KeyEvent(" "))
		b.settled()
		eval[any](b, `new Promise((done) => setTimeout(done, 500)).then(() => null)`)
		if top := eval[float64](b, "document.getElementById('table').scrollTop"); top != 0 {
			t.Errorf("the keys scrolled the table to %v", top)
		}
		if !b.becomes("document.querySelectorAll('#table tr.sel.act').length === 1 && sweepReport.store.selected.length === 6") {
			t.Errorf("the row is not marked: %s", eval[string](b, "[...document.querySelectorAll('#table tr[data-at]')].slice(0, 5).map((r) => r.className).join() + ' ' + sweepReport.store.selected + ' ' + document.activeElement.tagName"))
		}
	})

	t.Run("what is said", func(t *testing.T) {
		if got := b.text("#table + p[role=status]"); got != "selected, selected trials: 6" {
			t.Errorf("the page says %q", got)
		}
	})

	t.Run("heat map", func(t *testing.T) {
		b.do(evalVoid("sweepReport.store.clear()"), evalVoid("document.getElementById('heat').focus()"), chromedp.KeyEvent("\r"))
		b.settled()
		one := eval[int](b, "sweepReport.store.passing")
		if one == 0 || one >= 1500 {
			t.Errorf("%d trials are in the best cell", one)
		}
		b.do(chromedp.KeyEvent("\r"))
		b.settled()
		b.want("#counts", "1,500 trials")
		at := eval[[]float64](b, `(() => { const h = document.getElementById("heat"); h.scrollIntoView({ block: "center" }); const r = h.querySelector("rect.cell").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
		b.do(chromedp.MouseEvent("mouseMoved", at[0], at[1]))
		if text := b.text("#tip"); !strings.Contains(text, "mean 0.") || !strings.Contains(text, "trials") {
			t.Errorf("the readout is %q", text)
		}
	})

	t.Run("readouts of lines and dots", func(t *testing.T) {
		for _, id := range []string{"par", "scat"} {
			at := eval[[]float64](b, fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.scrollIntoView({ block: "center" }); const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()`, id))
			found := false
			for y := .1; y < .9 && !found; y += .02 {
				b.do(chromedp.MouseEvent("mouseMoved", at[0]+.6*at[2], at[1]+y*at[3]))
				found = !eval[bool](b, "document.getElementById('tip').hidden")
			}
			if text := b.text("#tip"); !found || !strings.Contains(text, "val 0.") || !strings.Contains(text, "lr ") {
				t.Errorf("%s: the readout is %q", id, text)
			}
		}
	})

	t.Run("theme", func(t *testing.T) {
		ground := func() string { return eval[string](b, "getComputedStyle(document.body).backgroundColor") }
		before := ground()
		b.do(evalVoid("document.getElementById('theme').click()"))
		b.settled()
		if after := ground(); before != "rgb(246, 246, 243)" || after != "rgb(15, 18, 22)" {
			t.Errorf("the background is %s and then %s", before, after)
		}
		b.do(evalVoid("document.getElementById('theme').click()"))
	})

	t.Run("order of focus", func(t *testing.T) {
		got := eval[string](b, `(() => {
			const all = [...document.querySelectorAll("a[href], button, input, select, [tabindex]")].filter((e) => e.tabIndex >= 0 && e.offsetParent !== null);
			const first = (f) => all.findIndex(f);
			const places = [first((e) => e.className.includes("skip")), first((e) => e.id === "q"), first((e) => e.id === "pickbest"), first((e) => e.id === "hx"),
				first((e) => e.className === "ax-name"), first((e) => e.id === "cs"), first((e) => e.closest("#table thead")), first((e) => e.tagName === "TBODY")];
			return places.every((p, i) => p >= 0 && (i === 0 || p > places[i - 1])) ? "" : places.join();
		})()`)
		if got != "" {
			t.Errorf("the controls have the places %s, want ascending ones", got)
		}
		if dup := eval[[]string](b, `[...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i)`); len(dup) > 0 {
			t.Errorf("ids occur twice: %q", dup)
		}
		if bare := eval[[]string](b, `[...document.querySelectorAll("button, input, select, [role=slider], [role=img]")].filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML)`); len(bare) > 0 {
			t.Errorf("controls have no name: %q", bare)
		}
	})
	b.quiet()
}

// TestMinimized compares the page of a function that is maximized with that of its negative, which is minimized.
func TestMinimized(t *testing.T) {
	type look struct{ Heat, HeatKey, LineKey, Cells, Dots, First string }
	var looks [2]look
	for i, sign := range []float64{1, -1} {
		var records []results.Record
		for k := range 400 {
			x, y := float64(k%20), float64(k/20)
			c := results.Config{Objective: "f", Minimize: sign < 0, Iters: 1, Params: results.Params{{Name: "x", Number: x}, {Name: "y", Number: y}}}
			r := results.Record{Key: c.Key(), State: results.Done, Config: c, Steps: 1}
			r.Accuracy.FinalVal = ptr(sign * (100 - (x-13)*(x-13) - (y-4)*(y-4)/2 + float64(k)/1000))
			records = append(records, r)
		}
		b := newTab(t, 1280, 800)
		b.open(fileOf(t, pageOf(t, records, func(p *report.Page) { p.Folders[0].Curve = nil })))
		for id, name := range map[string]string{"hx": "x", "hy": "y", "sx": "x", "sy": "y"} {
			b.do(evalVoid(fmt.Sprintf(`(() => { const s = document.getElementById(%q); s.value = %q; s.dispatchEvent(new Event("change")); })()`, id, name)))
		}
		b.do(evalVoid(`sweepReport.store.sort("val")`), evalVoid("sweepReport.store.select([])"))
		b.settled()
		looks[i] = eval[look](b, `({
			Heat: document.getElementById("heat").getAttribute("aria-label"),
			HeatKey: document.getElementById("heatkey").textContent.replaceAll("-", ""),
			LineKey: document.getElementById("parkey").textContent.replaceAll("-", ""),
			Cells: [...document.querySelectorAll("#heat rect.cell")].map((c) => c.getAttribute("class")).join(),
			Dots: document.querySelector("#scat canvas").toDataURL(),
			First: document.querySelector("#table tbody tr[data-at] td").textContent,
		})`)
		b.quiet()
	}
	if looks[0] != looks[1] || looks[0].First != "1" || !strings.Contains(looks[0].Heat, "x 13 and y 4") {
		looks[0].Dots, looks[1].Dots = fmt.Sprint(len(looks[0].Dots)), fmt.Sprint(looks[0].Dots == looks[1].Dots)
		t.Errorf("the page of the function is\n%+v\nand that of its negative\n%+v", looks[0], looks[1])
	}
}

// TestFragment opens the page with the filters of another tab.
func TestFragment(t *testing.T) {
	url := small(t)
	b := newTab(t, 1280, 800)
	b.open(url)
	b.filter("val>0.3")
	b.do(evalVoid("sweepReport.store.sort('lr')"), evalVoid("sweepReport.store.sort('lr')"))
	for id, value := range map[string]string{"hs": "best", "cs": "loss"} {
		b.do(evalVoid(fmt.Sprintf(`(() => { const s = document.getElementById(%q); s.value = %q; s.dispatchEvent(new Event("change")); })()`, id, value)))
	}
	b.do(evalVoid("sweepReport.store.setBrush('lr', [1e-4, sweepReport.store.scale(sweepReport.store.data.byName.get('lr')).values.at(-1)])"))
	b.do(evalVoid("sweepReport.store.setBrush('hidden', [50, 100])"), evalVoid("(() => { sweepReport.store.top = 20; sweepReport.store.apply(); })()"), evalVoid("sweepReport.store.select([3, 4])"))
	eval[any](b, "new Promise((done) => setTimeout(done, 500)).then(() => null)")
	at := eval[string](b, "location.href")
	counts := b.text("#counts")
	if !strings.Contains(at, "#q=val%3E0.3") || !strings.Contains(at, "range=lr%3D0.0001..&range=hidden%3D50..100&") || counts != "20 of 1,500 trials" {
		t.Errorf("the address is %s, with %s", at, counts)
	}
	c := newTab(t, 1280, 800)
	c.open(at)
	c.want("#counts", counts)
	if got := eval[string](c, "document.getElementById('q').value + sweepReport.store.selected"); got != "val>0.33,4" {
		t.Errorf("the filter and the selection are %q", got)
	}
	if got := eval[string](c, "document.getElementById('hs').value + document.getElementById('cs').value + [...document.querySelectorAll('#table th')].find((th) => th.textContent.startsWith('lr')).ariaSort"); got != "bestlossdescending" {
		t.Errorf("the charts and the order are %q", got)
	}
	c.quiet()
}

// TestCSV compares the rows of the CSV with the table of package results.
func TestCSV(t *testing.T) {
	records := trialsOf(300, false)
	b := newTab(t, 1280, 800)
	b.open(fileOf(t, pageOf(t, records, nil)))
	b.filter("hidden==20 && val>0.2")
	text := eval[string](b, "sweepReport.csv()")
	d, err := report.Read(pageOf(t, records, nil))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	names := strings.Split(lines[0], ",")
	n := 0
	for row := range d.Rows {
		if d.Column("hidden").Texts[row] != "20" || !(d.Column("val").Numbers[row] > .2) {
			continue
		}
		n++
		if n >= len(lines) {
			t.Fatalf("the file has %d rows", len(lines)-1)
		}
		cells := strings.Split(lines[n], ",")
		for i, name := range names {
			if name != "lr" && name != "val" && name != "key" {
				continue
			}
			want := ""
			if c := d.Column(name); c.Texts != nil {
				want = c.Texts[row]
			} else {
				text, _ := json.Marshal(c.Numbers[row])
				want = string(text)
			}
			if cells[i] != want {
				t.Errorf("row %d: %s is %s, want %s", n, name, cells[i], want)
			}
		}
	}
	if n != len(lines)-1 {
		t.Errorf("the file has %d rows, want %d", len(lines)-1, n)
	}
}

// TestConditions compares the page's language of filters with package where: what conditions hold for, and where and why
// texts are wrong.
func TestConditions(t *testing.T) {
	b := newTab(t, 1280, 800)
	b.open(fileOf(t, pageOf(t, trialsOf(60, false), nil)))
	records := trialsOf(60, false)
	table := results.NewTable(records)
	var columns []where.Column
	var values []results.Column
	known := eval[[]string](b, "sweepReport.store.data.columns.map((c) => c.name)")
	for _, name := range known {
		for _, c := range table.Columns() {
			if c.Name != name {
				continue
			}
			kind := where.Number
			if c.Kind == results.Text {
				kind = where.Text
			}
			columns, values = append(columns, where.Column{Name: name, Kind: kind}), append(values, c)
		}
	}
	columns = append(columns, where.Column{Name: "of_peak", Kind: where.Number})
	texts := []string{
		"lr<1e-3", "1e-3>lr", "hidden==20", "hidden==50 || lr<1e-4", "lr<1e-3&&hidden==20&&val>0.2", "val==none", "val!=none", "!(val>0.3)", "rule==sgd", "rule!=adam", "hidden=~'0'",
		"state==done", "state!=done && seed<2", "val<train", "error==none", "impl=='avx512'", "data_name=~\"^cifar\"", "hidden<100", "hidden==dog", "(lr<1e-3 || lr>5e-3) && !(seed==1)",
		"", "  ", "lr", "lr<", "<1", "lr<1e-3 &&", "lr<1e-3 hidden==50", "lr=1e-3", "lr<1 & val>0", "lr<1 and val>0", "lr<1 or val>0", "not lr<1", "lr≤1", "1<lr<2",
		"(lr<1", "lr<1)", "(lr<1 val>0)", "()", "lr<1 && hiden==50", "foo==1", "1==2", "foo==bar", "'lr'<1", "lr==adam", "lr<trian", "lr<1e999", "state=='done", "state==“done”", "lr<1e–3",
		"state==a,b", "val<none", "none==none", "val=~5", "rule=~state", "none=~x", "hidden", "lr\x00<1", strings.Repeat("(", 300) + "lr<1", strings.Repeat("x", 20_000), "lr<.", "lr<1e", "lr<+1", "lr<-", "seed == 1.", "samples<1",
	}
	for range 400 {
		texts = append(texts, nonsense(rand.New(rand.NewPCG(uint64(len(texts)), 5))))
	}
	type answer struct {
		Why  string
		At   int
		Rows []int
	}
	asked, _ := json.Marshal(texts)
	answers := eval[[]answer](b, fmt.Sprintf(`%s.map((text) => {
		const s = sweepReport.store;
		try {
			const test = sweepReport.parse(text, s.data.columns), Rows = [];
			for (let i = 0; i < s.n; i++) if (test(i)) Rows.push(i);
			return { Why: "", At: 0, Rows };
		} catch (e) {
			return { Why: e.why ?? String(e), At: new TextEncoder().encode(text.slice(0, e.at)).length, Rows: [] };
		}
	})`, asked))
	wrong := 0
	for i, text := range texts {
		got := answers[i]
		c, err := where.Parse(text, columns)
		if bad, ok := errors.AsType[*where.Error](err); ok {
			if got.Why != bad.Why || got.At != bad.At {
				t.Errorf("%.60q: at %d %q, want at %d %q", text, got.At, got.Why, bad.At, bad.Why)
				wrong++
			}
			continue
		}
		var want []int
		for row := range table.Len() {
			if c.Match(func(k int) where.Value {
				if k == len(values) {
					return where.Value{} // of_peak is in no condition above
				}
				c := &values[k]
				text, ok := c.Text(row)
				if c.Name == "rule" || c.Name == "division" {
					text, ok = map[string]string{"rule": "sgd", "division": "floor"}[c.Name], true
				}
				switch x, number := c.Number(row); {
				case c.Kind != results.Text && number:
					return where.Value{Kind: where.Number, Number: x}
				case c.Kind == results.Text && ok:
					return where.Value{Kind: where.Text, Text: text}
				}
				return where.Value{}
			}) {
				want = append(want, row)
			}
		}
		if fmt.Sprint(got.Rows) != fmt.Sprint(want) || got.Why != "" {
			t.Errorf("%q: rows %v %s, want %v", text, got.Rows, got.Why, want)
			wrong++
		}
		if wrong > 20 {
			t.Fatal("too many differences")
		}
	}
}

// nonsense returns a text of random parts of conditions.
func nonsense(rng *rand.Rand) string {
	parts := []string{"lr", "hidden", "val", "state", "<", ">", "==", "!=", "<=", ">=", "&&", "||", "!", "(", ")", "1e-3", "0.3", "50", "none", "done", "'done'", "sedd", "and", "or", "=", " "}
	var text strings.Builder
	for range 1 + rng.IntN(9) {
		text.WriteString(parts[rng.IntN(len(parts))] + " ")
	}
	return strings.TrimSpace(text.String())
}

// TestSetting compares what the card of a trial says of its setting with package results. Some trials diverged or were
// stopped, and some are in two folders.
func TestSetting(t *testing.T) {
	records := trialsOf(30, false) // settings of 5 seeds
	records[7].State, records[7].Steps, records[7].Accuracy = results.Diverged, 10, results.Accuracy{}
	records[11].State, records[11].Steps = results.Stopped, 300
	for i := 15; i < 20; i++ {
		records[i].State, records[i].Steps = results.Stopped, 300
	}
	records[22].State, records[22].Steps, records[22].Accuracy = results.Failed, 0, results.Accuracy{}
	b := newTab(t, 1280, 800)
	b.open(fileOf(t, pageOf(t, records, func(p *report.Page) {
		p.Table = results.NewTable(append(slices.Clone(records), records[:5]...))
		p.Folders = append(p.Folders, report.Folder{Name: "out/other"})
		p.Folder = func(row int) int {
			if row > 0 && p.Table.Record(row).Key == p.Table.Record(row-1).Key {
				return 1
			}
			return 0
		}
	})))
	for _, s := range results.RankSettings(records, results.ByMean) {
		want := "Its setting has 5 seeds. Not all trained equally far, so they have no mean."
		if s.Val.N > 0 && s.Trials[0].Key != records[10].Key { // a page does not have the accuracies of rungs
			want = fmt.Sprintf("Its setting has 5 seeds, with a mean of %.4f.", s.Val.Mean)
		}
		b.do(evalVoid(fmt.Sprintf("location.hash = 'trials=%.12s'", s.Trials[0].Key)))
		if !b.becomes(fmt.Sprintf("document.querySelector('#trial pre')?.textContent.endsWith('%.12s') && document.querySelector('#trial').textContent.includes(%q)", s.Trials[0].Key, want)) {
			t.Errorf("%d diverged, %d stopped: the card says %q, want %q", s.Diverged, s.Stopped, b.text("#trial"), want)
		}
	}
	// The last trial that is removed leaves its heading and its place in the order of focus.
	b.do(evalVoid("document.querySelector('.chip').focus()"), chromedp.KeyEvent("\r"))
	b.settled()
	b.want("#h-trial", "Selected trial")
	if got := eval[string](b, "document.activeElement.id"); got != "cs" {
		t.Errorf("the focus is on %q", got)
	}
	b.do(evalVoid("sweepReport.store.select([0, 1, 2])"))
	b.settled()
	b.do(evalVoid("document.querySelectorAll('.chip')[1].focus()"), chromedp.KeyEvent("\r"))
	b.settled()
	if got := eval[string](b, "sweepReport.store.selected + ' ' + document.activeElement.textContent"); !strings.HasPrefix(got, "0,2 3") {
		t.Errorf("the selection and the focus are %q", got)
	}
	b.quiet()
}

// TestFunction reads the values of a function's curves at the pointer. Another trial has values that are much larger.
func TestFunction(t *testing.T) {
	var records []results.Record
	for i := range 30 {
		c := results.Config{Objective: "f", Minimize: true, Iters: 1, Params: results.Params{{Name: "x", Number: float64(i)}}}
		r := results.Record{Key: c.Key(), State: results.Done, Config: c, Steps: 1}
		r.Accuracy.FinalVal = ptr(float64(i))
		records = append(records, r)
	}
	b := newTab(t, 1280, 800)
	b.open(fileOf(t, pageOf(t, records, func(p *report.Page) {
		p.Folders[0].Curve = func(key string) (curve.Curve, bool, error) {
			c := curve.Curve{Measurements: 3, Steps: []int{1, 2, 3}, Values: []float64{-2.5, -2.5, -2.5}}
			if key == records[20].Key {
				c.Values = []float64{1e30, math.Inf(1), 1}
			}
			return c, true, nil
		}
	})))
	b.do(evalVoid("sweepReport.store.select([])"), evalVoid("sweepReport.store.select([0])"))
	b.settled()
	at := eval[[]float64](b, `(() => { const e = document.querySelector("#curves .u-over"); e.scrollIntoView({ block: "center" }); const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	b.do(chromedp.MouseEvent("mouseMoved", at[0], at[1]))
	if !b.becomes("!document.getElementById('tip').hidden") || b.text("#tip") != "step 2\n1 value -2.5" {
		t.Errorf("the readout is %q", b.text("#tip"))
	}
	b.quiet()
}

// TestOneRequest checks that opening the page and using it makes one request, and that its policy refuses others.
func TestOneRequest(t *testing.T) {
	s := serve(t, pageOf(t, trialsOf(200, false), nil))
	other := serve(t, nil)
	b := newTab(t, 1280, 800)
	b.open(s.URL + "/report.html")
	b.do(evalVoid("sweepReport.store.select([1, 2, 3])"))
	b.settled()
	if got := s.asked(); got != "/report.html" {
		t.Errorf("the page asked for %s, want one request", got)
	}
	b.quiet()
	// From a callback, because the policy does not bind the evaluation of expressions.
	eval[any](b, fmt.Sprintf(`new Promise((done) => { setTimeout(() => {
		fetch(%[1]q).catch(() => {});
		try { new WebSocket(%[1]q.replace("http", "ws")); } catch {}
		try { new EventSource(%[1]q); } catch {}
		navigator.sendBeacon(%[1]q, "x");
		const img = new Image(); img.src = %[1]q; document.body.append(img);
		const s = document.createElement("script"); s.src = %[1]q; document.body.append(s);
		const l = document.createElement("link"); l.rel = "stylesheet"; l.href = %[1]q; document.head.append(l);
		const e = document.createElement("script"); e.textContent = "window.evil = 1"; document.body.append(e);
		setTimeout(() => done(null), 300);
	}); })`, other.URL))
	if got := other.asked(); got != "" {
		t.Errorf("another server was asked for %s", got)
	}
	if eval[bool](b, "'evil' in window") {
		t.Error("a script ran that the page did not have")
	}
}

// TestInert opens a page whose labels are markup.
func TestInert(t *testing.T) {
	evil := `</script><img src=x onerror="window.evil=1"><b>"'`
	records := trialsOf(100, false)
	for i := range records {
		records[i].Impl, records[i].DataName, records[i].Machine.CPU = evil, evil, evil
		if i%2 == 0 {
			records[i].Config.Net = evil
			records[i].Key = records[i].Config.Key()
		}
	}
	b := newTab(t, 1280, 800)
	b.open(fileOf(t, pageOf(t, records, func(p *report.Page) {
		p.Folders[0].Name, p.Folders[0].Verify = evil, evil
		p.Net = func(int, *results.Record) (*report.Net, error) {
			return &report.Net{Classes: []string{evil, "b"}, Confusion: [][]int{{1, 2}, {3, 4}}, Samples: evil}, nil
		}
	})))
	b.do(evalVoid("sweepReport.store.select([0, 1])"))
	b.filter("net=~'<img' && " + "seed<9")
	for _, id := range []string{"hx", "sx"} {
		b.do(evalVoid(fmt.Sprintf(`(() => { const s = document.getElementById(%q); s.value = "net"; s.dispatchEvent(new Event("change")); })()`, id)))
	}
	b.settled()
	if eval[bool](b, "'evil' in window || [...document.images].some((i) => !i.src.startsWith('data:')) || !!document.querySelector('b')") {
		t.Error("a label became an element")
	}
	if got := b.text("h1"); !strings.Contains(got, evil) {
		t.Errorf("the title is %q", got)
	}
	b.quiet()
}

// TestPhone opens the page on a small screen.
func TestPhone(t *testing.T) {
	b := newTab(t, 390, 844)
	b.open(small(t))
	if w := eval[int](b, "document.documentElement.scrollWidth"); w != 390 {
		t.Errorf("the page is %d wide, want 390; %v", w, eval[[]string](b, `[...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > 391 && !e.closest(".scroll, #table, svg, pre, .parbox")).map((e) => e.tagName + "." + e.className).slice(0, 5)`))
	}
	if small := eval[[]string](b, `[...document.querySelectorAll("button, select, input[type=text]")].filter((e) => e.offsetParent && !e.matches(".ax-name") && e.getBoundingClientRect().height < 43).map((e) => e.outerHTML)`); len(small) > 0 {
		t.Errorf("controls are lower than 44 pixels: %q", small)
	}
	if !eval[bool](b, "document.getElementById('par').classList.contains('turned')") {
		t.Error("the axes are not turned")
	}
	b.do(evalVoid(`(() => { const k = [...document.querySelectorAll(".ax-knob")].find((k) => k.ariaLabel.startsWith("lr, lowest")); k.focus(); })()`), chromedp.KeyEvent("\u0304"))
	b.settled()
	if b.text("#counts") == "1,500 trials" {
		t.Error("a brush has no effect")
	}
	b.shot("phone", true)
	b.quiet()
}

// TestNoScript opens the page without scripts.
func TestNoScript(t *testing.T) {
	b := newTab(t, 1280, 800)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(small(t)))
	shown := func(selector string) bool {
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q)?.getClientRects().length > 0", selector)))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for selector, want := range map[string]bool{".hero": true, ".sure svg": true, ".next li": true, "svg.heatstatic": true, ".matters svg": true, "#q": false, "#heat": false, "#par": false, "#pickbest": false, "#h-top": true} {
		if shown(selector) != want {
			t.Errorf("%s: shown is %v, want %v", selector, !want, want)
		}
	}
	if n := eval[int](b, "document.querySelectorAll('.print tbody tr').length"); n != 100 {
		t.Errorf("the table has %d trials, want the best 100", n)
	}
	b.shot("noscript", true)
}

// TestContrast computes the contrast of the texts of the open page with what is behind them, in both themes.
func TestContrast(t *testing.T) {
	for _, theme := range []string{"light", "dark"} {
		b := newTab(t, 1280, 800)
		b.theme(theme)
		b.open(small(t))
		low := eval[[]string](b, `(() => {
			const rgb = (s) => (s.match(/[\d.]+/g) ?? []).map(Number);
			const lum = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => { const v = c[i] / 255; return sum + w * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
			const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
			const bad = [];
			const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
			let n = 0;
			for (let t; (t = walk.nextNode()); ) {
				const e = t.parentElement;
				if (!t.textContent.trim() || !e.getClientRects().length || e.closest("script, style, button:disabled, svg, [hidden]")) continue;
				n++;
				const a = lum(rgb(getComputedStyle(e).color)), b = lum(ground(e)), c = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
				if (c < 4.5) bad.push(c.toFixed(2) + " " + t.textContent.slice(0, 30));
			}
			if (n < 100) bad.push("only " + n + " texts");
			return bad;
		})()`)
		if len(low) > 0 {
			t.Errorf("%s: contrast below 4.5: %q", theme, low)
		}
	}
}

// TestStates opens pages of few or failed trials.
func TestStates(t *testing.T) {
	records := trialsOf(60, false)
	var diverged []results.Record
	for _, r := range trialsOf(6000, false) {
		if r.State == results.Diverged {
			diverged = append(diverged, r)
		}
	}
	for name, c := range map[string]struct {
		records []results.Record
		counts  string
	}{
		"one trial":    {records[:1], "1 trial"},
		"two trials":   {records[:2], "2 trials"},
		"all diverged": {diverged[:30], "30 trials"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTab(t, 1280, 800)
			b.open(fileOf(t, pageOf(t, c.records, func(p *report.Page) { p.Folders[0].Curve = nil })))
			b.want("#counts", c.counts)
			b.quiet()
		})
	}
}
