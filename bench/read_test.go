package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"

	"fusegrid/internal/golden"
)

// tables renders a text as if it were the file x.txt.
func tables(t testing.TB, text string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	md, err := render(file, strings.Split(defaultBase, ","))
	return string(md), err
}

const plain = "goos: linux\nBenchmarkA/x-1 10 100 ns/op\n"

func inUTF16(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestFilesThatAreRefused(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(plain))
	z.Close()
	var configs, wide, many, diagonal strings.Builder
	for i := range maxGroups + 1 {
		fmt.Fprintf(&configs, "elapsed: %ds\nBenchmarkA/impl=a 1 1 ns/op\n", i)
	}
	fmt.Fprint(&wide, "BenchmarkA/impl=a 1")
	for i := range maxValues + 1 {
		fmt.Fprintf(&wide, " 1 u%d", i)
	}
	for i := range maxCells + 1 {
		fmt.Fprintf(&many, "BenchmarkA/%d 1 1 B/s\n", i)
	}
	for i := range 600 {
		fmt.Fprintf(&diagonal, "BenchmarkA/%d/impl=%d 1 1 B/s\n", i, i)
	}
	for _, tt := range []struct{ name, text string }{
		{"empty", ""},
		{"blank", "\r\n\r\n"},
		{"a BOM and nothing", "\uFEFF"},
		{"prose", "hello\n"},
		{"no number", "BenchmarkGemm/impl=a many 3 FLOP/s\n"},
		{"no unit", "goos: linux\r\nBenchmarkGemm/impl=a 1 3\r\n"},
		{"UTF-16 with a BOM", inUTF16(binary.LittleEndian, "\uFEFF"+plain)},
		{"UTF-16, big end first", inUTF16(binary.BigEndian, "\uFEFF"+plain)},
		{"UTF-16 without a BOM", inUTF16(binary.LittleEndian, plain)},
		{"UTF-32", "\xff\xfe\x00\x00P\x00\x00\x00"},
		{"no match", "goos: linux\nPASS\nok  \tx\t1s\n"},
		{"gzip", zipped.String()},
		{"zip", "PK\x03\x04\x00\x00"},
		{"zeros", "BenchmarkA 1 1 ns/op\n\x00"},
		{"go test -json", `{"Time":"2026-01-01T00:00:00Z","Action":"start","Package":"p"}` + "\n"},
		{"a table", "# kernels\n\n| | a |\n"},
		{"a unit twice", "BenchmarkA/impl=a 1 3 ns/op 4 ns/op\n"},
		{"a unit twice, once 0", "BenchmarkA/impl=a 1 3 MB/s 0 MB/s\n"},
		{"a long line", "BenchmarkA/" + strings.Repeat("x", 1<<16) + " 1 3 ns/op\n"},
		{"much configuration", "a: " + strings.Repeat("x", maxConfig) + "\nBenchmarkA 1 3 ns/op\n"},
		{"many configurations", configs.String()},
		{"many values", wide.String() + "\n"},
		{"many rows", many.String()},
		{"a diagonal", diagonal.String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			md, err := tables(t, tt.text)
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v, want one line; got\n%s", err, md)
			}
			_, text, _ := strings.Cut(err.Error(), string(filepath.Separator)+"x.txt") // without the folder
			golden.Check(t, "testdata/errors.txt", "x.txt"+text)
		})
	}
}

func TestLargeFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 1<<40); err != nil {
		t.Skipf("this file system cannot hold the file: %v", err)
	}
	if _, err := render(file, nil); err == nil || !strings.Contains(err.Error(), "x.txt: more than 32 MiB") {
		t.Errorf("error %v", err)
	}
	if _, err := render(t.TempDir(), nil); err == nil {
		t.Error("a folder is read")
	}
}

// TestFilesFromWindows checks that a byte order mark and CRLF do not change the tables.
func TestFilesFromWindows(t *testing.T) {
	want, err := tables(t, plain)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(want, "- goos: linux\n") {
		t.Fatalf("no configuration in\n%s", want)
	}
	for name, text := range map[string]string{
		"BOM": "\uFEFF" + plain, "CRLF": strings.ReplaceAll(plain, "\n", "\r\n"),
		"no end of the last line": strings.TrimSuffix(plain, "\n"),
	} {
		got, err := tables(t, text)
		if err != nil || got != want {
			t.Errorf("%s: error %v; differs:\n%s", name, err, diff(want, got))
		}
	}
}

// join is the inverse of split.
func (n name) join() string {
	if n.whole {
		return n.rest
	}
	text := n.kernel + strings.TrimPrefix(n.rest, "*")
	text = strings.Replace(text, "/dtype=*", "/dtype="+n.dtype, 1)
	return strings.Replace(text, "/impl=*", "/impl="+n.impl, 1)
}

func TestSplit(t *testing.T) {
	for text, want := range map[string]struct{ title, impl, label string }{
		"Gemm/dtype=f32/op=NN/shape=2x3x4/impl=avx2-4": {"Gemm f32", "avx2", "NN 2x3x4-4"},
		"ReLU/dtype=f64/size=L1/impl=copy":             {"ReLU f64", "copy", "L1"},
		"Step/impl=avx512/lr=1e-3/deep":                {"Step", "avx512", "lr=1e-3 deep"},
		"A/x-1":                                        {"", "", "A/x-1"},
		"A":                                            {"", "", "A"},
		"":                                             {"", "", ""},
		"A/impl=a/impl=b":                              {"A", "a", "impl=b"},
		"A/dtype=f32/dtype=f64/impl=a":                 {"A f32", "a", "dtype=f64"},
		"A//impl=/op=":                                 {"A", "", "/ op="},
	} {
		n := split(benchfmt.Name(text))
		if n.title() != want.title || n.impl != want.impl || n.label() != want.label || n.join() != text {
			t.Errorf("%q: title %q, impl %q, label %q; joined %q", text, n.title(), n.impl, n.label(), n.join())
		}
	}
}

// FuzzCompare checks any text that gives no error. The tables must have one cell for each
// different name, unit and configuration, and each cell must have one value for each line.
func FuzzCompare(f *testing.F) {
	for _, text := range []string{
		plain, "\uFEFF" + plain, inUTF16(binary.LittleEndian, plain), "a: 1\nBenchmarkA/impl=a 1 NaN FLOP/s\na: \nBenchmarkA/impl=b 1 1 FLOP/s\n",
		"BenchmarkA/impl=a-2 1 0 ns/op\nBenchmarkA/impl=a-4 1 +Inf MB/s -1 B/op\nUnit x better=lower\n",
		"BenchmarkA/op=NN/impl=gonum 1 1e308 u\nBenchmarkA/NN/impl=b 1 -1e308 u\nBenchmark/impl=a/impl=b 1 1 u\nBenchmark/impl=a|b 1 1 u\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := map[string]int{}
		in := benchfmt.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\uFEFF"))), "x.txt")
		for in.Scan() {
			if r, ok := in.Result().(*benchfmt.Result); ok {
				for _, v := range r.Values {
					_, unit := benchunit.Tidy(v.Value, v.Unit)
					want[fmt.Sprintf("%q %s %q", r.Name, unit, identity(r.Config))]++
				}
			}
		}
		r, err := collect("x.txt", text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		if md := r.markdown("x.txt", []string{"gonum"}); !bytes.HasPrefix(md, []byte(madeBy)) {
			t.Errorf("the tables are\n%s", md)
		}
		got := map[string]int{}
		for _, m := range r.machines {
			var config []benchfmt.Config
			for _, l := range m.config {
				config = append(config, benchfmt.Config{Key: l[0], Value: []byte(l[1])})
			}
			for _, tab := range m.tables {
				for p, c := range tab.cells {
					n := tab.names[p.row]
					n.impl = p.col
					got[fmt.Sprintf("%q %s %q", n.join(), tab.unit, identity(config))] = len(c.values) + len(c.bad)
				}
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d cells, want %d", len(got), len(want))
		}
		for k, n := range want {
			if got[k] != n {
				t.Errorf("%s: %d values, want %d", k, got[k], n)
			}
		}
	})
}
