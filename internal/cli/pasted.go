package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// pasted lists the characters that web pages and word processors substitute for typed
// characters, with their names and the typed characters.
var pasted = map[rune]struct{ name, typed string }{
	'‐': {"a typographic hyphen", "-"},
	'‑': {"a non-breaking hyphen", "-"},
	'‒': {"a figure dash", "-"},
	'–': {"an en dash", "-"},
	'—': {"an em dash", "-"},
	'―': {"a horizontal bar", "-"},
	'−': {"a minus sign", "-"},
	'﹣': {"a small hyphen", "-"},
	'－': {"a fullwidth hyphen", "-"},
	'“': {"a typographic quotation mark", ""},
	'”': {"a typographic quotation mark", ""},
	'„': {"a typographic quotation mark", ""},
	'‟': {"a typographic quotation mark", ""},
	'«': {"a typographic quotation mark", ""},
	'»': {"a typographic quotation mark", ""},
	'‘': {"a typographic quotation mark", ""},
	'’': {"a typographic quotation mark", ""},
	'‚': {"a typographic quotation mark", ""},
	'…': {"an ellipsis", ".."},
	'×': {"a multiplication sign", "x"},
	'，': {"a fullwidth comma", ","},
	'：': {"a fullwidth colon", ":"},

	'\u00a0': {"a no-break space", ""},
	'\u202f': {"a narrow no-break space", ""},
	'\u200b': {"a zero-width space", ""},
	'\ufeff': {"a byte-order mark", ""},
}

// Pasted returns advice such as "has an en dash, U+2013; type -lr" about the first
// substituted character of word. It returns "" if word has no such character.
func Pasted(word string) string {
	for _, r := range word {
		if p, ok := pasted[r]; ok {
			text := fmt.Sprintf("has %s, U+%04X", p.name, r)
			if t := typed(word); t != "" {
				text += "; type " + t
			}
			return text
		}
	}
	return ""
}

// PastedArgument is like [Pasted] for a word of a command line, but ignores characters that may
// belong to a file name. It returns "" unless the word, or the value after its equals sign, has
// a substituted character in one of these places:
//   - a dash at its start
//   - a quotation mark or a space at its start or end
func PastedArgument(word string) string {
	name, value, _ := strings.Cut(word, "=")
	for _, part := range []string{name, value} {
		first, n := utf8.DecodeRuneInString(part)
		last, _ := utf8.DecodeLastRuneInString(part)
		p, begins := pasted[first]
		q, ends := pasted[last]
		if n > 0 && (begins && (p.typed == "-" || p.typed == "") || ends && q.typed == "") {
			return Pasted(word)
		}
	}
	return ""
}

// typed returns word with each substituted character replaced by the typed characters.
func typed(word string) string {
	var b strings.Builder
	for _, r := range word {
		if p, ok := pasted[r]; ok {
			b.WriteString(p.typed)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// PastedNote returns what [Pasted] says of word, in brackets after a space.
func PastedNote(word string) string {
	if advice := Pasted(word); advice != "" {
		return " (it " + advice + ")"
	}
	return ""
}
