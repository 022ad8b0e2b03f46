package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (u *unpickler) pushInt(n int64) {
	if int64(int(n)) != n { // int has 32 bits on this platform
		u.push(float64(n))
	} else {
		u.push(int(n))
	}
}

// signed decodes a little-endian integer of at most 8 bytes.
func signed(b []byte) (int64, error) {
	if len(b) > 8 {
		return 0, fmt.Errorf("an integer has %d bytes, want at most 8", len(b))
	}
	var whole [8]byte
	if len(b) > 0 && b[len(b)-1] >= 0x80 {
		whole = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(whole[:], b)
	return int64(binary.LittleEndian.Uint64(whole[:])), nil
}

// pushWritten pushes a number that is written in decimal digits. 00 and 01 are booleans. The values of
// floats are not needed.
func (u *unpickler) pushWritten(op byte) {
	s := clip(u.line())
	switch {
	case op == 'I' && (s == "00" || s == "01"):
		u.push(s == "01")
		return
	case op == 'F':
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			u.fail(fmt.Errorf("%q, want a number", s))
		}
		u.push(float64(0))
		return
	case op == 'L':
		s = strings.TrimSuffix(s, "L")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		u.fail(fmt.Errorf("%q, want an integer", s))
	}
	u.pushInt(n)
}

// clip returns b, or its first 64 bytes. No supported number, dtype or global is longer.
func clip(b []byte) string {
	const longest = 64
	return string(b[:min(len(b), longest)])
}

// make counts n bytes of decoded strings, which use new memory. It reports false, with an error, if the
// total exceeds the length of the input. Valid files stay below that limit, because they decode each
// string once.
func (u *unpickler) make(n int) bool {
	if n > len(u.b)-u.made {
		u.fail(errors.New("the decoded strings are longer than the file"))
		return false
	}
	u.made += n
	return true
}

// unquote decodes a string that Python 2 has written with quotation marks and escapes.
func (u *unpickler) unquote(b []byte) []byte {
	if len(b) < 2 || b[0] != '\'' && b[0] != '"' || b[len(b)-1] != b[0] {
		u.fail(errors.New("a string has no quotation marks"))
		return nil
	}
	b = b[1 : len(b)-1]
	if !u.make(len(b)) {
		return nil
	}
	plain := make([]byte, 0, len(b))
	for len(b) > 0 {
		if b[0] != '\\' {
			plain, b = append(plain, b[0]), b[1:]
			continue
		}
		n := 2
		if len(b) >= 2 && b[1] == 'x' {
			n = 4
		}
		if len(b) < n {
			u.fail(errors.New("a string ends in an escape"))
			return nil
		}
		if i := strings.IndexByte(`\'"nrt`, b[1]); i >= 0 {
			plain = append(plain, "\\'\"\n\r\t"[i])
		} else if v, err := strconv.ParseUint(string(b[2:n]), 16, 8); err == nil {
			plain = append(plain, byte(v))
		} else {
			u.fail(fmt.Errorf("a string has the invalid escape %q", b[:n]))
			return nil
		}
		b = b[n:]
	}
	return plain
}

// next removes the first character and returns it.
func (c *chars) next() (rune, error) {
	if !c.escaped {
		r, n := utf8.DecodeRune(c.raw)
		if r == utf8.RuneError && n < 2 {
			return 0, errors.New("a string is not UTF-8")
		}
		c.raw = c.raw[n:]
		return r, nil
	}
	if c.raw[0] != '\\' {
		r := rune(c.raw[0])
		c.raw = c.raw[1:]
		return r, nil
	}
	n := 2
	if len(c.raw) > 1 {
		n = map[byte]int{'u': 6, 'U': 10}[c.raw[1]]
	}
	if n < 6 || len(c.raw) < n {
		return 0, errors.New("a string has an escape other than \\uXXXX and \\UXXXXXXXX")
	}
	v, err := strconv.ParseUint(string(c.raw[2:n]), 16, 31)
	if err != nil {
		return 0, fmt.Errorf("a string has the invalid escape %q", c.raw[:n])
	}
	c.raw = c.raw[n:]
	return rune(v), nil
}

// latin1 returns the string in Latin-1, one byte per character.
func (c chars) latin1() ([]byte, error) {
	b := make([]byte, 0, len(c.raw))
	for len(c.raw) > 0 {
		// Fast path for most characters.
		if v := c.raw[0]; v != '\\' && (c.escaped || v < utf8.RuneSelf) {
			b, c.raw = append(b, v), c.raw[1:]
			continue
		}
		r, err := c.next()
		if err != nil {
			return nil, err
		}
		if r > 0xff {
			return nil, fmt.Errorf("bytes cannot hold the character %U", r)
		}
		b = append(b, byte(r))
	}
	return b, nil
}

// short returns v as a Go string. It returns an error unless v is a string or bytes of at most 64
// bytes.
func short(v any) (string, error) {
	const longest = 64
	switch v := v.(type) {
	case text:
		if len(v) > longest {
			return "", fmt.Errorf("a string of %d bytes, want at most %d", len(v), longest)
		}
		return string(v), nil
	case chars:
		if len(v.raw) > longest {
			return "", fmt.Errorf("a string of %d bytes, want at most %d", len(v.raw), longest)
		}
		var b []byte
		for len(v.raw) > 0 {
			r, err := v.next()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		}
		return string(b), nil
	}
	return "", fmt.Errorf("%s, want a string", kind(v))
}

// isString reports whether v is a string, or bytes, with the given value.
func isString(v any, value string) bool {
	s, err := short(v)
	return err == nil && s == value
}
