package flagfile

import (
	"bytes"
	"errors"
)

// checkFlat refuses inline tables, deeply nested lists and keys of many parts. Package toml would need time and memory
// that grow with the square of their depth. Faults of the syntax are left to that package.
func checkFlat(text []byte) error {
	const maxDepth, maxDots = 4, 4
	line, depth, dots := 1, 0, 0
	for len(text) > 0 {
		n := token(text)
		switch text[0] {
		case '{':
			return at(line, errTable)
		case '[':
			depth, dots = depth+1, 0
		case ']':
			depth, dots = max(depth-1, 0), 0
		case ',', '\n', '=':
			dots = 0
		case '.':
			dots++
		}
		if depth > maxDepth || dots > maxDots {
			return at(line, errors.New("a list in a list or a key with dots is no value of a flag; write name = value or name = [value, value]"))
		}
		line += bytes.Count(text[:n], []byte("\n"))
		text = text[n:]
	}
	return nil
}

// token returns the length of the comment, the string or the single byte at the start of text, which is not empty.
func token(text []byte) int {
	switch quote := text[0]; quote {
	case '#':
		if n := bytes.IndexByte(text, '\n'); n >= 0 {
			return n
		}
		return len(text)
	case '"', '\'':
		if long := bytes.Repeat([]byte{quote}, 3); bytes.HasPrefix(text, long) {
			return 3 + end(text[3:], long, quote == '"')
		}
		line := text
		if n := bytes.IndexByte(text, '\n'); n >= 0 {
			line = text[:n]
		}
		return 1 + end(line[1:], []byte{quote}, quote == '"')
	}
	return 1
}

// end returns the position behind the closing quotes, or the length of the text if there are none.
func end(text, quotes []byte, escapes bool) int {
	for i := 0; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case bytes.HasPrefix(text[i:], quotes):
			return i + len(quotes)
		}
	}
	return len(text)
}
