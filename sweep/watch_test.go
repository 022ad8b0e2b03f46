package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/report"
	"fusegrid/search/folder"
)

// A process is a command that runs, with the address that it printed.
type process struct {
	url  string
	stop context.CancelFunc
	done chan int // has the exit code at the end
}

// beginAt runs a command until it prints an address.
func beginAt(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &process{stop: cancel, done: make(chan int, 1)}
	go func() {
		p.done <- run(ctx, args, io.Discard, w)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	var said []string
	for p.url == "" && lines.Scan() {
		said = append(said, lines.Text())
		p.url = regexp.MustCompile(`http://\S+`).FindString(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	t.Cleanup(cancel)
	if p.url == "" {
		t.Fatalf("%q printed %q", args, said)
	}
	return p
}

// end ends the command, and returns its exit code.
func (p *process) end() int {
	p.stop()
	code := <-p.done
	p.done <- code
	return code
}

// pageAt returns the data of a page.
func pageAt(t *testing.T, client *http.Client, url string) (int, *report.Data) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, nil
	}
	data, err := report.Read(text)
	if err != nil && !strings.Contains(string(text), "No trial has ended yet") {
		t.Fatal(err)
	}
	return res.StatusCode, data
}

// TestWatchPage serves the page of a folder, and that of a sweep while it trains.
func TestWatchPage(t *testing.T) {
	isolate(t)
	sweep := beginAt(t, tiny("-out", "o", "-lr", "log:1e-4..1e-2:6", "-keep", "1", "-watch", "127.0.0.1:0")...)
	pageAt(t, http.DefaultClient, sweep.url) // with few trials, or with none
	if code := <-sweep.done; code != exitOK {
		t.Fatalf("the sweep has exit code %d", code)
	}
	w := beginAt(t, "watch", "-addr", "127.0.0.1:0", "o")
	if _, data := pageAt(t, http.DefaultClient, w.url); data.Rows != 12 || data.Curves != nil || len(data.Nets) != 1 {
		t.Errorf("the page has %d trials, %d curves and pictures of %d nets", data.Rows, len(data.Curves), len(data.Nets))
	}
	key := searchtest.Recorded(t, "o")[3].Key
	res, err := http.Get(w.url + "curves?trial=" + key[:16])
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.HasPrefix(string(text), `[{"steps":[`) || !strings.Contains(string(text), `"lossSteps":[1,2]`) {
		t.Errorf("the curve is %.200s", text)
	}
	// Another sweep adds trials.
	if _, stderr, code := call(t, tiny("-out", "o", "-lr", "0.1")...); code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	if _, data := pageAt(t, http.DefaultClient, w.url); data.Rows != 14 {
		t.Errorf("the page has %d trials, want 14", data.Rows)
	}
	if code := w.end(); code != exitOK {
		t.Errorf("watch has exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join("o", "report.html")); err == nil {
		t.Error("watch wrote a file")
	}
}

// TestWatchFaults reads a folder in which a file of weights and the status are incomplete for a time.
func TestWatchFaults(t *testing.T) {
	isolate(t)
	if _, stderr, code := call(t, tiny("-out", "o", "-lr", "1e-3", "-keep", "1")...); code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	names, err := filepath.Glob(filepath.Join("o", folder.WeightsDir, "*"+weightsEnd))
	if err != nil || len(names) != 1 {
		t.Fatalf("%d files of weights: %v", len(names), err)
	}
	table, err := readTable([]string{"o"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s := sourceOf("o", dataChoice{})
	pictures := func() (n int) {
		t.Helper()
		p, err := s.page(t.Context(), table.Table)
		if err != nil {
			t.Fatal(err)
		}
		for row := range table.Len() {
			if net, err := p.Net(0, table.Record(row)); err != nil {
				t.Fatal(err)
			} else if net != nil {
				n++
			}
		}
		return n
	}
	text, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{len(text) / 2, len(text), 0} {
		if err := os.WriteFile(names[0], text[:size], 0o666); err != nil {
			t.Fatal(err)
		}
		want := 1
		if size < len(text) && size > 0 {
			want = 0
		}
		if n := pictures(); n != want { // a picture that was drawn is kept
			t.Errorf("with %d of %d bytes, the page has %d pictures", size, len(text), n)
		}
	}
	status := filepath.Join("o", folder.StatusName)
	if err := os.WriteFile(status, []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := s.status(); !strings.HasPrefix(got, "the state of the sweep is not known: "+status+": ") || strings.Contains(got, "\n") {
		t.Errorf("the status is %q", got)
	}
}

// TestWatchToken watches with a token.
func TestWatchToken(t *testing.T) {
	isolate(t)
	if _, stderr, code := call(t, tiny("-out", "o", "-lr", "1e-3")...); code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	const token = "abcdefghijklmnop-1"
	w := beginAt(t, "watch", "-addr", "0.0.0.0:0", "-token", token, "o")
	defer w.end()
	m := regexp.MustCompile(`^http://[^/]+:(\d+)/\?token=(.*)$`).FindStringSubmatch(w.url)
	if m == nil || m[2] != token {
		t.Fatalf("the address is %s", w.url)
	}
	here := "http://127.0.0.1:" + m[1]
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	for i, c := range []struct {
		url  string
		want int
	}{{"/", 401}, {"/?token=" + token[1:], 403}, {"/", 401}, {"/?token=" + token, 200}, {"/", 200}} {
		if status, _ := pageAt(t, client, here+c.url); status != c.want {
			t.Errorf("%d: %s has status %d, want %d", i, c.url, status, c.want)
		}
	}
}

// TestWatchRefuses checks that each fault is one line before anything is served.
func TestWatchRefuses(t *testing.T) {
	isolate(t)
	if _, stderr, code := call(t, tiny("-out", "o", "-lr", "1e-3")...); code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := os.Mkdir("bad", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("bad", folder.JournalName), []byte("no journal\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		fmt.Sprintf("watch -addr %s o", taken.Addr()):          fmt.Sprintf("sweep: -addr %s: another program uses the port; give another one, or 0 for one that is free\n", taken.Addr()),
		"watch -addr :0 o":                                     "sweep: -addr :0: other machines can connect there, so give a secret, such as -token ",
		"watch -addr 0.0.0.0:0 o":                              "sweep: -addr 0.0.0.0:0: other machines can connect there, so give a secret, such as -token ",
		"watch -addr [::]:0 o":                                 "sweep: -addr [::]:0: other machines can connect there, so give a secret, such as -token ",
		"watch -token short o":                                 "sweep: -token: give at least 16 letters, digits, hyphens, dots, tildes and underscores, such as ",
		"watch -token abcdefghijklmnopqr/ o":                   "sweep: -token: give at least 16 letters, digits, hyphens, dots, tildes and underscores, such as ",
		"watch -addr 8080 o":                                   "sweep: -addr \"8080\": give an address with a port, such as 127.0.0.1:8080, or 127.0.0.1:0 for a port that is free\n",
		"watch -addr 127.0.0.1:70000 o":                        "sweep: -addr 127.0.0.1:70000: ",
		"watch -addr 127.0.0.1:0 nowhere":                      "sweep: nowhere: there is no such folder; give the folder of a sweep\n",
		"watch -addr 127.0.0.1:0 o bad":                        "sweep: watch shows one folder, not 2; give one of them\n",
		"watch -addr 127.0.0.1:0 bad":                          "sweep: " + filepath.Join("bad", folder.JournalName) + ": not a journal of trials",
		"-watch 0.0.0.0:0 -data synthetic":                     "sweep: -watch 0.0.0.0:0: other machines can connect there, so give a secret, such as -token ",
		"-token abcdefghijklmnopqr -data synthetic":            "sweep: -token is for -watch; give -watch ADDR, too\n",
		fmt.Sprintf("-watch %s -data synthetic", taken.Addr()): fmt.Sprintf("sweep: -watch %s: another program uses the port; give another one, or 0 for one that is free\n", taken.Addr()),
	} {
		stdout, stderr, code := call(t, strings.Fields(args)...)
		lines := strings.SplitAfter(strings.TrimSuffix(stderr, "\n"), "\n")
		if code != exitBadInput || stdout != "" || !strings.HasPrefix(lines[len(lines)-1]+"\n", want) || len(lines) > 1 && !strings.HasPrefix(args, "-watch") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", args, code, stdout, stderr, want)
		}
	}
}

// TestWatchResumes checks that the command that resumes a sweep does not have the token.
func TestWatchResumes(t *testing.T) {
	isolate(t)
	const token = "abcdefghijklmnop-1"
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	_, stderr, code := callContext(t, ctx, "-data", "synthetic", "-impl", "reference", "-quiet", "-hidden", "2", "-iters", "1000000", "-out", "o", "-watch", "127.0.0.1:0", "-token", token)
	_, resume, ok := strings.Cut(stderr, "To resume:\n")
	if code != exitInterrupted || !ok || strings.Contains(resume, token) || !strings.Contains(resume, "-watch 127.0.0.1:0") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}
