package where_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid/internal/golden"
	"fusegrid/results/where"
)

var columns = []where.Column{
	{Name: "lr", Kind: where.Number}, {Name: "val", Kind: where.Number}, {Name: "train", Kind: where.Number},
	{Name: "hidden", Kind: where.Text}, {Name: "state", Kind: where.Text}, {Name: "rule", Kind: where.Text},
	{Name: "data", Kind: where.Text},
}

func num(x float64) where.Value { return where.Value{Kind: where.Number, Number: x} }
func txt(s string) where.Value  { return where.Value{Kind: where.Text, Text: s} }

// rows are three trials: a good one, a diverged one, and one of the Solver with two hidden layers.
var rows = [][]where.Value{
	{num(1e-3), num(0.5), num(0.6), txt("50"), txt("done"), txt("adam"), txt("cifar-10")},
	{num(1e30), {}, {}, txt("9"), txt("diverged"), {}, txt("own (5 classes)")},
	{num(5e-4), num(0.25), num(0.25), txt("100x100"), txt("done"), txt("adam"), txt("cifar-10")},
}

// matches returns the numbers of the rows for which a condition holds.
func matches(c *where.Condition) string {
	var b strings.Builder
	for i, row := range rows {
		if c.Match(func(column int) where.Value { return row[column] }) {
			fmt.Fprint(&b, i)
		}
	}
	return b.String()
}

func TestMatch(t *testing.T) {
	for text, want := range map[string]string{
		"lr<1e-3":                           "2",
		"lr<=1e-3":                          "02",
		"lr==0.001":                         "0",
		"lr!=0.001":                         "12",
		"lr>1e-3":                           "1",
		"lr>=1E-3":                          "01",
		"1e-3>lr":                           "2",
		"lr>-1":                             "012",
		"lr>+.5":                            "1",
		"hidden==50":                        "0",
		"hidden==050":                       "0",
		"hidden=='050'":                     "",
		"hidden<50":                         "1", // as numbers; as texts 9 is not less
		"hidden<'50'":                       "2",
		"hidden!=50":                        "12",
		"hidden==100x100":                   "2",
		"hidden=~x":                         "2",
		"state==done && val>0.3":            "0",
		"state==done || lr>1":               "012",
		"state!=done":                       "1",
		"lr>1||state==done&&val>0.3":        "01",
		"(lr>1||state==done)&&val>0.3":      "0",
		"!(lr>1||state==done)":              "",
		"!state==done":                      "1",
		"!!state==done":                     "02",
		"val<1":                             "02", // the value of trial 1 is missing
		"val!=0.5":                          "2",
		"!(val==0.5)":                       "12",
		"val==none":                         "1",
		"none!=val":                         "02",
		"rule==none":                        "1",
		"rule=='none'":                      "",
		"val<train":                         "0",
		"val==train":                        "2",
		"state=='val'":                      "",
		`data=="own (5 classes)"`:           "1",
		"data==cifar-10":                    "02",
		`data=~"^own"`:                      "1",
		`data =~ '\d+ classes'`:             "1",
		`rule =~ "" `:                       "02",
		" lr < 1e-3\t&&\nhidden == 100x100": "2",
	} {
		c, err := where.Parse(text, columns)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := matches(c); got != want {
			t.Errorf("%s: rows %q, want %q", text, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	var b strings.Builder
	for _, text := range []string{
		"", "  ", "lr", "lr<", "<1", "lr<1e-3 &&", "lr<1e-3 hidden==50", "lr=1e-3", "lr<1 & val>0", "lr<1 and val>0",
		"lr<1 or val>0", "not lr<1", "lr≤1", "1<lr<2", "(lr<1", "lr<1)", "(lr<1 val>0)", "()", "lr<1 && hiden==50", "foo==1", "1==2",
		"foo==bar", "'lr'<1", "lr==adam", "lr<trian", "lr<1e999", "state=='done", "state==“done”", "lr<1e–3", "state==a,b",
		"val<none", "none==none", "val=~5", "rule=~(", "rule=~'('", "rule=~'a{2000}'", "rule=~state", "none=~x", "hidden", "lr\x00<1",
		"lr\xff<1", strings.Repeat("(", 300) + "lr<1", strings.Repeat("x", 20_000),
		strings.Repeat("lr<1 && ", 20) + "hiden==3 && " + strings.Repeat("lr<1 && ", 20) + "lr<1",
	} {
		_, err := where.Parse(text, columns)
		if err == nil {
			t.Errorf("no error for %q", text)
			continue
		}
		fmt.Fprintln(&b, err)
	}
	golden.Check(t, "testdata/errors.txt", b.String())
}

func TestUnknownColumn(t *testing.T) {
	_, err := where.Parse("foo==1", columns)
	if bad, ok := errors.AsType[*where.Error](err); !ok || bad.Column != "foo" || bad.At != 0 {
		t.Errorf("%#v", err)
	}
}

// FuzzParse checks that a condition and its negation hold for different rows, and that an error has a place in the
// condition and three short lines.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"lr<1e-3 && hidden==100x100", "!(val==none) || rule=~'a|b'", "val<train", "lr<1 and", "(((", "\xff“"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := where.Parse(text, columns)
		if err != nil {
			bad, ok := errors.AsType[*where.Error](err)
			if !ok || bad.At < 0 || bad.At > len(text) || bad.Text != text {
				t.Fatalf("%q: %#v", text, err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != 3 || utf8.RuneCountInString(lines[1]) > 80 || utf8.RuneCountInString(lines[2]) > 80 {
				t.Fatalf("%q: error\n%v", text, err)
			}
			return
		}
		not, err := where.Parse("!("+text+")", columns)
		if err != nil {
			if len(text) > 9000 || strings.Count(text, "(")+strings.Count(text, "!") > 190 {
				return // at a limit
			}
			t.Fatalf("negation of %q: %v", text, err)
		}
		if yes, no := matches(c), matches(not); len(yes)+len(no) != len(rows) {
			t.Fatalf("%q holds for %q, and its negation for %q", text, yes, no)
		}
	})
}
