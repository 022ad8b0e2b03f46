package main

import (
	"flag"
	"strings"
)

// The usage of a flag has only the kind of its values in backquotes, because the help texts have the rest. The kind is
// a list, a file, a folder, or the words that are values or, with a colon at the end, beginnings of values.

// wordsUsage returns the usage of a flag that takes words.
func wordsUsage(words []string) string { return "`" + strings.Join(words, "|") + "`" }

// kindOf returns the kind of the values of a flag.
func kindOf(f *flag.Flag) string {
	kind, _ := flag.UnquoteUsage(f)
	return kind
}

// wordsOf returns the words that a flag takes, or nil.
func wordsOf(f *flag.Flag) []string {
	if kind := kindOf(f); strings.Contains(kind, "|") {
		return strings.Split(kind, "|")
	}
	return nil
}
