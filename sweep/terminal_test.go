package main

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
)

// A fakeTerminal is a terminal of a given width.
type fakeTerminal struct {
	bytes.Buffer
	width int
}

func (f *fakeTerminal) Width() int { return f.width }

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestTerminalOf(t *testing.T) {
	for _, c := range []struct {
		name             string
		w                io.Writer
		color, no, style string
		want             terminal
	}{
		{"pipe", new(bytes.Buffer), "", "", "xterm", terminal{80, false}},
		{"pipe in colour", new(bytes.Buffer), "always", "1", "dumb", terminal{80, true}},
		{"terminal", &fakeTerminal{width: 132}, "", "", "xterm", terminal{132, true}},
		{"auto", &fakeTerminal{width: 132}, "auto", "", "", terminal{132, true}},
		{"narrow", &fakeTerminal{width: 9}, "never", "", "xterm", terminal{40, false}},
		{"NO_COLOR", &fakeTerminal{width: 100}, "", "1", "xterm", terminal{100, false}},
		{"dumb", &fakeTerminal{width: 100}, "auto", "", "dumb", terminal{100, false}},
		{"forced", &fakeTerminal{width: 100}, "always", "1", "dumb", terminal{100, true}},
	} {
		t.Setenv("NO_COLOR", c.no)
		t.Setenv("TERM", c.style)
		if got := terminalOf(c.w, c.color); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	f, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := terminalOf(f, ""); got != (terminal{80, false}) {
		t.Errorf("a file: %+v", got)
	}
}

// TestTableOfTerminal shows one table in terminals of several widths. Colours must not change anything else.
func TestTableOfTerminal(t *testing.T) {
	isolate(t)
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	words := "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3 -iters 2 -batch 20,30 -std 1e-2,2e-2 -decay 0.9,0.95 -out o"
	if _, stderr, err := sweepTiny(t.Context(), tinyOptions(t, words)); err != nil {
		t.Fatal(err, stderr)
	}
	rooms := map[int]int{}
	for _, width := range []int{10, 40, 60, 80, 130, 200} {
		shown := map[string]string{}
		for _, color := range []string{"never", "auto"} {
			var screen fakeTerminal
			screen.width = width
			if code := run(t.Context(), strings.Fields("show o -color "+color), &screen, io.Discard); code != exitOK {
				t.Fatalf("exit code %d", code)
			}
			shown[color] = screen.String()
		}
		if got := escapes.ReplaceAllString(shown["auto"], ""); got != shown["never"] || got == shown["auto"] {
			t.Errorf("width %d: in colour\n%q\nwithout\n%q", width, shown["auto"], shown["never"])
		}
		if n := strings.Count(shown["auto"], "\x1b[1m"); n != 1 {
			t.Errorf("width %d: %d rows are bold", width, n)
		}
		for line := range strings.Lines(shown["never"]) {
			if n := utf8.RuneCountInString(line) - 1; n > max(width, 40) {
				t.Errorf("width %d: %d columns: %s", width, n, line)
			}
		}
		_, dropped, _ := strings.Cut(shown["never"], "no room for ")
		rooms[width] = strings.Count(dropped, ",")
	}
	if !(rooms[10] == rooms[40] && rooms[40] > rooms[60] && rooms[60] > rooms[200]) {
		t.Errorf("columns without room, by width: %v", rooms)
	}
	// The tables of a sweep, and of a dry run.
	for _, args := range []string{words, words + " -dry-run"} {
		o := tinyOptions(t, args)
		var wide fakeTerminal
		wide.width = 200
		var said bytes.Buffer
		if err := o.sweep(t.Context(), searchtest.Tiny(), &wide, &said); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(wide.String(), "no room for") || strings.Contains(wide.String(), "\x1b") == o.dryRun {
			t.Errorf("%s:\n%q", args, wide.String())
		}
	}
}

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"short\n":                       "short\n",
		"0123456789":                    "0123456789",
		"01234 6789 abc":                "01234 6789\n  abc",
		"01234 67890 abc\nnext\n":       "01234\n  67890\n  abc\nnext\n",
		"a long_long_long word\n":       "a\n  long_long_long\n  word\n",
		"long_long_long\n":              "long_long_long\n",
		"±±±±± ±±±± ±±±\n":              "±±±±± ±±±±\n  ±±±\n",
		"to resume:\n  sweep -lr 1,2\n": "to resume:\n  sweep -lr 1,2\n",
		"two  blanks  stay\n":           "two\n  blanks\n  stay\n",
	} {
		if got := fold(text, 10); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestMessagesFit checks that a terminal shows messages in lines that fit, and that a pipe gets one line of each.
func TestMessagesFit(t *testing.T) {
	isolate(t)
	words := "-lr 1e-4,1e-3 -hidden 3,4 -batch 30 -seed 1,2 -iters 2 -dry-run -workers 999 -out o"
	var pipe bytes.Buffer
	screens := [2]fakeTerminal{{width: 60}, {width: 60}}
	for _, err := range []io.Writer{&pipe, &screens[1]} {
		if code := run(t.Context(), strings.Fields(words+" -data synthetic"), &screens[0], err); code != exitOK {
			t.Fatalf("exit code %d: %s", code, pipe.String())
		}
		if code := run(t.Context(), strings.Fields("-lr 1,,2"), io.Discard, err); code != exitBadInput {
			t.Fatalf("exit code %d", code)
		}
	}
	if n := strings.Count(pipe.String(), "\n"); n != 2 || !strings.Contains(pipe.String(), "-workers 999: ") {
		t.Errorf("%d lines of messages in a pipe: %s", n, pipe.String())
	}
	for i := range screens {
		text := screens[i].String()
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(line) - 1; n > 60 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		if !strings.Contains(text, "\n  ") {
			t.Errorf("no message has a second line: %s", text)
		}
	}
}

// A marks is a table of marks.
type marks []results.Mark

func (m marks) Len() int                  { return len(m) }
func (m marks) Mark(row int) results.Mark { return m[row] }

func TestMarked(t *testing.T) {
	table := marks{results.MarkBest, results.MarkNone, results.MarkTied, results.MarkDiverged, results.MarkFailed}
	const text = "head\na\nb\nc\nd\ne\nand 0 more\n"
	if got, want := (terminal{80, true}).marked(text, table, 0), "head\n\x1b[1ma\x1b[m\nb\n\x1b[32mc\x1b[m\n\x1b[2md\x1b[m\n\x1b[31me\x1b[m\nand 0 more\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (terminal{80, true}).marked("head\na\nand 4 more\n", table, 1), "head\n\x1b[1ma\x1b[m\nand 4 more\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (terminal{80, false}).marked(text, table, 0); got != text {
		t.Errorf("without colour: %q", got)
	}
	if got := (terminal{80, true}).marked("", table, 0); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
