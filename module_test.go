package fusegrid_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestModule uses this module from another module with the commands and the program in
// docs/kernels.md. It needs no network, because this test imports the same packages, so they are in
// the module cache.
func TestModule(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it builds a program")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("the command go is missing: %v", err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/kernels.md")
	if err != nil {
		t.Fatal(err)
	}
	edit := regexp.MustCompile(`(?m)^    go (mod edit .*=)\.\./fusegrid$`).FindSubmatch(page)
	body := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(page)
	if edit == nil || body == nil {
		t.Fatal("docs/kernels.md has no command that adds the module, or no program")
	}
	dir := t.TempDir()
	program := fmt.Sprintf(`package main

import (
	"fmt"
	"log"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"fusegrid"
	"fusegrid/kernels/dropin"
)

func main() {
%s
	a := mat.NewDense(2, 2, []float64{1, 2, 3, 4})
	var c mat.Dense
	c.Mul(a, a)
	fmt.Println(c.At(1, 1))
}
`, body[1])
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		// Build for this machine, even if the test was built for another one.
		cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=", "GOWORK=off", "GOPROXY=off", "GOSUMDB=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("mod", "init", "program")
	args := strings.Fields(string(edit[1]))
	args[len(args)-1] += root
	run(args...)
	if got := run("run", "-mod=mod", "."); got != "22\n" {
		t.Errorf("the program prints %q, want 22", got)
	}
}
