package fusegrid_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// documents returns the texts whose commands are tested.
func documents(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages in docs: %v", err)
	}
	return append([]string{"README.md"}, pages...)
}

// commandsOf returns the commands in a document, in their order. A command is a line of code, or
// code within a line, that starts with go or make.
func commandsOf(text string) []string {
	line := regexp.MustCompile("(?m)^    ((?:go|make) .*?)(?: +#.*)?$|`((?:go|make) [^`]*)`")
	var all []string
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		if c := strings.TrimSpace(m[1] + m[2]); !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// wordsOf splits a command as a shell does. It supports only single quotes.
func wordsOf(command string) []string {
	var words []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// TestDocumentedCommands runs the commands in README and docs. Sweeps train small nets, and fetch
// uses a local server. Commands that install, test or measure for minutes only print what make and
// go would do.
func TestDocumentedCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it builds both programs and runs them many times")
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./sweep", "./bench").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no archive") }))
	defer server.Close()
	for _, page := range documents(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		commands := commandsOf(string(text))
		if len(commands) == 0 {
			t.Errorf("%s has no command", page)
		}
		home := t.TempDir() // one per page, because a command may use the results of previous commands
		copyFile(t, filepath.Join(home, "features.npz"), "nn/dataset/testdata/numpy/f32.npz")
		for _, command := range commands {
			t.Run(page+"/"+command, func(t *testing.T) {
				dir, words, redirected := home, wordsOf(command), ""
				if i := slices.Index(words, ">"); i >= 0 {
					words, redirected = words[:i], filepath.Join(home, words[i+1])
				}
				switch {
				case lacksData(words):
					t.Skip("there is no Fashion-MNIST here")
				case words[0] == "make":
					dir, words = root, append([]string{"make", "-n"}, words[1:]...)
				case words[1] == "mod":
					t.Skip("TestModule runs it")
				case words[1] == "test", words[1] == "build", words[1] == "generate":
					packages := slices.DeleteFunc(slices.Clone(words[2:]), func(w string) bool { return !strings.HasPrefix(w, ".") })
					dir, words = root, append([]string{"go", "list"}, packages...)
				case words[1] == "run":
					words = append([]string{filepath.Join(bin, filepath.Base(words[2]))}, small(words[2], words[3:], server.URL)...)
				default:
					t.Fatalf("no way to test it")
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				cmd := exec.CommandContext(ctx, words[0], words[1:]...)
				cmd.Dir = dir
				if len(words) > 1 && words[1] == "watch" { // it would not end
					cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
					time.AfterFunc(2*time.Second, cancel)
				}
				// The caches of go lie in the home folder. With another one, it would download all modules.
				if words[0] != "go" && words[0] != "make" {
					cmd.Env = append(os.Environ(), "FUSEGRID_DATA=", "FUSEGRID_IMPL=", "HOME="+home, "XDG_CACHE_HOME="+home)
				}
				out, err := cmd.CombinedOutput()
				if words[0] != "make" && redirected != "" && err == nil {
					err = os.WriteFile(redirected, out, 0o666)
				}
				switch {
				case slices.Contains(words, "fetch"):
					if err == nil || !strings.Contains(string(out), "MD5") {
						t.Errorf("%v; a wrong archive must be refused by its MD5\n%s", err, out)
					}
				case slices.Contains(words, "accuracy") && strings.Contains(string(out), "fails: "):
					// Two seeds and one iteration show nothing.
				case len(words) > 1 && words[1] == "watch":
					if !strings.Contains(string(out), " is at http://127.0.0.1:") {
						t.Errorf("%q: %v\n%s", words, err, out)
					}
				case err != nil && lacksPart.Match(out):
					t.Skipf("this machine lacks a kernel set or a library: %s", out)
				case err != nil:
					t.Errorf("%q: %v\n%s", words, err, out)
				}
			})
		}
	}
}

// lacksPart matches the messages about a kernel set or a library that this machine does not have.
var lacksPart = regexp.MustCompile(`no kernel set|no library runs|kernel set "[a-z0-9]+" is missing: this machine lacks`)

// lacksData reports whether a command uses a data set that this machine does not have.
func lacksData(words []string) bool {
	i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "/usr/share/datasets/") })
	if i < 0 {
		return false
	}
	_, err := os.Stat(words[i])
	return err != nil
}

// copyFile copies a file of the repository.
func copyFile(t *testing.T, to, from string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// small returns the arguments of a command with smaller nets, fewer iterations and fewer rounds.
func small(program string, args []string, url string) []string {
	args = slices.Clone(args)
	flag := func(name, value string) {
		if !slices.Contains(args, name) {
			args = append(args, name, value)
		}
	}
	switch {
	case program == "./sweep" && (len(args) == 0 || strings.HasPrefix(args[0], "-")):
		flag("-hidden", "2")
		flag("-batch", "20")
		if i := slices.Index(args, "-watch"); i >= 0 {
			args[i+1] = "127.0.0.1:0"
		}
		if !slices.Contains(args, "-config") {
			flag("-iters", "300")
		}
	case args[0] == "watch":
		flag("-addr", "127.0.0.1:0")
	case args[0] == "fetch":
		flag("-url", url)
	case args[0] == "accuracy":
		args = append(args, "-data", "synthetic", "-seeds", "2", "-iters", "1")
	case args[0] == "duel", args[0] == "peers":
		args = slices.Insert(args, 1, "-n", "6", "-time", "10us")
		if !slices.Contains(args, "-filter") {
			args = slices.Insert(args, 1, "-filter", ".name:Gemm")
		}
		args[slices.Index(args, "-filter")+1] += " /shape:200x50x10" // other shapes take the reference seconds
	case args[0] == "errors":
		args = append(args, "-k", "512")
	}
	return args
}

func TestCommandsOf(t *testing.T) {
	got := commandsOf("Run `go run ./x -a 'b c'`, or `sweep y`:\n\n    go run ./sweep -lr 1  # why\n    cd x\n    make deps\n\ngo away `make -n`")
	want := []string{"go run ./x -a 'b c'", "go run ./sweep -lr 1", "make deps", "make -n"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := wordsOf(want[0]), []string{"go", "run", "./x", "-a", "b c"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestLinks checks that the files exist to which README, the pages in docs and the other texts
// link.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)|src="([^":]+)"`)
	for _, page := range append(documents(t), "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			name := filepath.Join(filepath.Dir(page), m[1]+m[2])
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1]+m[2], err)
			}
		}
	}
	// ARCHITECTURE.md names files by their paths, and files of sweep/ by their names.
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`([a-z0-9_/]+\\.(?:go|s|h))`").FindAllStringSubmatch(string(text), -1) {
		_, err := os.Stat(m[1])
		_, in := os.Stat(filepath.Join("sweep", m[1]))
		if err != nil && in != nil {
			t.Errorf("ARCHITECTURE.md names %s: %v", m[1], err)
		}
	}
}
