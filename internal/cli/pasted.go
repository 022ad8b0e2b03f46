package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// pasted holds the characters that web pages and word processors put in the place of those
// that one types, with their names and what they stand for.
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

// Pasted returns a text such as "it has an en dash, U+2013; type -lr" about the first character
// of word that stands in the place of one that is typed, or an empty text if there is none.
func Pasted(word string) string {
	for _, r := range word {
		if p, ok := pasted[r]; ok {
			text := fmt.Sprintf("it has %s, U+%04X", p.name, r)
			if t := typed(word); t != "" {
				text += "; type " + t
			}
			return text
		}
	}
	return ""
}

// PastedArgument is Pasted for a word of a command line. Within a word such characters may belong to
// the name of a file, so it asks for a dash at the beginning, or a quotation mark or a space at either
// end, of the word or of what follows its equals sign.
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

// typed returns a word as one types it.
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
