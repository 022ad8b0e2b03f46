package browsertest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"fusegrid/report"
	"fusegrid/report/live"
	"fusegrid/results"
	"fusegrid/results/curve"
)

// sweepProgram builds the program sweep.
func sweepProgram(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sweep")
	build := exec.Command("go", "build", "-o", name, "./sweep")
	build.Dir = "../.." // the folder of the module that has it
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return name
}

// begin starts the program in a folder, and returns the address that it prints.
func begin(t testing.TB, program, dir string, args ...string) (c *exec.Cmd, url string) {
	t.Helper()
	c = exec.Command(program, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "FUSEGRID_TOKEN=")
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	lines := bufio.NewScanner(stderr)
	address := regexp.MustCompile(`http://\S+`)
	for lines.Scan() {
		if url = address.FindString(lines.Text()); url != "" {
			break
		}
	}
	go func() {
		for lines.Scan() { // so that the program does not wait
		}
	}()
	if url == "" {
		t.Fatalf("%s %s printed no address", program, strings.Join(args, " "))
	}
	return c, url
}

// front shows the tab. Others are hidden then: they draw nothing, and leave their connections.
func (b *tab) front() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, page.BringToFront, cdp.Empty{}); err != nil {
		b.t.Fatal(err)
	}
}

// eventually waits until a condition of the page holds.
func (b *tab) eventually(within time.Duration, condition string) {
	b.t.Helper()
	b.front()
	for end := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		if eval[bool](b, condition) {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("after %v, this does not hold: %s; the page says %q and %q", within, condition, eval[string](b, `(document.getElementById("counts")?.textContent ?? "") + " " + (document.getElementById("live")?.textContent ?? "")`), b.said())
		}
	}
}

// keysOf is the expression of the sorted keys of the page's trials.
const keysOf = `(() => { const s = sweepReport.store, d = s.data, all = []; for (let i = 0; i < s.n; i++) all.push(Array.from(d.keys.slice(i * d.keyWidth, (i + 1) * d.keyWidth), (x) => x.toString(16).padStart(2, "0")).join("")); return all.sort(); })()`

// TestLive watches a sweep in two tabs, kills it, begins it again, and ends the watching process in between. Each page
// has each trial once, keeps its filter and its selection, and shows cards for all trials at the end.
func TestLive(t *testing.T) {
	program, dir := sweepProgram(t), t.TempDir()
	grid := func(more ...string) []string {
		return append([]string{"-data", "synthetic", "-lr", "log:1e-4..1e-2:8", "-reg", "0,0.1,0.5,1", "-seed", "1..3", "-hidden", "4", "-iters", "500", "-batch", "50", "-block", "2", "-workers", "1", "-out", "o", "-quiet", "-top", "1"}, more...)
	}
	const trials = 8 * 4 * 3
	if err := os.Mkdir(filepath.Join(dir, "o"), 0o777); err != nil {
		t.Fatal(err)
	}
	watcher, url := begin(t, program, dir, "watch", "-addr", "127.0.0.1:0", "o")
	b := newTab(t, 1280, 800)
	b.open(url)
	if got := b.text(".empty"); !strings.HasPrefix(got, "No trial has ended yet.") {
		t.Errorf("the empty page says %q", got)
	}
	sweep, own := begin(t, program, dir, grid("-watch", "127.0.0.1:0")...)
	c := newTab(t, 1280, 800) // the page of the sweep itself
	c.do(chromedp.Navigate(own), chromedp.WaitReady(chromedp.CSS("html[data-ready='1']")))
	b.eventually(2*time.Minute, "!!window.sweepReport && document.documentElement.dataset.ready === '1' && sweepReport.store.n > 3")
	if err := sweep.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = sweep.Wait()
	if n := eval[int](b, "sweepReport.store.n"); n == trials {
		t.Fatal("the sweep ended before it was killed; give it more iterations")
	}
	b.filter("lr>2e-4")
	b.do(evalVoid("sweepReport.store.select([1])"))
	// The page may just have been taken again, because an axis is new.
	b.eventually(2*time.Minute, `(() => { const s = sweepReport.store, d = s.data, w = d.keyWidth, at = s.active; return s.selected.length === 1 && !!document.querySelector("#trial pre")?.textContent.endsWith(Array.from(d.keys.slice(at * w, (at + 1) * w), (x) => x.toString(16).padStart(2, "0")).join("")); })()`)
	key := eval[string](b, `document.querySelector("#trial pre").textContent.split(" ").at(-1)`)
	b.eventually(2*time.Minute, "/^(the sweep was killed|no sweep runs)/.test(document.getElementById('live').textContent)") // the first status comes after two seconds
	c.eventually(2*time.Minute, "document.getElementById('live').className === 'app lost'")
	// Another process watches at the same address, while the page is open.
	if err := watcher.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = watcher.Wait()
	b.eventually(2*time.Minute, "document.getElementById('live').className === 'app lost'")
	port := regexp.MustCompile(`:\d+`)
	begin(t, program, dir, "watch", "-addr", "127.0.0.1"+port.FindString(strings.TrimPrefix(url, "http:")), "o")
	again, _ := begin(t, program, dir, grid("-watch", "127.0.0.1"+port.FindString(strings.TrimPrefix(own, "http:")))...)
	c.eventually(2*time.Minute, "!!window.sweepReport && document.getElementById('live').className === 'app'")
	b.eventually(2*time.Minute, fmt.Sprintf("sweepReport.store.n === %d", trials))
	b.eventually(2*time.Minute, "/^(finished|no sweep runs)/.test(document.getElementById('live').textContent)") // a short sweep writes no status
	_ = again.Wait()
	for name, p := range map[string]*tab{"sweep watch": b, "sweep -watch": c} {
		keys := eval[[]string](p, keysOf)
		for i := range keys {
			if i > 0 && keys[i] == keys[i-1] {
				t.Errorf("%s: the trial %s is there twice", name, keys[i])
			}
		}
		if name == "sweep watch" && len(keys) != trials {
			t.Errorf("%s: %d trials, want %d", name, len(keys), trials)
		}
		if bad := eval[int](p, "(() => { const s = sweepReport.store, v = s.val.num; let k = 0; for (let i = 1; i < s.n; i++) if (v[i] > v[i - 1] || s.data.byName.get('rank').num[i] !== i + 1) k++; return k; })()"); bad > 0 {
			t.Errorf("%s: %d rows are not in the order of their rank", name, bad)
		}
	}
	if got := eval[string](b, `document.getElementById("q").value + " " + document.querySelector("#trial pre").textContent.split(" ").at(-1)`); got != "lr>2e-4 "+key {
		t.Errorf("the filter and the selection are %q, want %q", got, "lr>2e-4 "+key)
	}
	b.front()
	want := fmt.Sprintf("%d of %d trials", 7*12-12, trials) // six of eight learning rates
	if got := b.text("#counts"); got != want {
		t.Errorf("the count is %q, want %q", got, want)
	}
	// The cards and the curves are those of all trials.
	b.eventually(2*time.Minute, `document.querySelector("#h-sure").closest("section").textContent.includes(" of 32 ")`)
	b.do(chromedp.Click(chromedp.CSS("#pickbest")))
	b.settled()
	if !b.becomes("document.querySelectorAll('#curves canvas').length === 1 && sweepReport.store.selected.length === 3") {
		t.Errorf("the curves of the best setting are not drawn: %q", b.text("#curves"))
	}
	b.shot("live", true)
	for _, p := range []*tab{b, c} {
		for _, said := range p.said() {
			if !strings.Contains(said, "console") { // failed connections
				t.Errorf("the page says %q", said)
			}
		}
	}
}

// journalOf returns a new journal, and its name.
func journalOf(t *testing.T, records ...results.Record) (*results.Journal, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "trials.jsonl")
	f, err := results.OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	journal, _, _, err := results.NewJournal(f, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { journal.Close() })
	if err := journal.Append(records...); err != nil {
		t.Fatal(err)
	}
	return journal, name
}

// sourceOf returns the study of a journal.
func sourceOf(name string) live.Source {
	return live.Source{
		Journal: name,
		Page: func(_ context.Context, table *results.Table) (*report.Page, error) {
			return &report.Page{Table: table, Folders: []report.Folder{{Name: "o", Verify: "sweep verify"}}}, nil
		},
		Status: func() string { return "training, 42 %" },
	}
}

// follow serves the page of a study, and returns its address.
func follow(t *testing.T, source live.Source) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- live.New(source).Serve(ctx, l, live.Guard{}) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// TestLiveKeeps checks what a reader has on a page while trials come: the focus, ranges, the order of the table and what
// charts show. An axis that is new makes the script take the whole page again.
func TestLiveKeeps(t *testing.T) {
	records := trialsOf(375, false)
	for i := 300; i < 375; i++ { // better than all before
		records[i].Accuracy.FinalVal = ptr(.9 + float64(i)/10_000)
		records[i].State, records[i].Steps = results.Done, 3000
	}
	journal, name := journalOf(t, records[:300]...)
	b := newTab(t, 1280, 800)
	b.open(follow(t, sourceOf(name)))
	b.do(evalVoid(`(() => {
		const s = sweepReport.store, v = s.scale(s.val).values;
		s.setBrush("val", [v[v.length >> 1], v[v.length - 1]]);
		s.select([0]);
		s.sort("lr");
		for (const [id, value] of [["hs", "best"], ["cs", "loss"]]) {
			const e = document.getElementById(id);
			e.value = value;
			e.dispatchEvent(new Event("change"));
		}
	})()`))
	b.settled()
	b.do(evalVoid(`(() => { window.kept = document.querySelector("#trial button.copy"); kept.focus(); })()`))
	if err := journal.Append(records[300:]...); err != nil {
		t.Fatal(err)
	}
	b.eventually(time.Minute, "sweepReport.store.n === 375")
	b.settled()
	if got := eval[string](b, "[document.activeElement === kept, sweepReport.store.mask[0], document.querySelector('#trial dd').textContent, document.getElementById('aloud').textContent, document.getElementById('live').textContent]+''"); got != "true,1,76,training,training, 42 %" {
		t.Errorf("focus, best trial, rank of the selected one, and status are %q", got)
	}
	other := records[299]
	other.Config.Reg, other.Accuracy.FinalVal = .25, ptr(.95)
	other.Key = other.Config.Key()
	if err := journal.Append(other); err != nil {
		t.Fatal(err)
	}
	b.eventually(time.Minute, "document.documentElement.dataset.ready === '1' && sweepReport.store.axes.some((c) => c.name === 'reg')")
	b.settled()
	if got := eval[string](b, "[sweepReport.store.mask[0], sweepReport.store.sortBy, document.getElementById('hs').value, document.getElementById('cs').value]+''"); got != "1,lr,best,loss" {
		t.Errorf("best trial, order and charts are %q", got)
	}
	b.quiet()
}

// TestLiveAxes adds trials with new values: a word between others, and a number by which the heat map gets bins. The
// range of words and the cell of the keyboard keep their values.
func TestLiveAxes(t *testing.T) {
	base := trialsOf(1, false)[0]
	trial := func(lr float64, rule string) results.Record {
		r := base
		r.Config.LR, r.Config.Rule, r.Config.Mu = lr, rule, .9
		r.Key = r.Config.Key()
		r.Accuracy.FinalVal = ptr(.3 + lr)
		return r
	}
	var records []results.Record
	for i := range 40 {
		for _, rule := range []string{"momentum", "rmsprop"} {
			records = append(records, trial(.001*float64(1+i), rule))
		}
	}
	journal, name := journalOf(t, records...)
	b := newTab(t, 1280, 800)
	b.open(follow(t, sourceOf(name)))
	b.do(evalVoid("sweepReport.store.setBrush('rule', [1, 1])"), evalVoid("document.getElementById('heat').focus()"), chromedp.KeyEvent("\u0302")) // arrow left from the best cell
	b.settled()
	if got := b.text("#heatsay"); !strings.HasPrefix(got, "lr 0.039, rule ") {
		t.Fatalf("the cell is %q", got)
	}
	if err := journal.Append(trial(.0005, "nesterov")); err != nil {
		t.Fatal(err)
	}
	b.eventually(time.Minute, "sweepReport.store.n === 81")
	b.settled()
	eval[any](b, "new Promise((done) => setTimeout(done, 500)).then(() => null)") // the parts are drawn in several frames
	if got := eval[string](b, "sweepReport.store.brushes.get('rule') + ' ' + sweepReport.store.passing"); got != "2,2 40" {
		t.Errorf("the range of the rule and the trials that pass are %q, want those of rmsprop", got)
	}
	b.do(evalVoid("sweepReport.store.setBrush('rule', null)"), chromedp.KeyEvent("\r"))
	b.settled()
	if got := eval[[]float64](b, "sweepReport.store.brushes.get('lr')"); len(got) != 2 || got[0] > .039 || got[1] < .039 || got[0] < .03 {
		t.Errorf("the cell has lr from %v", got)
	}
	b.quiet()
}

// TestLiveCurves selects a trial whose curve is written later, and then replaced.
func TestLiveCurves(t *testing.T) {
	records := trialsOf(12, false)
	journal, name := journalOf(t, records[:10]...)
	source := sourceOf(name)
	var loss atomic.Int64 // of all curves; 0 if there is none yet
	source.Curve = func(string) (curve.Curve, bool, error) {
		x := float32(loss.Load())
		return curve.Curve{Steps: []int{1, 2}, Val: []float32{.1, .2}, Train: []float32{.1, .2}, LossSteps: []int{1, 2, 3}, Loss: []float32{x, x, x}}, x > 0, nil
	}
	b := newTab(t, 1280, 800)
	b.open(follow(t, source))
	b.do(evalVoid("sweepReport.store.select([])"), evalVoid("sweepReport.store.select([0])"))
	b.settled()
	if !b.becomes("document.getElementById('curves').textContent === 'The page has no curves of these trials.'") {
		t.Errorf("the chart says %q", b.text("#curves"))
	}
	key := eval[string](b, "document.querySelector('#trial pre').textContent.split(' ').at(-1)")
	again := records[slices.IndexFunc(records, func(r results.Record) bool { return strings.HasPrefix(r.Key, key) })]
	again.Ended = again.Ended.Add(time.Hour)
	b.do(evalVoid(`(() => { const s = document.getElementById("cs"); s.value = "loss"; s.dispatchEvent(new Event("change")); })()`))
	for _, r := range []results.Record{records[10], again} {
		loss.Add(2)
		if err := journal.Append(r); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("iteration 2\n1 loss %d", loss.Load())
		b.eventually(time.Minute, fmt.Sprintf(`(() => {
			const over = document.querySelector("#curves .u-over");
			if (!over) return false;
			over.scrollIntoView({ block: "center" });
			const r = over.getBoundingClientRect();
			for (const type of ["mouseenter", "mousemove"]) over.dispatchEvent(new MouseEvent(type, { clientX: r.left + r.width / 2, clientY: r.top + r.height / 2 }));
			return document.getElementById("tip").textContent === %q;
		})()`, want))
	}
	b.quiet()
}

// TestLiveRefused checks that a page says why a server refuses it.
func TestLiveRefused(t *testing.T) {
	_, name := journalOf(t, trialsOf(10, false)...)
	server := live.New(sourceOf(name))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			http.Error(w, "sweep: 32 watchers are the most; close another one", http.StatusServiceUnavailable)
			return
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	b := newTab(t, 1280, 800)
	b.open(s.URL)
	b.eventually(time.Minute, "document.getElementById('live').textContent === '32 watchers are the most; close another one' && document.getElementById('live').className === 'app lost'")
}

// TestLiveRate watches a journal to which 100 trials a second are appended, after 20,000, and reports the times of frames.
func TestLiveRate(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it watches for ten seconds")
	}
	records := trialsOf(21_000, false)
	journal, name := journalOf(t)
	const before, batch = 20_000, 25
	if err := journal.Append(records[:before]...); err != nil {
		t.Fatal(err)
	}
	b := newTab(t, 1280, 800)
	b.open(follow(t, sourceOf(name)))
	b.do(evalVoid(`(() => { window.gaps = []; sweepReport.frames.length = 0; let last = performance.now(); const f = () => { const now = performance.now(); gaps.push(now - last); last = now; requestAnimationFrame(f); }; requestAnimationFrame(f); })()`))
	cpu := b.cpu()
	began := time.Now()
	for at := before; at < len(records); at += batch {
		if err := journal.Append(records[at : at+batch]...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(began.Add(time.Duration(at+batch-before) * 10 * time.Millisecond)))
	}
	b.eventually(2*time.Minute, fmt.Sprintf("sweepReport.store.n === %d", len(records)))
	frames, gaps := eval[[]float64](b, "sweepReport.frames"), eval[[]float64](b, "gaps")
	figure := func(what, format string, args ...any) {
		t.Helper()
		figure(t, "20,000 trials, live", what, format, args...)
	}
	figure("100 trials a second: script of a frame", "%.0f ms, the longest %.0f ms", median(frames), maxOf(frames))
	figure("100 trials a second: longest time between frames", "%.0f ms", maxOf(gaps))
	figure("100 trials a second: time of the processor", "%.0f ms/s", 1000*(b.cpu()-cpu)/time.Since(began).Seconds())
	keys := eval[[]string](b, keysOf)
	if len(slices.Compact(keys)) != len(records) {
		t.Errorf("%d different trials, want %d", len(slices.Compact(keys)), len(records))
	}
	b.quiet()
}
