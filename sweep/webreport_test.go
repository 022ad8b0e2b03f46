package main

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/report"
	"fusegrid/search/folder"
)

// reportOf returns the page that sweep report writes.
func reportOf(t *testing.T, args ...string) (text string, data *report.Data) {
	t.Helper()
	stdout, stderr, code := call(t, append([]string{"report"}, args...)...)
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "open it in a browser") {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	b, err := os.ReadFile("report.html")
	if err != nil {
		t.Fatal(err)
	}
	if data, err = report.Read(b); err != nil {
		t.Fatal(err)
	}
	return string(b), data
}

// commandsIn returns the commands that a page offers.
func commandsIn(text string) (all []string) {
	for _, m := range regexp.MustCompile(`<pre[^>]*>([^<]*)</pre>`).FindAllStringSubmatch(text, -1) {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

// TestReport writes the page of a sweep, and runs its commands as they stand.
func TestReport(t *testing.T) {
	searchtest.Long(t) // it trains on the synthetic set
	isolate(t)
	args := small("-out", "o p", "-seed", "1..3", "-keep", "1")
	args[slices.Index(args, "-lr")+1] = "1e-6,1e-2" // one is clearly better, so values near it are worth a try
	if _, stderr, code := call(t, args...); code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	text, data := reportOf(t, "o p")
	records := searchtest.Recorded(t, "o p")
	if data.Rows != len(records) || len(data.Curves) != data.Rows || len(data.Curves[0].Loss) != 60 {
		t.Errorf("%d rows and %d curves of %d trials", data.Rows, len(data.Curves), len(records))
	}
	if len(data.Nets) != 3 || !strings.Contains(text, `"confusion"`) || !strings.Contains(text, `"png"`) {
		t.Errorf("the page has pictures of %d nets, want those of 3 seeds", len(data.Nets))
	}
	commands := commandsIn(text)
	if len(commands) != 2 {
		t.Fatalf("the page has the commands %q, want two", commands)
	}
	seeds := func(c string) bool { return strings.Contains(c, " -seed 4..8 ") }
	if !seeds(commands[0]) || seeds(commands[1]) {
		t.Errorf("only the first command must have fresh seeds: %q", commands)
	}
	for _, c := range commands {
		words := unquote(c)
		if i := slices.Index(words, "sweep"); i >= 0 {
			words = words[i+1:]
		} else {
			words = words[slices.Index(words, "./sweep")+1:]
		}
		before := len(searchtest.Recorded(t, "o p"))
		if _, stderr, code := call(t, append(words, "-quiet")...); code != exitOK {
			t.Fatalf("%s: exit code %d, stderr %q", c, code, stderr)
		}
		if after := len(searchtest.Recorded(t, "o p")); after <= before || (after-before)%3 != 0 && (after-before)%5 != 0 {
			t.Errorf("%s: %d new trials", c, after-before)
		}
	}
	// A page is replaced.
	if _, again := reportOf(t, "o p"); again.Rows != len(searchtest.Recorded(t, "o p")) {
		t.Errorf("the second page has %d rows", again.Rows)
	}
}

// tiny returns the arguments of a sweep of two trials, which takes no time.
func tiny(more ...string) []string {
	return append([]string{"-data", "synthetic", "-impl", "reference", "-quiet", "-hidden", "2", "-iters", "2", "-batch", "5", "-reg", "0,0.5"}, more...)
}

// TestReportFolders writes one page of two folders without curves.
func TestReportFolders(t *testing.T) {
	isolate(t)
	for _, dir := range []string{"a", "b"} {
		if _, stderr, code := call(t, tiny("-out", dir, "-curves", "off", "-lr", map[string]string{"a": "1e-3", "b": "2e-3"}[dir])...); code != exitOK {
			t.Fatalf("exit code %d, stderr %q", code, stderr)
		}
	}
	text, data := reportOf(t, "a", filepath.Join("b", folder.JournalName))
	if c := data.Column("out"); c == nil || !slices.Contains(c.Texts, "a") || !slices.Contains(c.Texts, filepath.Join("b", folder.JournalName)) {
		t.Errorf("the column out is %+v", c)
	}
	if data.Curves != nil || !strings.Contains(text, "Folders side by side") {
		t.Error("the page has curves, or does not compare the folders")
	}
}

// TestReportRefuses checks that no file is lost, and that folders without trials have no page.
func TestReportRefuses(t *testing.T) {
	isolate(t)
	if _, stderr, code := call(t, tiny("-out", "o", "-lr", "1e-3")...); code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for name, text := range map[string]string{"notes.html": "<!doctype html><p>mine", "empty": "", filepath.Join("new", folder.JournalName): ""} {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"-o notes.html o":            "-o notes.html: it exists and is no page of sweep report; replace it with -force, or name another file",
		"-o empty o":                 "-o empty: it exists and is no page of sweep report; replace it with -force, or name another file",
		"-o o/trials.jsonl o":        "-o o/trials.jsonl: it is a file of a sweep; name another file",
		"-o o/trials.jsonl -force o": "-o o/trials.jsonl: it is a file of a sweep; name another file",
		"new":                        "new has no trial on record yet",
		"o o":                        "o and o are the same sweep; name each once",
		"notes.html":                 "notes.html",
	} {
		stdout, stderr, code := call(t, append([]string{"report"}, strings.Fields(args)...)...)
		if code != exitBadInput || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") > 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", args, code, stdout, stderr, want)
		}
	}
	if text, err := os.ReadFile("notes.html"); err != nil || string(text) != "<!doctype html><p>mine" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if _, stderr, code := call(t, "report", "-o", "notes.html", "-force", "o"); code != exitOK {
		t.Errorf("-force: exit code %d, stderr %q", code, stderr)
	}
}

func TestUnquote(t *testing.T) {
	for _, words := range [][]string{{"sweep", "-data", "a b", "-out", "it's"}, {"", "'", "-lr", "1e-3,2"}, {`a\b`}} {
		if got := unquote(quote(words)); !slices.Equal(got, words) {
			t.Errorf("%q, want %q", got, words)
		}
	}
}
