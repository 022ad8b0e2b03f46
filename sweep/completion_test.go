package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/search"
)

// script writes the completion script of a shell into a file.
func script(t *testing.T, shell string) string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("there is no %s", shell)
	}
	stdout, stderr, code := call(t, "completion", shell)
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	name := filepath.Join(t.TempDir(), "_sweep")
	if err := os.WriteFile(name, []byte(stdout), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(shell, "-n", name).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s -n: %v\n%s", shell, err, out)
	}
	return name
}

// A completionCase is a command line, which ends in the word that is completed, and the choices for this word.
type completionCase struct {
	line string
	want []string // nil stands for the names of files
}

func completionCases(t *testing.T) []completionCase {
	all := []completionCase{
		{"sweep ve", []string{"verify", "version"}},
		{"sweep -ha", []string{"-halving"}},
		{"sweep -net ", []string{"fc", "two-layer"}},
		{"sweep -lr 1e-3 -net t", []string{"two-layer"}},
		{"sweep -quiet -dtype bf", []string{"bfp16", "bfp16d8"}},
		{"sweep -sample l", []string{"lhs:"}},
		{"sweep -stop ", []string{"median", "median:"}},
		{"sweep -rank ", orderNames()},
		{"sweep -shard ", []string{"env", "env/"}},
		{"sweep merge ", nil},
		{"sweep slurm -sh", []string{"-shards"}},
		{"sweep -data ", nil},
		{"sweep -lr ", []string{}},
		{"sweep verify -t", []string{"-trial"}},
		{"sweep verify -net ", nil}, // verify has no such flag
		{"sweep show -where ", []string{}},
		{"sweep show ", nil},
		{"sweep export -to pa", []string{"parquet"}},
		{"sweep help repo", []string{"report"}},
		{"sweep completion ", []string{"bash", "fish", "zsh"}},
	}
	for _, c := range completedCommands(t.Context()) {
		line := "sweep " + strings.TrimPrefix(c.name+" ", "sweep ")
		if flags := c.hyphened(); flags != "" {
			all = append(all, completionCase{line + "-", strings.Fields(flags)})
		}
	}
	return all
}

// TestBashCompletes completes words in bash.
func TestBashCompletes(t *testing.T) {
	isolate(t)
	name := script(t, "bash")
	cases := append(completionCases(t),
		completionCase{"sweep --ne", []string{"--net"}},
		completionCase{"sweep --rank=", orderNames()},
		completionCase{"sweep -net=t", []string{"two-layer"}},
		completionCase{"sweep -split-s", []string{"-split-seed"}},
		completionCase{"sweep --split-s", []string{"--split-seed"}})
	var program strings.Builder
	fmt.Fprintf(&program, "source %s\n", quote([]string{name}))
	for _, c := range cases {
		words := strings.Split(strings.ReplaceAll(strings.ReplaceAll(c.line, "=", " = "), "=  ", "= "), " ")
		fmt.Fprintf(&program, "COMP_WORDS=(%s); COMP_CWORD=%d; COMPREPLY=(); _sweep; echo \"${files:-words} ${COMPREPLY[*]}\"\n", quote(words), len(words)-1)
	}
	cmd := exec.Command("bash", "--norc", "-c", program.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(cases) {
		t.Fatalf("%d lines for %d cases:\n%s", len(lines), len(cases), out)
	}
	for i, c := range cases {
		got := strings.Fields(lines[i])[1:]
		checkChoices(t, c, got)
	}
}

// checkChoices compares choices in any order.
func checkChoices(t *testing.T, c completionCase, got []string) {
	t.Helper()
	want := slices.Sorted(slices.Values(c.want))
	if got := slices.Sorted(slices.Values(got)); !slices.Equal(got, want) {
		t.Errorf("%q is completed by %q, want %q", c.line, got, want)
	}
}

func TestFishCompletes(t *testing.T) {
	isolate(t)
	name := script(t, "fish")
	if err := os.WriteFile("a-file", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range completionCases(t) {
		out, err := exec.Command("fish", "--no-config", "-c", fmt.Sprintf("source %s; complete -C %s", quote([]string{name}), quote([]string{c.line}))).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", c.line, err, out)
		}
		var got []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			got = append(got, word)
		}
		if c.want == nil {
			c.want = []string{"a-file"}
		}
		checkChoices(t, c, got)
	}
}

func TestZshCompletes(t *testing.T) {
	isolate(t)
	name := script(t, "zsh")
	// Functions of the completion system are replaced by functions that print the choices.
	const stubs = `compdef() {}; compset() {}; compopt() {}
_files() { files=(FILES) }
compadd() { while [[ $1 != -- ]]; do shift; done; shift; local w; for w; do [[ $w == ${words[CURRENT]##*=}* ]] && print -rn -- " $w"; done }
`
	for _, c := range append(completionCases(t), completionCase{"sweep -net=t", []string{"two-layer"}}) {
		words := strings.Split(c.line, " ")
		program := stubs + fmt.Sprintf("source %s; words=(%s); CURRENT=%d; _sweep; true", quote([]string{name}), quote(words), len(words))
		out, err := exec.Command("zsh", "-f", "-c", program).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", c.line, err, out)
		}
		checkChoices(t, c, strings.Fields(string(out)))
	}
}

// TestCompletedWords checks that flags take the words that are offered.
func TestCompletedWords(t *testing.T) {
	isolate(t)
	for name, value := range map[string]string{"ID": "2", "COUNT": "4", "MIN": "1", "MAX": "4", "STEP": "1"} {
		t.Setenv("SLURM_ARRAY_TASK_"+name, value) // for -shard
	}
	n := 0
	for _, f := range completedCommands(t.Context())[0].flags {
		for _, word := range f.words {
			n++
			if strings.HasSuffix(word, ":") || strings.HasSuffix(word, "/") {
				word += "4"
			}
			args := []string{"-" + f.name, word, "-print-config", "-lr", "log:1e-4..1e-2"}
			if f.name != "sample" || word == "grid" {
				args[len(args)-1] = "1e-3"
			}
			if _, stderr, code := call(t, args...); code != exitOK {
				t.Errorf("-%s %s: %s", f.name, word, stderr)
			}
			if strings.ContainsAny(word, " '\"\\$`|") {
				t.Errorf("-%s: the scripts cannot hold %q", f.name, word)
			}
		}
	}
	if want := len(search.Types()) + len(fusegrid.All()) + 2*len(ruleNames()); n < want {
		t.Errorf("only %d words, want %d or more", n, want)
	}
}
