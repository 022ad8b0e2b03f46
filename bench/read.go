package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"

	"fusegrid/internal/sniff"
)

// Limits of a file of benchmark results. Real files are far smaller.
const (
	maxFile   = 32 << 20 // bytes
	maxConfig = 16 << 10 // bytes of the "key: value" lines before a result
	maxGroups = 1000     // different sets of such lines
	maxValues = 100      // values in one line
)

// A measured is one result line of a file.
type measured struct {
	line   int
	config []benchfmt.Config
	name   name
	values []value
}

// A value is a number in a base unit, such as sec/op for ns/op.
type value struct {
	x    float64
	unit string
}

// A name is the parsed name of a benchmark. Different texts give different names.
type name struct {
	kernel string // "Gemm"; kernel, dtype and impl are "" if the text has no /impl=
	dtype  string // "f32", or "" without /dtype=
	impl   string // "avx2"
	rest   string // the text with kernel, dtype and impl replaced by *
	whole  bool   // the text has no /impl=, and rest is the whole text
}

// split parses text. For example, "Gemm/dtype=f32/op=NN/impl=avx2-4" has the kernel Gemm, the
// type f32, the kernel set avx2 and the rest "*/dtype=*/op=NN/impl=*-4".
func split(text benchfmt.Name) name {
	base, parts := text.Parts()
	n := name{kernel: string(base)}
	rest := []byte("*")
	dtype, impl := false, false
	for _, p := range parts {
		if v, ok := bytes.CutPrefix(p, []byte("/dtype=")); ok && !dtype {
			n.dtype, dtype = string(v), true
			rest = append(rest, "/dtype=*"...)
		} else if v, ok := bytes.CutPrefix(p, []byte("/impl=")); ok && !impl {
			n.impl, impl = string(v), true
			rest = append(rest, "/impl=*"...)
		} else {
			rest = append(rest, p...)
		}
	}
	if !impl {
		return name{rest: string(text), whole: true}
	}
	n.rest = string(rest)
	return n
}

// label returns the rest of a name in the form that tables show: "NN 200x3072x50-2".
func (n name) label() string {
	if n.whole {
		return n.rest
	}
	_, parts := benchfmt.Name(n.rest).Parts()
	var words []string
	procs := ""
	for _, p := range parts {
		text := string(p)
		switch {
		case text == "/dtype=*" || text == "/impl=*":
		case text[0] == '-':
			procs = text
		default:
			for _, known := range []string{"/op=", "/shape=", "/size=", "/"} {
				if rest, ok := strings.CutPrefix(text, known); ok && rest != "" {
					text = rest
					break
				}
			}
			words = append(words, text)
		}
	}
	return strings.Join(words, " ") + procs
}

// title returns the kernel and the type: "Gemm f32".
func (n name) title() string { return strings.TrimSpace(n.kernel + " " + n.dtype) }

// load reads a file, or returns an error if the file is larger than maxFile.
func load(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: more than %d MiB; split the file by benchmarks", file, maxFile>>20)
	}
	return text, err
}

// read calls each for every result in the text of a file, in order. It returns the metadata
// of units in the text.
func read(file string, text []byte, each func(measured) error) (benchfmt.UnitMetadataMap, error) {
	if what := foreign(text); what != "" {
		return nil, fmt.Errorf("%s: %s", file, what)
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	in := benchfmt.NewReader(bytes.NewReader(text), file)
	found := false
	for in.Scan() {
		switch rec := in.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, fmt.Errorf("%w: %.60q", rec, lineOf(text, rec.Line))
		case *benchfmt.Result:
			found = true
			m, err := parseResult(rec)
			if err == nil {
				err = each(m)
			}
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, m.line, err)
			}
		}
	}
	if in.Err() == nil && !found {
		return nil, fmt.Errorf("%s: no benchmark results%s", file, instead(text))
	}
	return in.Units(), in.Err()
}

// foreign returns "" if text is text in UTF-8. Otherwise it returns the probable format of the file
// and how to convert it.
func foreign(text []byte) string {
	what, advice := sniff.Format(text[:min(len(text), sniff.Head)])
	zeros := bytes.Count(text, []byte{0})
	switch {
	case zeros >= len(text)*2/5 && zeros <= (len(text)+1)/2 && zeros > 0: // mostly ASCII, two bytes a character
		return "the text is UTF-16, which > writes in Windows PowerShell; instead of >, use | Out-File -Encoding utf8"
	case advice != "":
		return fmt.Sprintf("the file %s; %s", what, advice)
	case what != "":
		return "the file " + what
	case zeros > 0:
		return "not a text file"
	}
	return ""
}

// instead describes the contents of a file without results. It returns "" if it does not recognize
// them.
func instead(text []byte) string {
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		return ": the file is empty; bench run and go test -bench write such files"
	case bytes.HasPrefix(text, []byte(`{"Time":`)), bytes.HasPrefix(text, []byte(`{"Action":`)):
		return ": this is the output of go test -json; run go test -bench without -json"
	case bytes.HasPrefix(text, []byte("<!--")), bytes.HasPrefix(text, []byte("# ")):
		return ": this is a table; name the raw results that it was made from"
	case bytes.HasPrefix(text, []byte("PASS")), bytes.HasPrefix(text, []byte("ok ")), bytes.HasPrefix(text, []byte("goos: ")):
		return ": the pattern of go test -bench matched no benchmark; go test -list Benchmark lists them"
	}
	return ""
}

// parseResult checks the result of a line.
func parseResult(rec *benchfmt.Result) (measured, error) {
	m := measured{name: split(rec.Name), config: rec.Config}
	_, m.line = rec.Pos()
	size := 0
	for _, c := range rec.Config {
		size += len(c.Key) + len(c.Value)
	}
	if size > maxConfig {
		return m, fmt.Errorf("more than %d KiB of \"key: value\" lines above this result", maxConfig>>10)
	}
	if n := len(rec.Values); n > maxValues {
		return m, fmt.Errorf("%d values for one benchmark, more than %d", n, maxValues)
	}
	for _, v := range rec.Values {
		// The reader does not convert 0 and ±Inf to base units.
		x, unit := v.Value, v.Unit
		if v.OrigUnit == "" {
			x, unit = benchunit.Tidy(x, unit)
		}
		if slices.ContainsFunc(m.values, func(o value) bool { return o.unit == unit }) {
			return m, fmt.Errorf("two values of %s for one benchmark", unit)
		}
		m.values = append(m.values, value{x, unit})
	}
	return m, nil
}

func lineOf(text []byte, line int) []byte {
	for ; line > 1; line-- {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	text, _, _ = bytes.Cut(text, []byte("\n"))
	return bytes.TrimSuffix(text, []byte("\r"))
}

// identity returns a text that depends on the lines but not on their order.
func identity(config []benchfmt.Config) string {
	sorted := slices.Clone(config)
	slices.SortFunc(sorted, func(a, b benchfmt.Config) int { return cmp.Compare(a.Key, b.Key) })
	var b strings.Builder
	for _, c := range sorted {
		fmt.Fprintf(&b, "%s: %s\n", c.Key, c.Value)
	}
	return b.String()
}
