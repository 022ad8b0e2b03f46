package where

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Error says why a condition cannot be parsed.
type Error struct {
	Text   string // the condition
	At     int    // index of the byte where the error was found
	Why    string // one line
	Column string // the name of a column that does not exist, or ""
}

// Error returns the reason, the condition, and a caret below the place of the error, on three lines. Of a
// long condition, it shows the part around that place.
func (e *Error) Error() string {
	before, after := printable(e.Text[:e.At]), printable(e.Text[e.At:])
	const room, ahead = 70, 50
	if n := len(before) - ahead; n > 0 && len(before)+len(after) > room {
		before = append([]rune("… "), before[n+2:]...)
	}
	if n := room - len(before); len(after) > n {
		after = append(after[:n-2:n-2], []rune(" …")...)
	}
	return e.Why + "\n  " + strings.TrimRight(string(before)+string(after), " ") + "\n  " + strings.Repeat(" ", len(before)) + "^"
}

// printable returns the characters of a text, with a blank for each that a terminal would not show in one
// column.
func printable(text string) []rune {
	runes := make([]rune, 0, utf8.RuneCountInString(text))
	for _, r := range text {
		switch {
		case !unicode.IsPrint(r) && unicode.IsSpace(r):
			r = ' '
		case !unicode.IsPrint(r), unicode.Is(unicode.Mn, r):
			r = utf8.RuneError
		}
		runes = append(runes, r)
	}
	return runes
}
