package where

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"fusegrid/internal/cli"
)

// A tokenKind is the kind of a token.
type tokenKind int

const (
	end tokenKind = iota
	word
	quoted
	symbol // an operator or a parenthesis
)

// A token is one word, quoted text or symbol of a condition.
type token struct {
	kind tokenKind
	text string // without quotes
	at   int    // index of its first byte
}

// shown returns the token for a message.
func (t token) shown() string {
	if t.kind == end {
		return "the end"
	}
	return fmt.Sprintf("%q", t.text)
}

// symbols lists the symbols. A symbol stands before those that it begins with.
var symbols = []string{"==", "!=", "<=", ">=", "=~", "&&", "||", "<", ">", "!", "(", ")"}

// mistaken maps symbols of other languages to those of conditions.
var mistaken = map[string]string{
	"=": "==", "&": "&&", "|": "||", "~": "=~", "≤": "<=", "≥": ">=", "≠": "!=", "∧": "&&", "∨": "||", "¬": "!",
}

// inWord reports whether a word may have the letter r.
func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.+-/:", r)
}

// next returns the token of text that begins at or after index at.
func next(text string, at int) (token, error) {
	rest := strings.TrimLeftFunc(text[at:], unicode.IsSpace)
	at = len(text) - len(rest)
	if rest == "" {
		return token{kind: end, at: at}, nil
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			return token{symbol, s, at}, nil
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == '"' || r == '\'':
		n := strings.IndexRune(rest[1:], r)
		if n < 0 {
			return token{}, &Error{At: at, Why: fmt.Sprintf("the text has no closing %c", r)}
		}
		return token{quoted, rest[1 : 1+n], at}, nil
	case r != utf8.RuneError && inWord(r):
		n := strings.IndexFunc(rest, func(r rune) bool { return r == utf8.RuneError || !inWord(r) })
		if n < 0 {
			n = len(rest)
		}
		return token{word, rest[:n], at}, nil
	}
	found := rest[:size]
	if s, ok := mistaken[found]; ok {
		return token{}, &Error{At: at, Why: fmt.Sprintf("there is no operator %s; write %s", found, s)}
	}
	return token{}, &Error{At: at, Why: fmt.Sprintf("%q has no meaning here%s; a text with such a character needs quotes", found, cli.PastedNote(found))}
}

// after returns the index after a token.
func (t token) after() int {
	if t.kind == quoted {
		return t.at + len(t.text) + 2
	}
	return t.at + len(t.text)
}
