package cli

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"fetch", "verify", "reproduce", "impl", "help", "lr", "reg", "seed"}
	for word, want := range map[string]string{
		"fecth": "fetch", "Verify": "verify", "reprodcue": "reproduce", "imp": "impl", "lrs": "lr",
		"sed": "seed", "helpp": "help", "x": "", "train": "", "": "", "verification": "",
		"ver": "verify", "repr": "reproduce", "re": "reg",
	} {
		t.Run(word, func(t *testing.T) {
			got, ok := Nearest(word, known)
			if got != want || ok != (want != "") {
				t.Errorf("Nearest(%q) = %q, %v; want %q", word, got, ok, want)
			}
		})
	}
	if got := DidYouMean("fecth", known); got != ` (did you mean "fetch"?)` {
		t.Errorf("DidYouMean: %q", got)
	}
	if got := DidYouMean("train", known); got != "" {
		t.Errorf("DidYouMean of a word that resembles no known word: %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"größe", "grosse", 3}, {"flaw", "lawn", 2},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, c := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"nothing known", debug.BuildInfo{}, "sweep devel, "},
		{"a release", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "sweep v1.2.3, "},
		{"a checkout", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}, {Key: "-tags", Value: "openblas"},
		}}, "sweep devel 0123456789ab with changes, tags openblas, "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := version("sweep", &c.info); !strings.HasPrefix(got, c.want+"go") {
				t.Errorf("%q, want a text that starts with %q", got, c.want)
			}
		})
	}
}
