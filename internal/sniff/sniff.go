// Package sniff looks at the first bytes of a file that does not have the expected format. It
// recognizes web pages, Git LFS pointers, archives and text in UTF-16.
package sniff

import "bytes"

// Head is the number of bytes at the start of a file that Format needs.
const Head = 512

// Format describes a file by its first bytes, as in "is a zip archive", and says how to get the
// contents. The advice is empty if the contents cannot be recovered from the file, so that the user
// needs a good copy. Both texts are empty if the format is not known.
func Format(head []byte) (what, advice string) {
	for _, f := range formats {
		text := head
		if f.begin[0] == '<' { // ignore case and leading white space
			text = bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"))
		}
		if bytes.HasPrefix(text, []byte(f.begin)) {
			return f.what, f.advice
		}
	}
	if len(head) >= 262 && string(head[257:262]) == "ustar" {
		return "is a tar archive", "unpack it: tar -xf"
	}
	return "", ""
}

var formats = []struct{ begin, what, advice string }{
	{"\x1f\x8b", "is compressed with gzip", "unpack it: gunzip, or tar -xzf if it is an archive"},
	{"PK\x03\x04", "is a zip archive", "unpack it: unzip"},
	{"BZh", "is compressed with bzip2", "unpack it: bunzip2"},
	{"\xfd7zXZ\x00", "is compressed with xz", "unpack it: unxz"},
	{"\x28\xb5\x2f\xfd", "is compressed with Zstandard", "unpack it: unzstd"},
	{"7z\xbc\xaf\x27\x1c", "is a 7z archive", "unpack it: 7z x"},
	{"version https://git-lfs", "is a Git LFS pointer, not the file itself", "get the file: git lfs pull"},
	{"/annex/objects/", "is a git-annex pointer, not the file itself", "get the file: git annex get"},
	{"\xff\xfe\x00\x00", "is text in UTF-32", "convert it to UTF-8: iconv -f UTF-32 -t UTF-8"},
	{"\x00\x00\xfe\xff", "is text in UTF-32", "convert it to UTF-8: iconv -f UTF-32 -t UTF-8"},
	{"\xff\xfe", "is text in UTF-16", "convert it to UTF-8: iconv -f UTF-16 -t UTF-8"},
	{"\xfe\xff", "is text in UTF-16", "convert it to UTF-8: iconv -f UTF-16 -t UTF-8"},
	{"\x93NUMPY", "is a NumPy array", ""},
	{"MATLAB 5.0", "is a MATLAB file", ""},
	{"<!doctype", "is an HTML page", ""},
	{"<html", "is an HTML page", ""},
	{"<?xml", "is an XML page", ""},
}
