package main

import (
	"os"
	"strings"
)

// quote returns the words of a command as a shell takes them.
func quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%", r)
		}) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// goOn returns the arguments of the command that goes on where the one with args ended: the
// same, but a fresh start is made only once, into the folder out.
func goOn(args []string, fresh bool, out string) []string {
	if !fresh {
		return args
	}
	var rest []string
	for i := 0; i < len(args); i++ {
		name, _, valued := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch {
		case !strings.HasPrefix(args[i], "-") || (name != "fresh" && name != "out"):
			rest = append(rest, args[i])
		case name == "out" && !valued:
			i++
		}
	}
	return append(rest, "-out", out)
}

// commandLine returns what was typed to run this program with the arguments.
func commandLine(args []string) string {
	program := "sweep"
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		program = "go run ./sweep"
	}
	return program + " " + quote(args)
}
