package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"

	"fusegrid"
	"fusegrid/bench/cases"
	"fusegrid/internal/cli"
)

var listCommand = command{
	name:  "list",
	short: "list the benchmarks, and the keys for -filter",
	long: `
bench list prints the keys for -filter, such as .name, with their values, and
then the names of the benchmarks. A condition key:value matches the whole value.
If a filter has several conditions, a benchmark must meet all of them:

  bench list -filter '.name:Gemm /dtype:f32 /shape:(512x512x512 OR 200x50x10)'
  bench list -filter '/op:TN -/dtype:f64'
`,
	setup: func(f *flag.FlagSet) action {
		var p plan
		f.StringVar(&p.filter, "filter", "*", filterUsage)
		return func(_ context.Context, _ []string, stdout, _ io.Writer) error {
			contests, err := p.choose(cases.Of(fusegrid.All()))
			if err != nil {
				return err
			}
			return writeList(contests, stdout)
		}
	},
}

const filterUsage = "select benchmarks by a `query` in the syntax of benchstat,\nsuch as '.name:Gemm /dtype:f32'; see bench list"

// writeList writes the keys of the benchmarks and their names.
func writeList(contests []*contest, w io.Writer) error {
	k := keysOf(contests)
	for _, key := range k.keys.texts {
		values := cli.Fold(k.values[key].texts, 80-12)
		fmt.Fprintf(w, "%-10s  %s\n", key, strings.Join(values, "\n"+strings.Repeat(" ", 12)))
	}
	fmt.Fprintln(w)
	for _, c := range contests {
		if _, err := fmt.Fprintf(w, "%s/%s\n", c.group.Kernel, c.group.Name); err != nil {
			return err
		}
	}
	return nil
}

// A keys value holds the keys that a filter may use, with the values that occur in benchmarks.
type keys struct {
	keys   list
	values map[string]*list
}

func keysOf(contests []*contest) keys {
	k := keys{values: map[string]*list{}}
	add := func(key, value string) {
		k.keys.add(key)
		if k.values[key] == nil {
			k.values[key] = new(list)
		}
		k.values[key].add(value)
	}
	for _, c := range contests {
		for _, row := range c.rows {
			base, parts := benchfmt.Name(fullName(c.group, row.Impl)).Parts()
			add(".name", string(base))
			for _, p := range parts {
				key, value, _ := strings.Cut(string(p), "=")
				add(key, value)
			}
		}
	}
	order := []string{".name", "/dtype", "/impl", "/op", "/shape", "/size"}
	slices.SortStableFunc(k.keys.texts, func(a, b string) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
	return k
}

// condition matches the conditions key:value and key:(value OR value) of a filter.
var condition = regexp.MustCompile(`([^\s:()"*-][^\s:()"]*):(\([^()]*\)|[^\s()]*)`)

// why returns the reason why a filter selects no benchmark.
func (k keys) why(filter string) string {
	for _, m := range condition.FindAllStringSubmatch(filter, -1) {
		key, asked := m[1], strings.FieldsFunc(m[2], func(r rune) bool { return strings.ContainsRune(`() "`, r) })
		asked = slices.DeleteFunc(asked, func(word string) bool { return word == "OR" })
		values := k.values[key]
		if values == nil {
			known := k.keys.texts
			if near := "/" + strings.TrimLeft(key, "./"); slices.Contains(known, near) {
				return fmt.Sprintf("the key is %s, not %s", near, key)
			}
			if strings.EqualFold(strings.TrimLeft(key, "./"), "name") {
				return fmt.Sprintf("the key is .name, not %s", key)
			}
			return fmt.Sprintf("there is no key %s%s", key, cli.DidYouMean(key, known))
		}
		if len(asked) == 0 || slices.ContainsFunc(asked, func(v string) bool { return values.seen[v] || v[0] == '/' }) {
			continue // a value is known or a /regexp/
		}
		value := asked[0]
		for _, v := range values.texts {
			if strings.Contains(strings.ToLower(v), strings.ToLower(value)) {
				return fmt.Sprintf("no %s is %s (did you mean %s:%s?)", key, value, key, v)
			}
		}
		return fmt.Sprintf("no %s is %s%s", key, value, cli.DidYouMean(value, values.texts))
	}
	return "no benchmark meets all conditions"
}
