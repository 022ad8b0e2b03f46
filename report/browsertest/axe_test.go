package browsertest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// axe returns the script of axe-core, which npm installs. If it is not there, the test is skipped, visibly.
func axe(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		fmt.Fprintln(os.Stderr, "SKIPPED, NOT TESTED: accessibility, because axe-core is not installed: npm ci in report/browsertest")
		t.Skipf("axe-core is not installed: %v", err)
	}
	return string(text)
}

// TestAccessible checks that axe-core finds no fault in a page, in both themes, on a small screen, and with a filter that
// has an error. All of its rules run.
func TestAccessible(t *testing.T) {
	script := axe(t)
	url := small(t)
	check := func(t *testing.T, b *tab) {
		t.Helper()
		eval[any](b, "(() => {"+script+"\n})(), null") // the policy of the page does not bind expressions
		type violation struct {
			ID, Impact, Help string
			Nodes            []struct{ HTML, FailureSummary string }
		}
		text := eval[string](b, `axe.run(document, { resultTypes: ["violations"] }).then((r) =>
			JSON.stringify({ violations: r.violations, passes: r.passes.length }))`)
		var r struct {
			Violations []violation
			Passes     int
		}
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if r.Passes < 20 {
			t.Errorf("only %d rules were checked", r.Passes)
		}
		for _, v := range r.Violations {
			for i, n := range v.Nodes {
				if i == 3 {
					break
				}
				t.Errorf("%s (%s): %s: %.200s: %s", v.ID, v.Impact, v.Help, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
			}
		}
	}
	for _, theme := range []string{"light", "dark"} {
		if theme == "dark" && testing.Short() {
			continue // TestContrast has both themes
		}
		t.Run(theme, func(t *testing.T) {
			b := newTab(t, 1280, 800)
			b.theme(theme)
			b.open(url)
			check(t, b)
			b.filter("hiden==50")
			check(t, b)
		})
	}
	t.Run("phone", func(t *testing.T) {
		b := newTab(t, 390, 844)
		b.open(url)
		check(t, b)
	})
}
