// Package cli holds what the commands sweep and bench say alike: their version, the word that a
// mistyped one resembles, and the characters that were pasted in the place of typed ones.
package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// DidYouMean returns the text ` (did you mean "NAME"?)` for the known word that word
// resembles most, or an empty text if it resembles none of them.
func DidYouMean(word string, known []string) string {
	if name, ok := Nearest(word, known); ok {
		return fmt.Sprintf(" (did you mean %q?)", name)
	}
	return ""
}

// Nearest returns the known word with the fewest edits to word: a letter inserted, deleted,
// replaced, or two neighbours swapped. A word more than a third of whose letters would change
// resembles none. Upper and lower case are alike. Among equals, the first known word wins.
func Nearest(word string, known []string) (name string, ok bool) {
	least := max(len([]rune(word))/3, 1) + 1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least && d < len([]rune(k)) {
			name, ok, least = k, true, d
		}
	}
	return name, ok
}

// distance returns the optimal string alignment distance of a and b (Levenshtein's, with
// transpositions of neighbours).
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

// Version returns one line with the command's name, the version of its module or the
// commit that it was built from, and the Go version and platform.
func Version(command string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return version(command, info)
}

func version(command string, info *debug.BuildInfo) string {
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "devel"
		if commit := setting["vcs.revision"]; commit != "" {
			text += fmt.Sprintf(" %.12s", commit)
		}
		if setting["vcs.modified"] == "true" {
			text += " with changes"
		}
	}
	if tags := setting["-tags"]; tags != "" {
		text += ", tags " + tags
	}
	return fmt.Sprintf("%s %s, %s %s/%s", command, text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
