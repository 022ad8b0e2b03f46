package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const web = "../../report/web"

// TestBundle builds the bundle and compares it with the file in the repository.
func TestBundle(t *testing.T) {
	got, err := bundle(web)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(web, name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, and its sources give %d other bytes; run go generate ./report", name, len(want), len(got))
	}
	// A page that is watched follows EventSource; the policy of a page in a file forbids all connections.
	for _, text := range []string{"eval(", "new Function", "http://", "https://", "XMLHttpRequest", "WebSocket"} {
		rest := strings.ReplaceAll(string(got), "http://www.w3.org/2000/svg", "") // the name of a language, which nothing loads
		if strings.Contains(rest, text) {
			t.Errorf("the bundle has %q", text)
		}
	}
}

// TestLibraries compares the files of the libraries with the checksums in their README.
func TestLibraries(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(web, "third_party", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = filepath.WalkDir(filepath.Join(web, "third_party"), func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Dir(file) == filepath.Join(web, "third_party") {
			return err
		}
		n++
		b, err := os.ReadFile(file)
		if sum := fmt.Sprintf("%x", sha256.Sum256(b)); !strings.Contains(string(readme), sum) {
			t.Errorf("%s has the checksum %s, which its README does not have", file, sum)
		}
		return err
	})
	if err != nil || n < 7 {
		t.Errorf("%d files: %v", n, err)
	}
}
