package cli

import "testing"

func TestPasted(t *testing.T) {
	for word, want := range map[string]string{
		"–lr":      "has an en dash, U+2013; type -lr",
		"—help":    "has an em dash, U+2014; type -help",
		"−1":       "has a minus sign, U+2212; type -1",
		"1e–3":     "has an en dash, U+2013; type 1e-3",
		"“1e–3”":   "has a typographic quotation mark, U+201C; type 1e-3",
		"100×100":  "has a multiplication sign, U+00D7; type 100x100",
		"1…5":      "has an ellipsis, U+2026; type 1..5",
		"1\u00a0":  "has a no-break space, U+00A0; type 1",
		"”":        "has a typographic quotation mark, U+201D",
		"-lr":      "",
		"Größe-1x": "",
		"":         "",
	} {
		if got := Pasted(word); got != want {
			t.Errorf("Pasted(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestPastedArgument(t *testing.T) {
	for word, pasted := range map[string]bool{
		"–lr": true, "—lr=1": true, "−1": true, "-out=“a": true, "b”": true, "-lr=–1": true, "‘x’": true, "1\u00a0": true,
		"a–b": false, "-out=a–b": false, "results…": false, "it’s": false, "-lr": false, "": false, "=": false, "×": false, "./–x": false,
	} {
		if got := PastedArgument(word); (got != "") != pasted {
			t.Errorf("PastedArgument(%q) = %q, want one: %v", word, got, pasted)
		}
	}
}
