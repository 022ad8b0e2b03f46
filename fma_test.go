package fusegrid_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNothingIsFused looks for fused multiply-adds in the output of the compiler. On arm64 and some
// other architectures, Go's compiler fuses x*y + z, which rounds once instead of twice. Code that
// promises bits must prevent this by an explicit conversion, float64(x*y) + z.
func TestNothingIsFused(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it compiles for another architecture")
	}
	for _, at := range fused(t, "./kernels", "./kernels/blocked", "./kernels/reference", "./kernels/bfp", "./nn", "./nn/train", "./nn/nprand",
		"./internal/portable", "./search/sample", "./search/plan") {
		t.Errorf("%s: the compiler fuses a product and a sum: write float64(x*y) + z", at)
	}
}

// TestFusedIsFound checks that the search finds fused products.
func TestFusedIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it compiles for another architecture")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n\ngo 1.24\n",
		"m.go": `package m

import "math"

func Fused(x, y, z float64) float64 {
	return x*y + z
}

func Apart(x, y, z float64) float64 { return float64(x*y) + z }

func Meant(x, y, z float64) float64 { return math.FMA(x, y, z) }

func Generic[T float32 | float64](x, y, z T) T {
	return z - x*y
}
`,
		"m_test.go": "package m\n\nvar _ = Generic[float32]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	if got, want := strings.Join(fused(t, "."), " "), "m.go:14 m.go:6"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}

// fused returns the lines of the packages, except their tests, that the compiler fuses for arm64
// although they do not call math.FMA. It also compiles the tests, because generic code is compiled
// where it is used. Nothing is linked.
func fused(t *testing.T, packages ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-export", "-test", "-gcflags=-S"}, packages...)...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	listing, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go list -export %s: %v\n%s", packages, err, listing)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, pkg := range packages {
		dirs = append(dirs, filepath.Join(root, pkg))
	}
	instruction := regexp.MustCompile(`\((\S+\.go):(\d+)\)\s+FN?M(?:ADD|SUB)[SD]\s`)
	seen := map[string]bool{}
	var found []string
	all := 0
	for lines := bufio.NewScanner(bytes.NewReader(listing)); lines.Scan(); {
		if !bytes.Contains(lines.Bytes(), []byte("MADD")) && !bytes.Contains(lines.Bytes(), []byte("MSUB")) {
			continue // the regular expression is slow
		}
		m := instruction.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		all++
		file, at := m[1], strings.TrimPrefix(m[1], root+string(filepath.Separator))+":"+m[2]
		if !slices.Contains(dirs, filepath.Dir(file)) || strings.HasSuffix(file, "_test.go") || seen[at] {
			continue
		}
		seen[at] = true
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(m[2])
		if !strings.Contains(strings.Split(string(text), "\n")[n-1], "math.FMA(") {
			found = append(found, at)
		}
	}
	slices.Sort(found)
	t.Logf("%d fused instructions in %d bytes of listing", all, len(listing))
	return found
}
