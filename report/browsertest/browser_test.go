// Package browsertest opens pages of sweep report in Chromium. It is a module of its own, so programs that import
// fusegrid do not need a driver of browsers.
package browsertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium returns the program of the browser, or "".
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// browser is the context of the browser of all tests.
var browser context.Context

func TestMain(m *testing.M) {
	os.Exit(withBrowser(m))
}

// withBrowser runs the tests while one browser runs.
func withBrowser(m *testing.M) int {
	path := chromium()
	if path == "" {
		fmt.Fprintln(os.Stderr, "SKIPPED, NOT TESTED: pages in a browser: there is no chromium; make deps installs it")
		return 0
	}
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(dir), chromedp.WindowSize(1280, 800), chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, cancel := chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Do(ctx); err != nil { // starts the browser
		fmt.Fprintln(os.Stderr, "cannot start", path+":", err)
		return 1
	}
	browser = ctx
	return m.Run()
}

// A tab is a page in the browser.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	errors  []string // of the page: exceptions and messages of the console
	started time.Time
}

// newTab returns an empty tab of the given size.
func newTab(t testing.TB, width, height int64) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // opens the tab, without a timeout that would close it
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(ctx, 8*time.Minute) // for machines that do much else
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx}
	note := func(text string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.errors = append(b.errors, text)
	}
	if err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			text := e.ExceptionDetails.Text
			if e.ExceptionDetails.Exception != nil {
				text += " " + e.ExceptionDetails.Exception.Description
			}
			note(text)
		case *runtime.EventConsoleAPICalled:
			note(fmt.Sprint("console: ", e.Type))
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{TimeDomain: "threadTicks"}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(width, height))
	return b
}

// do runs steps.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%v; the page says %q", err, b.said())
	}
}

func (b *tab) said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.errors
}

// eval returns the value of an expression in the page, which may be a promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v; the page says %q", expression, err, b.said())
	}
	return v
}

// media emulates a theme of the system.
func (b *tab) theme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// open opens an address and waits until the page is complete.
func (b *tab) open(url string) {
	b.t.Helper()
	b.started = time.Now()
	b.do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("html[data-ready='1']")))
}

// settled waits until all that was asked for is painted.
func (b *tab) settled() { b.t.Helper(); eval[any](b, "sweepReport.settled().then(() => null)") }

// shot writes a screenshot, if the environment names a folder for it.
func (b *tab) shot(name string, whole bool) {
	b.t.Helper()
	dir := os.Getenv("FUSEGRID_SHOTS")
	if dir == "" {
		return
	}
	var png []byte
	var err error
	if whole {
		png, err = chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	} else {
		png, err = chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	}
	if err == nil {
		err = os.WriteFile(dir+"/"+name+".png", png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// A site serves one page and counts what is asked of it.
type site struct {
	*httptest.Server
	mu   sync.Mutex
	asks []string
}

func serve(t testing.TB, page []byte) *site {
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asks = append(s.asks, r.URL.Path)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asks, " ")
}

// evalVoid evaluates an expression for its effect.
func evalVoid(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[any]("void ("+expression+")"))
		return err
	})
}

// heap returns the size of the live objects of the page in MB.
func (b *tab) heap() float64 {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
		b.t.Fatal(err)
	}
	usage, err := chromedp.Call(b.ctx, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		b.t.Fatal(err)
	}
	return usage.UsedSize / 1e6
}

// cpu returns the seconds that the page's main thread has computed. Unlike times on a clock, they do not depend on what
// else the machine does.
func (b *tab) cpu() float64 {
	b.t.Helper()
	all, err := chromedp.Call(b.ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range all.Metrics {
		if m.Name == "TaskDuration" {
			return m.Value
		}
	}
	b.t.Fatal("the browser has no metric TaskDuration")
	return 0
}

func maxOf(all []float64) float64 { return slices.Max(all) }
