package flagfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const text = "# a comment with a { brace\nlr = 1e-4\nreg = [0, 0.25,\n  \"log:1e-3..1:4\"] # five\r\n\niters=1_000\nquiet = true\n" +
		"'hidden' = \"100x100\"\nnotify = \"\"\"\necho {a.b.c.d.e.f} \\\"\"\"\"\nout='C:\\o'\n"
	want := []Setting{
		{"lr", Number, "0.0001", 2},
		{"reg", List, "0,0.25,log:1e-3..1:4", 3},
		{"iters", Number, "1000", 6},
		{"quiet", Boolean, "true", 7},
		{"hidden", Text, "100x100", 8},
		{"notify", Text, "echo {a.b.c.d.e.f} \"", 10},
		{"out", Text, `C:\o`, 11},
	}
	got, err := Read(strings.NewReader(text))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("error %v, got\n%+v\nwant\n%+v", err, got, want)
	}
}

func TestReadErrors(t *testing.T) {
	const quotes = `; write texts in quotes and lists in brackets: net = "fc", lr = [1e-4, 1e-3]`
	const table = "a file of flags has no tables; write each flag as name = value"
	const flat = "a list in a list or a key with dots is no value of a flag; write name = value or name = [value, value]"
	for text, want := range map[string]string{
		"x = 1\nlr = 1e-4,1e-3":         "2: expected a top-level item to end with a newline, comment, or EOF, but got ',' instead" + quotes,
		"net = fc":                      `1: expected value but found "fc" instead` + quotes,
		"x=1\n\nx=2":                    "3: Key 'x' has already been defined" + quotes,
		"x = 'a":                        "1: unexpected EOF; expected \"'\"" + quotes,
		"x = 99999999999999999999":      "1: 99999999999999999999 is out of range for int64" + quotes,
		"\n\xff":                        "2: invalid UTF-8 byte: 0xff" + quotes,
		"x=1\n[lr]\ny=2":                "2: lr: " + table,
		"[[lr]]\ny=2":                   "1: lr: " + table,
		"[a.b]\ny=2":                    "1: a.b: " + table,
		"\na.b = 2":                     "2: a.b: " + table,
		"\na = {b = 2}":                 "2: " + table,
		"day = 2026-01-02":              "1: day: want a text in quotes, a number, true, false, or a list of texts and numbers in brackets",
		"lr = []":                       "1: lr: the list is empty; omit the key for the default",
		"lr = [1, true]":                "1: lr: item 2 of the list is no text and no number",
		"lr = [[1]]":                    "1: lr: item 1 of the list is no text and no number",
		"lr = " + bracket(5):            "1: " + flat,
		"x = 1\na.b.c.d.e.f = 1":        "2: " + flat,
		"x = 1\n" + `"a"."b".c.d.e.f=1`: "2: " + flat,
		strings.Repeat(" ", MaxBytes+1): "it has more than 262144 bytes, so it is no file of flags",
	} {
		if got, err := Read(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%.40q: %+v, error\n %v, want\n %s", text, got, err, want)
		}
	}
}

func bracket(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// TestDeep checks that deep nesting is refused before it takes memory.
func TestDeep(t *testing.T) {
	for _, text := range []string{
		"a=" + bracket(MaxBytes/2-1), "a=" + strings.Repeat("{a=", MaxBytes/3-1), strings.Repeat("a.", MaxBytes/2-2) + "a=1",
		strings.Repeat(`"".`, MaxBytes/3-2) + "a=1", "[" + strings.Repeat("a.", MaxBytes/2-2) + "a]",
		strings.Repeat("a\n.", MaxBytes/3),
	} {
		if s, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q was read: %d settings", text, len(s))
		}
	}
}

func TestWrite(t *testing.T) {
	want := []Setting{{"lr", Text, "1e-4,1e-3", 1}, {"seed", Number, "7", 2}, {"quiet", Boolean, "false", 3}, {"out", Text, "a\"b\\c\td\né", 4}, {"n", Text, "007", 5}}
	var b bytes.Buffer
	for _, s := range want {
		if err := Write(&b, s); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Read(&b); err != nil || !slices.Equal(got, want) {
		t.Errorf("error %v, got\n%+v\nwant\n%+v", err, got, want)
	}
	if err := Write(&b, Setting{Name: "out", Value: "\xff"}); err == nil || fmt.Sprint(err) != `-out "\xff" is not UTF-8, which TOML needs` {
		t.Errorf("no UTF-8: error %v", err)
	}
}

// FuzzRead reads what it finds, writes it, and reads it again.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"lr = [1e-4, 1e-3]\niters = 1000\nquiet = true\n", "lr = \"1e-4,1e-3\"", "a.b=1", "[t]\nx=1", "a={b=1}", "a='''\n''''", "a=\"\"\"\\\"\"\"\"", "#\r\n\"\"=inf",
		"a=[[[[[", "\ufeffa=1", "a=1979-05-27T07:32:00Z", "x=0xff\ny=1_0",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		settings, err := Read(bytes.NewReader(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %v", err)
			}
			return
		}
		var b bytes.Buffer
		for _, s := range settings {
			if s.Line < 1 {
				t.Errorf("%+v has no line", s)
			}
			if err := Write(&b, s); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Read(bytes.NewReader(b.Bytes()))
		if err != nil || len(again) != len(settings) {
			t.Fatalf("error %v, %q", err, b.String())
		}
		for i, s := range again {
			if s.Name != settings[i].Name || s.Value != settings[i].Value {
				t.Errorf("%+v was written, %+v was read", settings[i], s)
			}
		}
	})
}
