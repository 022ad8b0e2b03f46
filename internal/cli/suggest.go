// Package cli holds the messages that the commands sweep and bench share: the version, a
// suggestion for a mistyped word, and advice on characters that were pasted instead of typed. It also
// breaks lists into lines.
package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// DidYouMean returns the text ` (did you mean "NAME"?)`, where NAME is the result of [Nearest]. It
// returns "" if Nearest reports false.
func DidYouMean(word string, known []string) string {
	if name, ok := Nearest(word, known); ok {
		return fmt.Sprintf(" (did you mean %q?)", name)
	}
	return ""
}

// Nearest returns the known word that is the fewest edits away from word. An edit inserts, deletes
// or replaces a letter, or swaps two neighbours. Letter case is ignored, and of equally near words
// the first is the result. The number of edits must not exceed one, or a third of the letters of
// word if that is more. If no known word is that near and word has at least three letters, the
// result is the known word that starts with word. Nearest reports false if no known word, or more
// than one, starts with it.
func Nearest(word string, known []string) (name string, ok bool) {
	least := max(len([]rune(word))/3, 1) + 1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least && d < len([]rune(k)) {
			name, ok, least = k, true, d
		}
	}
	if ok || len([]rune(word)) < 3 {
		return name, ok
	}
	for _, k := range known {
		if strings.HasPrefix(strings.ToLower(k), strings.ToLower(word)) {
			if ok {
				return "", false
			}
			name, ok = k, true
		}
	}
	return name, ok
}

// distance returns the optimal string alignment distance of a and b: the Levenshtein distance
// extended by transpositions of neighbours.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last := make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := range s {
		row := make([]int, len(t)+1)
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(t)]
}

// Fold joins words into lines of at most width characters. A longer word gets its own line.
func Fold(words []string, width int) []string {
	var lines []string
	for _, word := range words {
		if last := len(lines) - 1; last >= 0 && utf8.RuneCountInString(lines[last]+" "+word) <= width {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
