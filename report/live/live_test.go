package live

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fusegrid/report"
	"fusegrid/results"
)

// recordOf returns the record of trial n with the accuracy val.
func recordOf(n int, val float64) results.Record {
	c := results.Config{
		Data: fmt.Sprintf("%064x", 7), Split: [3]int{49000, 1000, 1000}, Pixels: "hwc", Net: "two-layer", Hidden: []int{50}, LR: 1e-4 * float64(1+n), Reg: float64(n % 3), Decay: .95,
		Batch: 200, Iters: 100, Std: 1e-4, DType: "f32", Class: "fma",
	}
	r := results.Record{Key: c.Key(), State: results.Done, Config: c, Steps: 100, DataName: "cifar-10", Impl: "avx2", Ended: time.Unix(int64(n), 0).UTC()}
	r.Accuracy = results.Accuracy{FinalVal: &val, FinalTrain: &val, FinalStep: 100}
	return r
}

// A sweeper writes a journal.
type sweeper struct {
	t    *testing.T
	name string
	*results.Journal
}

func (s *sweeper) open() {
	s.t.Helper()
	f, err := results.OpenFile(s.name)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.Journal, _, _, err = results.NewJournal(f, s.name); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sweeper) record(records ...results.Record) {
	s.t.Helper()
	if err := s.Append(records...); err != nil {
		s.t.Fatal(err)
	}
}

func newSweeper(t *testing.T) *sweeper {
	s := &sweeper{t: t, name: filepath.Join(t.TempDir(), "trials.jsonl")}
	s.open()
	t.Cleanup(func() { s.Close() })
	return s
}

// source returns the study of a journal.
func source(journal string) Source {
	return Source{
		Journal: journal,
		Status:  func() string { return "training" },
		Page: func(_ context.Context, t *results.Table) (*report.Page, error) {
			return &report.Page{Table: t, Folders: []report.Folder{{Name: "out/x"}}, Implied: map[string]string{"rule": "sgd"}, Version: "sweep test"}, nil
		},
	}
}

// serve serves a source and returns its address without the slash.
func serve(t *testing.T, g Guard, source Source) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- New(source).Serve(ctx, l, g) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// A watcher reads a stream of events, as a browser does.
type watcher struct {
	t    *testing.T
	body io.ReadCloser
	r    *bufio.Reader
	last string // id of the last event
}

func watch(t *testing.T, url, after, last string) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events?after="+after, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("the stream has status %s and type %s", res.Status, kind)
	}
	return &watcher{t: t, body: res.Body, r: bufio.NewReader(res.Body), last: after}
}

// next returns the data of the next event of a kind.
func (w *watcher) next(kind string) string {
	w.t.Helper()
	name, id, data := "", "", ""
	for {
		line, err := w.r.ReadString('\n')
		if err != nil {
			w.t.Fatalf("no event %s: %v", kind, err)
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && name == kind:
			if id != "" {
				w.last = id
			}
			return data
		case line == "":
			name, id, data = "", "", ""
		case field == "event":
			name = value
		case field == "id":
			id = value
		case field == "data":
			data = value
		}
	}
}

// A copied is what a page has of a study.
type copied struct{ keys []string }

// apply applies an event.
func (c *copied) apply(t *testing.T, data string) {
	t.Helper()
	var u struct {
		Columns []string
		Keys    []string
		Cells   [][]any
		At      []int
		Again   []bool
		Total   int
	}
	if err := json.Unmarshal([]byte(data), &u); err != nil {
		t.Fatal(err)
	}
	for i, key := range u.Keys {
		if u.Again[i] != slices.Contains(c.keys, key) {
			t.Errorf("again is %t for a trial that the page has or not", u.Again[i])
		}
		c.keys = slices.DeleteFunc(c.keys, func(k string) bool { return k == key })
	}
	for i, key := range u.Keys {
		c.keys = slices.Insert(c.keys, u.At[i], key)
	}
	if len(c.keys) != u.Total || len(u.Cells) != len(u.Keys) || len(u.Cells[0]) != len(u.Columns) {
		t.Errorf("the page has %d trials, want %d; %d cells of %d columns", len(c.keys), u.Total, len(u.Cells[0]), len(u.Columns))
	}
}

// follow applies events until the watcher has the state after n entries.
func (c *copied) follow(w *watcher, n int) {
	w.t.Helper()
	for !strings.HasPrefix(w.last, fmt.Sprint(n, "-")) {
		c.apply(w.t, w.next("rows"))
	}
}

// ranked returns the keys of the latest records in the order of results.Rank.
func ranked(records []results.Record) (keys []string) {
	latest := map[string]results.Record{}
	for _, r := range records {
		latest[r.Key] = r
	}
	var all []results.Record
	for _, r := range latest {
		all = append(all, r)
	}
	results.Rank(all)
	for _, r := range all {
		keys = append(keys, r.Key)
	}
	return keys
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// pageOf returns the keys of the page and the state that it has.
func pageOf(t *testing.T, url string) (c *copied, after string) {
	t.Helper()
	status, body := get(t, url+"/")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	d, err := report.Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	c = &copied{}
	c.keys = append(c.keys, d.Column("key").Texts...)
	_, rest, _ := strings.Cut(body, `id="livedata">`)
	text, _, _ := strings.Cut(rest, "</script>")
	var l report.Live
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	return c, l.After
}

// whole replaces the beginnings of keys by the keys.
func (c *copied) whole(records []results.Record) {
	for i, prefix := range c.keys {
		for _, r := range records {
			if strings.HasPrefix(r.Key, prefix) {
				c.keys[i] = r.Key
			}
		}
	}
}

// TestWatch follows a journal with two watchers, of which one connects again and again. Trials are recorded, some of
// them again; the journal is damaged, mended and replaced; and another server takes the place of the first. Each page
// must have each trial once, in the order of their rank.
func TestWatch(t *testing.T) {
	s := newSweeper(t)
	rng := rand.New(rand.NewPCG(1, 2))
	var all []results.Record
	entries := 0
	record := func(n int) {
		entries += n
		var some []results.Record
		for range n {
			r := recordOf(len(all)+len(some), float64(rng.IntN(500))/1000)
			if rng.IntN(4) == 0 && len(all) > 0 { // a trial that was on record
				r = all[rng.IntN(len(all))]
				r.Ended = r.Ended.Add(time.Hour)
				r.Accuracy.FinalVal = new(float64(rng.IntN(500)) / 1000)
			}
			some = append(some, r)
		}
		s.record(some...)
		all = append(all, some...)
	}
	record(5)
	url := serve(t, Guard{}, source(s.name))
	steady, after := pageOf(t, url)
	steady.whole(all)
	moving := &copied{slices.Clone(steady.keys)}
	first := watch(t, url, after, "")
	last := after
	check := func(name string, c *copied) {
		t.Helper()
		if want := ranked(all); !slices.Equal(c.keys, want) {
			t.Fatalf("%s has %d trials, want %d in another order", name, len(c.keys), len(want))
		}
	}
	for round := range 6 {
		if round == 3 { // another process serves the same journal
			url = serve(t, Guard{}, source(s.name))
		}
		record(1 + rng.IntN(8))
		second := watch(t, url, after, last) // the address has the state of the page; the browser sends a later one
		second.last = last
		moving.follow(second, entries)
		check("the watcher that connects again", moving)
		second.body.Close()
		last = second.last
		steady.follow(first, entries)
		check("the other watcher", steady)
	}
	if first.last != last {
		t.Errorf("the states are %s and %s", first.last, last)
	}
	// A killed sweep leaves a torn line, which the next one cuts off.
	s.Close()
	f, err := os.OpenFile(s.name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"sum":"12345678","tri`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	time.Sleep(2 * lookEvery)
	s.open()
	record(3)
	steady.follow(first, entries)
	check("after a kill", steady)
	// Another sweep has started in the same folder.
	s.Close()
	if err := os.Remove(s.name); err != nil {
		t.Fatal(err)
	}
	all = nil
	s.open()
	record(2)
	first.next("reload")
	watch(t, url, last, last).next("reload")
	watch(t, url, "nonsense", "").next("reload")
	if c, _ := pageOf(t, url); len(c.keys) != 2 {
		t.Errorf("the new page has %d trials", len(c.keys))
	}
}

// TestEmpty watches a folder without trials, and without a journal.
func TestEmpty(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trials.jsonl")
	url := serve(t, Guard{}, source(name))
	status, body := get(t, url+"/")
	if status != http.StatusOK || !strings.Contains(body, "No trial has ended yet") || !strings.Contains(body, `"after":"0"`) {
		t.Fatalf("status %d, %s", status, body)
	}
	w := watch(t, url, "0", "")
	if text := w.next("status"); text != `"training"` {
		t.Errorf("the status is %s", text)
	}
	s := &sweeper{t: t, name: name}
	s.open()
	defer s.Close()
	s.record(recordOf(1, .5))
	w.next("reload")
	if status, body := get(t, url+"/curves?trial=1234"); status != http.StatusOK || body != "[null]\n" {
		t.Errorf("curves: status %d, %s", status, body)
	}
	for path, want := range map[string]int{"/other": 404, "/curves": 400, "/curves?trial=" + strings.Repeat("a&trial=", 30): 400} {
		if status, body := get(t, url+path); status != want || strings.Count(body, "\n") != 1 {
			t.Errorf("%s: status %d, %q, want %d and a line", path, status, body, want)
		}
	}
	if err := os.Remove(name); err != nil { // what is in the place of a file is another file
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("<html>"+strings.Repeat("x", 5000)+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, url+"/"); status != 500 || !strings.Contains(body, "not a journal") || strings.Count(body, "\n") != 1 {
		t.Errorf("no journal: status %d, %.200q", status, body)
	}
}

// TestCards checks that the cards follow the trials, and that the shape of the page changes with its axes.
func TestCards(t *testing.T) {
	s := newSweeper(t)
	s.record(recordOf(1, .5), recordOf(2, .4))
	url := serve(t, Guard{}, source(s.name))
	_, after := pageOf(t, url)
	w := watch(t, url, after, "")
	type cards struct{ Shape, HTML string }
	next := func() (c cards) {
		if err := json.Unmarshal([]byte(w.next("cards")), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	a := next()
	s.record(recordOf(4, .75))
	b := next()
	r := recordOf(5, .25)
	r.Config.Hidden = []int{100}
	r.Key = r.Config.Key()
	s.record(r)
	c := next()
	if !strings.Contains(a.HTML, `<p class="hero">0.5000`) || !strings.Contains(b.HTML, `<p class="hero">0.7500`) || a.Shape != b.Shape || c.Shape == b.Shape {
		t.Errorf("the shapes are %s, %s and %s", a.Shape, b.Shape, c.Shape)
	}
}

// TestNoTests checks that no page and no event has test accuracies. The best trial at a time would show its own.
func TestNoTests(t *testing.T) {
	s := newSweeper(t)
	tested := func(n int, val float64) results.Record {
		r := recordOf(n, val)
		r.Accuracy.Test = new(.123456)
		return r
	}
	s.record(tested(1, .5))
	url := serve(t, Guard{}, source(s.name))
	_, body := get(t, url+"/")
	d, err := report.Read([]byte(body))
	if err != nil || d.Column("test") != nil {
		t.Errorf("the page has the test accuracies %+v: %v", d.Column("test"), err)
	}
	_, after := pageOf(t, url)
	w := watch(t, url, after, "")
	s.record(tested(2, .6))
	if rows := w.next("rows"); strings.Contains(rows, `"test"`) || strings.Contains(rows, "0.123456") {
		t.Errorf("the event has a test accuracy: %s", rows)
	}
}

// write writes the events that a new watcher with the state after gets at once.
func (s *Server) write(t *testing.T, after string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRecorder()
	s.stream(ctx, &stream{w: r, control: http.NewResponseController(r)}, after)
	return r.Body.String()
}

// TestOldCards checks that no watcher gets cards that are older than its trials.
func TestOldCards(t *testing.T) {
	j := newSweeper(t)
	s := New(source(j.name))
	look := func() string {
		t.Helper()
		if err := s.Look(); err != nil {
			t.Fatal(err)
		}
		return s.id()
	}
	j.record(recordOf(1, .5), recordOf(2, .4))
	old := look()
	s.cards(t.Context())
	if got := s.write(t, old); !strings.Contains(got, "event: cards") {
		t.Errorf("a watcher of the state of the cards gets %.300q", got)
	}
	j.record(recordOf(3, .6))
	now := look()
	for _, after := range []string{old, now} {
		if got := s.write(t, after); strings.Contains(got, "event: cards") || strings.Contains(got, "event: rows") != (after == old) {
			t.Errorf("a watcher of the state %s gets %.300q", after, got)
		}
	}
	s.cards(t.Context())
	if got := s.write(t, now); !strings.Contains(got, "event: cards") {
		t.Errorf("a watcher of the state of the new cards gets %.300q", got)
	}
}

// TestMoreThanPage checks that an event says how many trials a study has if they are more than a page may have.
func TestMoreThanPage(t *testing.T) {
	j := newSweeper(t)
	r := recordOf(1, .5)
	data, err := New(source(j.name)).rows(t.Context(), change{after: "1-1", id: "2-2", records: []*results.Record{&r}, at: []int{0}, again: []bool{false}, total: report.MostTrials + 1})
	if err != nil || !strings.Contains(data, `"keys":[],"cells":[],"at":[],"again":[],"total":500001`) {
		t.Errorf("the event is %s: %v", data, err)
	}
}

// TestGuard sends requests that must be refused, and checks the headers of all answers.
func TestGuard(t *testing.T) {
	s := newSweeper(t)
	s.record(recordOf(1, .5))
	const token = "a-secret-of-many-letters"
	open, locked := serve(t, Guard{}, source(s.name)), serve(t, Guard{Token: token}, source(s.name))
	port := func(url string) string { return url[strings.LastIndex(url, ":")+1:] }
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, url string, headers ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequest(method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			if headers[i] == "Host" {
				req.Host = headers[i+1]
			} else {
				req.Header.Set(headers[i], headers[i+1])
			}
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s %s: the policy is %q", method, url, policy)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", method, url, name, got, want)
			}
		}
		if res.StatusCode >= 400 && method != http.MethodHead && (strings.Count(string(body), "\n") != 1 || !strings.HasPrefix(string(body), "sweep: ")) {
			t.Errorf("%s %s: the answer is %q, want one line", method, url, body)
		}
		return res
	}
	for i, c := range []struct {
		url     string
		headers []string
		want    int
	}{
		{open, nil, 200},
		{open, []string{"Host", "localhost:" + port(open)}, 200},
		{open, []string{"Host", "LOCALHOST.:" + port(open)}, 200},
		{open, []string{"Host", "[::1]:" + port(open)}, 200},
		{open, []string{"Host", "127.0.0.1:1"}, 421},
		{open, []string{"Host", "127.0.0.1"}, 421},
		{open, []string{"Host", "evil.example:" + port(open)}, 421},
		{open, []string{"Host", "localhost.evil.example:" + port(open)}, 421},
		{open, []string{"Host", "192.0.2.7:" + port(open)}, 421},
		{open, []string{"Host", "<script>"}, 421},
		{open, []string{"Origin", open}, 200},
		{open, []string{"Origin", "http://evil.example"}, 403},
		{open, []string{"Origin", "https://127.0.0.1:" + port(open)}, 403},
		{open, []string{"Origin", "null"}, 403},
		{open, []string{"Origin", open + "/x"}, 403},
		{open, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 403},
		{open, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403},
		{open, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{open, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{locked, nil, 401},
		{locked, []string{"Cookie", "sweep-watch-" + port(locked) + "=" + token}, 401},
		{locked, []string{"Cookie", "sweep-watch-" + port(locked) + "="}, 401},
		{locked + "/?token=", nil, 403},
		{locked + "/?token=" + token[1:], nil, 403},
		{locked + "/?token=" + token, []string{"Host", "evil.example:" + port(locked)}, 421},
		{locked + "/events", nil, 401},
		{locked + "/curves?trial=aaaa", nil, 401},
	} {
		if res := ask(http.MethodGet, c.url, c.headers...); res.StatusCode != c.want {
			t.Errorf("%d: %s %v: status %d, want %d", i, c.url, c.headers, res.StatusCode, c.want)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
		if res := ask(method, open); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d", method, res.StatusCode)
		}
	}
	if res := ask(http.MethodHead, open+"/events"); res.StatusCode != 200 {
		t.Errorf("HEAD: status %d", res.StatusCode)
	}
	res := ask(http.MethodGet, locked+"/?token="+token)
	cookie := res.Header.Get("Set-Cookie")
	if res.StatusCode != 303 || res.Header.Get("Location") != "/" || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") || strings.Contains(cookie, token) {
		t.Errorf("status %d, location %s, cookie %q", res.StatusCode, res.Header.Get("Location"), cookie)
	}
	value, _, _ := strings.Cut(cookie, ";")
	if res := ask(http.MethodGet, locked, "Cookie", value); res.StatusCode != 200 {
		t.Errorf("with the cookie: status %d", res.StatusCode)
	}
	if res := ask(http.MethodGet, locked, "Cookie", value[:len(value)-1]); res.StatusCode != 401 {
		t.Errorf("with a wrong cookie: status %d", res.StatusCode)
	}
}

// TestMostWatchers checks that further watchers are refused, and that one may take the place of another.
func TestMostWatchers(t *testing.T) {
	s := newSweeper(t)
	s.record(recordOf(1, .5))
	url := serve(t, Guard{}, source(s.name))
	_, after := pageOf(t, url)
	var all []*watcher
	for range mostWatch {
		all = append(all, watch(t, url, after, ""))
	}
	if status, body := get(t, url+"/events?after="+after); status != 503 || strings.Count(body, "\n") != 1 {
		t.Errorf("status %d, %q", status, body)
	}
	all[0].body.Close()
	for range 100 {
		if status := func() int {
			res, err := http.Get(url + "/events?after=" + after)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			return res.StatusCode
		}(); status == 200 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("no further watcher is let in")
}
