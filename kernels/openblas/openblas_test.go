//go:build openblas && cgo

package openblas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/cpuid/v2"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

// envPlay makes the test binary act as a command that is linked with a weak OpenBLAS.
const envPlay = "FUSEGRID_TEST_PLAY"

func TestMain(m *testing.M) {
	if play := os.Getenv(envPlay); play != "" {
		info := Read()
		if play == "weak" && os.Getenv(envRestarted) == "" || play == "incurable" {
			info.Core, info.Remedy = "Prescott", Remedy("Prescott", cpuid.CPU.Supports)
		}
		ensure(info, os.Stderr)
		fmt.Println(Read().Core, os.Args[1:])
		os.Exit(0)
	}
	Ensure(os.Stderr)
	os.Exit(m.Run())
}

func TestEnsure(t *testing.T) {
	remedy := Remedy("Prescott", cpuid.CPU.Supports)
	if remedy == "" {
		t.Skip("this CPU has no AVX, so OpenBLAS has no better core")
	}
	core := map[string]string{"SANDYBRIDGE": "Sandybridge", "HASWELL": "Haswell", "SKYLAKEX": "SkylakeX"}[remedy]
	for _, tt := range []struct {
		name, play, env string
		core            string // of the process that Ensure returns in
		lines           []string
	}{
		{"restarts once", "weak", "", core, []string{"restarting with OPENBLAS_CORETYPE=" + remedy}},
		{"keeps the user's value", "weak", "OPENBLAS_CORETYPE=NEHALEM", "Nehalem", []string{"because OPENBLAS_CORETYPE=NEHALEM is set; this CPU can run " + remedy}},
		{"keeps the user's best", "as it is", "OPENBLAS_CORETYPE=" + remedy, core, nil},
		{"gives up after one restart", "incurable", "", core, []string{"restarting with", "still runs its Prescott kernels"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "one", "two words")
			cmd.Env = append(environWithout(EnvCore, envRestarted), envPlay+"="+tt.play)
			if tt.env != "" {
				cmd.Env = append(cmd.Env, tt.env)
			}
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err, stderr.String())
			}
			if got, want := string(out), tt.core+" [one two words]\n"; got != want {
				t.Errorf("stdout %q, want %q", got, want)
			}
			lines := strings.SplitAfter(stderr.String(), "\n")
			lines = lines[:len(lines)-1]
			if len(lines) != len(tt.lines) {
				t.Fatalf("stderr has %d lines, want %d:\n%s", len(lines), len(tt.lines), stderr.String())
			}
			for i, want := range tt.lines {
				if !strings.Contains(lines[i], want) {
					t.Errorf("stderr line %d is %q, want %q in it", i+1, lines[i], want)
				}
			}
		})
	}
}

func environWithout(names ...string) []string {
	var env []string
next:
	for _, kv := range os.Environ() {
		for _, name := range names {
			if strings.HasPrefix(kv, name+"=") {
				continue next
			}
		}
		env = append(env, kv)
	}
	return env
}

func TestRead(t *testing.T) {
	info := Read()
	t.Log(info, "|", info.Config)
	if info.Threads != 1 {
		t.Errorf("%d threads, want 1", info.Threads)
	}
	if info.Core == "" || info.Version == "unknown" {
		t.Errorf("core %q, version %q of config %q", info.Core, info.Version, info.Config)
	}
}

func TestInfo(t *testing.T) {
	for _, tt := range []struct {
		core, remedy, asked, want string
		weak                      bool
	}{
		{"SkylakeX", "", "", "0.3.21 SkylakeX threads=1", false},
		{"Prescott", "SKYLAKEX", "", "0.3.21 Prescott threads=1 (weak: this CPU can run SKYLAKEX)", true},
		{"Haswell", "SKYLAKEX", "HASWELL", "0.3.21 Haswell threads=1 (OPENBLAS_CORETYPE=HASWELL; this CPU can run SKYLAKEX)", false},
		{"SkylakeX", "", "SkylakeX", "0.3.21 SkylakeX threads=1 (OPENBLAS_CORETYPE=SkylakeX)", false},
		// OpenBLAS ignores a name that it does not know and chooses a core.
		{"Prescott", "SKYLAKEX", "Hasswell", "0.3.21 Prescott threads=1 (OPENBLAS_CORETYPE=Hasswell is not in use: this OpenBLAS has no such core for this CPU; weak: this CPU can run SKYLAKEX)", true},
	} {
		info := Info{Version: "0.3.21", Core: tt.core, Threads: 1, Remedy: tt.remedy, Asked: tt.asked}
		if got := info.String(); got != tt.want || info.Weak() != tt.weak {
			t.Errorf("%q, weak %v; want %q, %v", got, info.Weak(), tt.want, tt.weak)
		}
	}
}

func TestNew(t *testing.T) {
	base := reference.New()
	set := New(base)
	if set.Name != "openblas" || set.Class != Class || set.Stable || !strings.Contains(set.Detail, Read().Core) {
		t.Errorf("name %q, class %q, stable %v, detail %q", set.Name, set.Class, set.Stable, set.Detail)
	}
	if base.Name != "reference" || !base.Stable {
		t.Error("New changed its base")
	}
}

func TestGemm(t *testing.T) {
	t.Run("f32", testGemm[float32])
	t.Run("f64", testGemm[float64])
}

func testGemm[T kernels.Float](t *testing.T) {
	ops := kernels.Of[T](New(reference.New()))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		if err := try(ops, rng); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range [][3]int{{0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {1, 1, 1}} {
		p := product[T](rng, d[0], d[1], d[2], false, false)
		p.Beta = 0
		for i := range p.C.Data {
			p.C.Data[i] = T(math.NaN())
		}
		if err := compare(ops, p); err != nil {
			t.Error(err)
		}
		p.Alpha = 0
		if err := compare(ops, p); err != nil {
			t.Error(err)
		}
	}
	// A matrix with one row may have any stride.
	for _, change := range []func(p *kernels.Product[T]){
		func(p *kernels.Product[T]) { p.A.Stride = math.MaxInt },
		func(p *kernels.Product[T]) { p.B.Stride = math.MaxInt },
		func(p *kernels.Product[T]) { p.C.Stride = math.MaxInt },
	} {
		p := product[T](rng, 1, 5, 1, false, false)
		change(&p)
		if err := compare(ops, p); err != nil {
			t.Error(err)
		}
	}
}

// random returns a product whose dimensions are at most size.
func random[T kernels.Float](rng *rand.Rand, size int) kernels.Product[T] {
	return product[T](rng, 1+rng.IntN(size), 1+rng.IntN(size), 1+rng.IntN(size), rng.IntN(2) == 0, rng.IntN(2) == 0)
}

// try checks one random product.
func try[T kernels.Float](ops kernels.Ops[T], rng *rand.Rand) error {
	p := random[T](rng, 80)
	m, n, _ := p.Dims()
	betas := func(n int) []T {
		b := make([]T, n)
		for i := range b {
			b[i] = T(rng.IntN(3)) / 2 // 0, ½, 1
		}
		return b
	}
	switch rng.IntN(4) {
	case 0:
		p.Beta = 0
	case 1:
		p.BetaRow = betas(m)
	case 2:
		p.BetaCol = betas(n)
	}
	for i := range p.C.Rows {
		for j := range p.C.Cols {
			if p.BetaAt(i, j) == 0 {
				p.C.Row(i)[j] = T(math.NaN()) // if β = 0, C must not be read
			}
		}
	}
	return compare(ops, p)
}

// product returns a product of random matrices with gaps between their rows.
func product[T kernels.Float](rng *rand.Rand, m, n, k int, ta, tb bool) kernels.Product[T] {
	mat := func(rows, cols int, trans bool) kernels.Mat[T] {
		if trans {
			rows, cols = cols, rows
		}
		x := kernels.NewMat[T](rows, cols+3)
		for i := range x.Data {
			x.Data[i] = T(rng.Float64() - 0.5)
		}
		return x.Slice(0, rows, 0, cols)
	}
	return kernels.Product[T]{
		Alpha: 0.75, A: mat(m, k, ta), TransA: ta, B: mat(k, n, tb), TransB: tb,
		Beta: -1.5, C: mat(m, n, false),
	}
}

// compare runs p and checks every element of C against float64, with the error bound
// γ·(|β·c| + |α|·|A|·|B|). It also checks that the gaps between the rows of C keep their
// values.
func compare[T kernels.Float](ops kernels.Ops[T], p kernels.Product[T]) error {
	m, n, k := p.Dims()
	before := p.C
	before.Data = append([]T(nil), p.C.Data...)
	ops.Gemm(p)
	u := math.Nextafter(1, 2) - 1
	if any(T(0)) == any(float32(0)) {
		u = float64(math.Nextafter32(1, 2) - 1)
	}
	at := func(x kernels.Mat[T], trans bool, i, j int) float64 {
		if trans {
			i, j = j, i
		}
		return float64(x.Row(i)[j])
	}
	for i := range m {
		for j := range n {
			var want, size float64
			for l := range k {
				x := float64(p.Alpha) * at(p.A, p.TransA, i, l) * at(p.B, p.TransB, l, j)
				want, size = want+x, size+math.Abs(x)
			}
			if b := float64(p.BetaAt(i, j)); b != 0 {
				x := b * float64(before.Row(i)[j])
				want, size = want+x, size+math.Abs(x)
			}
			got := float64(p.C.Row(i)[j])
			if !(math.Abs(got-want) <= float64(k+3)*u*size) {
				return fmt.Errorf("%d×%d×%d transA=%v transB=%v: element (%d, %d) is %v, want %v", m, k, n, p.TransA, p.TransB, i, j, got, want)
			}
		}
	}
	for x, v := range p.C.Data {
		if x%p.C.Stride >= p.C.Cols && v != before.Data[x] && v == v {
			return fmt.Errorf("%d×%d×%d: wrote between the rows of C", m, k, n)
		}
	}
	return nil
}

// TestStress runs many shapes on many goroutines, to find crashes of the process. It takes five
// seconds, or the duration in FUSEGRID_STRESS, such as 2m.
func TestStress(t *testing.T) {
	length := 5 * time.Second
	if testing.Short() {
		length = time.Second
	}
	if s := os.Getenv("FUSEGRID_STRESS"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("FUSEGRID_STRESS: %v; want a duration such as 2m", err)
		}
		length = d
	}
	set := New(reference.New())
	end := time.Now().Add(length)
	var products atomic.Int64
	var wg sync.WaitGroup
	for id := range uint64(256) {
		wg.Go(func() {
			var err error
			if id%2 == 0 {
				err = stress(kernels.Of[float32](set), id, end, &products)
			} else {
				err = stress(kernels.Of[float64](set), id, end, &products)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Logf("%d products on 256 goroutines in %v", products.Load(), length)
}

// stress multiplies until end, and checks one product in a hundred.
func stress[T kernels.Float](ops kernels.Ops[T], seed uint64, end time.Time, products *atomic.Int64) error {
	rng := rand.New(rand.NewPCG(seed, 0))
	for time.Now().Before(end) {
		if err := try(ops, rng); err != nil {
			return err
		}
		p := random[T](rng, 300)
		for range 99 {
			ops.Gemm(p)
		}
		products.Add(100)
	}
	return nil
}
