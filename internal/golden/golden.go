// Package golden compares texts of tests, such as errors and tables, with files in testdata.
package golden

import (
	"cmp"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the texts of tests into the golden files")

// Updating reports whether tests write their texts into files. Tests with files of another form use it.
func Updating() bool { return *update }

// Check fails the test t unless the file has the text got below the line "-- NAME --", where NAME is the
// name of t. With the flag -update, it writes the text into the file instead. The texts in a file are in
// the order of their names.
func Check(t testing.TB, file, got string) {
	t.Helper()
	texts := map[string]string{}
	b, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq("\n"+string(b), "\n-- ") {
		if name, text, ok := strings.Cut(block, " --\n"); ok {
			texts[name] = strings.TrimSuffix(text, "\n")
		}
	}
	want, ok := texts[t.Name()]
	switch got = strings.TrimSuffix(got, "\n"); {
	case *update:
		texts[t.Name()] = got
		var all strings.Builder
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			all.WriteString("-- " + name + " --\n" + texts[name] + "\n")
		}
		if err := os.WriteFile(file, []byte(all.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	case got != want || !ok:
		t.Errorf("the text is\n%s\nwant, from %s,\n%s\ngo test -update writes the new text", got, file, cmp.Or(want, "(nothing)"))
	}
}
