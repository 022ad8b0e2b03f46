package sniff

import (
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct{ name, head, what string }{
		{"gzip", "\x1f\x8b\x08", "is compressed with gzip"},
		{"HTML", "\ufeff \n<!DOCTYPE html>", "is an HTML page"},
		{"LFS", "version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, not the file itself"},
		{"UTF-32", "\xff\xfe\x00\x00{", "is text in UTF-32"},
		{"UTF-16", "\xff\xfe{\x00", "is text in UTF-16"},
		{"tar", strings.Repeat("x", 257) + "ustar\x00", "is a tar archive"},
		{"JSON", `{"sum":"00000000"`, ""},
		{"a batch", "\x06\x3b\x2b", ""},
		{"empty", "", ""},
		{"cut short", "\x1f", ""},
		{"short html", "<", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if what, _ := Format([]byte(c.head)); what != c.what {
				t.Errorf("%q, want %q", what, c.what)
			}
		})
	}
}
