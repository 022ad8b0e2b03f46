package main

import (
	"cmp"
	"flag"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"fusegrid/results"
)

// A terminal says how tables are shown.
type terminal struct {
	width int
	color bool
}

// Widths of tables in columns: where nothing is known about the output, and the least.
const (
	usualWidth = 80
	leastWidth = 40
)

// colorFlag adds the flag -color.
func colorFlag(fs *flag.FlagSet, dst *string) { oneOf(fs, "color", dst, "auto", "always", "never") }

// terminalOf describes the output w. The argument color is a value of -color, or "" for auto.
func terminalOf(w io.Writer, color string) terminal {
	width, ok := widthOf(w)
	t := terminal{width: usualWidth}
	if ok {
		t.width = max(width, leastWidth)
	}
	switch cmp.Or(color, "auto") {
	case "always":
		t.color = true
	case "auto":
		t.color = ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return t
}

// widthOf returns the width of a terminal, and reports false if w is none. Writers of tests have a method Width.
func widthOf(w io.Writer) (width int, ok bool) {
	switch w := w.(type) {
	case interface{ Width() int }:
		return w.Width(), true
	case *os.File:
		if !term.IsTerminal(int(w.Fd())) {
			return 0, false
		}
		width, _, err := term.GetSize(int(w.Fd()))
		if err != nil || width <= 0 {
			width = usualWidth // a terminal that does not tell its size
		}
		return width, true
	}
	return 0, false
}

// fold breaks the lines of a text that have more than width columns. The rest of a line is indented. Lines that begin
// with a blank stay as they are, because they are commands to copy, tables or drawings.
func fold(text string, width int) string {
	const indent = "  "
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, end := strings.TrimSuffix(line, "\n"), line[len(strings.TrimSuffix(line, "\n")):]
		for start := 0; utf8.RuneCountInString(line) > width && (start > 0 || !strings.HasPrefix(line, " ")); start = len(indent) {
			at := lastBlank(line, start, width)
			if at < 0 {
				break
			}
			b.WriteString(strings.TrimRight(line[:at], " ") + "\n")
			line = indent + strings.TrimLeft(line[at:], " ")
		}
		b.WriteString(line + end)
	}
	return b.String()
}

// lastBlank returns the index of the last blank of a line after start at which at most width columns end. If there is
// none, it returns that of the first blank, or −1.
func lastBlank(line string, start, width int) int {
	at, columns := -1, utf8.RuneCountInString(line[:start])
	for i, r := range line[start:] {
		if r == ' ' && (columns <= width || at < 0) {
			at = start + i
		}
		columns++
	}
	return at
}

// A messages breaks the lines of messages on a terminal.
type messages struct {
	w     io.Writer
	width int
}

func (m messages) Write(p []byte) (int, error) {
	if _, err := io.WriteString(m.w, fold(string(p), m.width)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// folded returns a writer that breaks long lines if w is a terminal. Elsewhere, each message stays in one line.
func folded(w io.Writer) io.Writer {
	if width, ok := widthOf(w); ok {
		return messages{w, max(width, leastWidth)}
	}
	return w
}

// A markedTable is a table with marks on its rows.
type markedTable interface {
	Len() int
	Mark(row int) results.Mark
}

// graphics are the codes of marks (ECMA-48, SGR): bold, green, faint and red.
var graphics = map[results.Mark]string{
	results.MarkBest: "1", results.MarkTied: "32", results.MarkDiverged: "2", results.MarkFailed: "31",
}

// marked returns the text of a table with its rows in colour. The first line of the text is the head. At most top
// rows follow, or all if top is 0.
func (t terminal) marked(text string, table markedTable, top int) string {
	if !t.color {
		return text
	}
	rows := table.Len()
	if top > 0 {
		rows = min(rows, top)
	}
	lines := strings.SplitAfter(text, "\n")
	for row := range min(rows, len(lines)-1) {
		if code, ok := graphics[table.Mark(row)]; ok {
			line := strings.TrimSuffix(lines[row+1], "\n")
			lines[row+1] = "\x1b[" + code + "m" + line + "\x1b[m\n"
		}
	}
	return strings.Join(lines, "")
}
