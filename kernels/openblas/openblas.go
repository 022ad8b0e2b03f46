//go:build openblas && cgo

package openblas

/*
#cgo LDFLAGS: -lopenblas
#cgo linux CFLAGS: -I/usr/include/openblas
#cgo darwin,arm64 CFLAGS: -I/opt/homebrew/opt/openblas/include
#cgo darwin,arm64 LDFLAGS: -L/opt/homebrew/opt/openblas/lib
#cgo darwin,amd64 CFLAGS: -I/usr/local/opt/openblas/include
#cgo darwin,amd64 LDFLAGS: -L/usr/local/opt/openblas/lib

#if defined(__has_include) && !__has_include(<openblas_config.h>)
#error "the tag openblas needs OpenBLAS and its headers: run 'make deps', or set CGO_CFLAGS=-I... and CGO_LDFLAGS=-L... to where they are"
#endif

void  openblas_set_num_threads(int);
int   openblas_get_num_threads(void);
char *openblas_get_config(void);
char *openblas_get_corename(void);
*/
import "C"

import (
	"fmt"
	"math"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/cpuid/v2"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/netlib/blas/netlib"

	"fusegrid/kernels"
)

// Class says that OpenBLAS rounds in its own way: its order of summation
// depends on the shape of the product and on the core.
const Class kernels.Class = "openblas"

// New returns a copy of base named "openblas" with the product replaced, for both
// types. The other slots stay, so that a training on both sets differs in its
// products alone. OpenBLAS is set to one thread, for the whole process.
func New(base *kernels.Set) *kernels.Set {
	limit := callers()
	s := *base
	s.Name = "openblas"
	s.Class = Class
	s.Stable = false
	s.Detail = Read().String()
	s.F32.Gemm = gemm(netlib.Implementation{}.Sgemm, base.F32.Gemm, limit)
	s.F64.Gemm = gemm(netlib.Implementation{}.Dgemm, base.F64.Gemm, limit)
	s.F32.Layout, s.F64.Layout = nil, nil
	s.F32.Tile = kernels.Tile{MR: 1, NR: 1, Lanes: base.F32.Tile.Lanes}
	s.F64.Tile = kernels.Tile{MR: 1, NR: 1, Lanes: base.F64.Tile.Lanes}
	return &s
}

// Info is what is known of the linked library.
type Info struct {
	Version string // "0.3.21"
	Core    string // whose kernels it runs, "SkylakeX"
	Threads int    // per call
	Config  string // how it was built, in its own words
	Remedy  string // the OPENBLAS_CORETYPE that would use wider vectors, or ""
	Asked   string // the OPENBLAS_CORETYPE that the user has set, or ""
}

// Chosen reports whether Core is what the user asked for.
func (i Info) Chosen() bool { return i.Asked != "" && strings.EqualFold(i.Asked, i.Core) }

// Weak reports whether OpenBLAS chose by itself a core too weak for the CPU. One that the
// user asked for is not weak: some kernels of older versions are wrong on some CPUs.
func (i Info) Weak() bool { return i.Remedy != "" && !i.Chosen() }

// Read asks the library.
func Read() Info {
	single()
	info := Info{
		Version: "unknown",
		Core:    C.GoString(C.openblas_get_corename()),
		Threads: int(C.openblas_get_num_threads()),
		Config:  C.GoString(C.openblas_get_config()),
	}
	if m := regexp.MustCompile(`OpenBLAS (\S+)`).FindStringSubmatch(info.Config); m != nil {
		info.Version = m[1]
	}
	info.Remedy = Remedy(info.Core, cpuid.CPU.Supports)
	info.Asked = asked()
	return info
}

// String gives version, core and threads, what the user has set, and whether the CPU can
// run wider vectors: weak is only what OpenBLAS chose by itself.
func (i Info) String() string {
	var notes []string
	if i.Asked != "" {
		notes = append(notes, EnvCore+"="+i.Asked)
	}
	switch {
	case i.Weak():
		notes = append(notes, "weak: this CPU can run "+i.Remedy)
	case i.Remedy != "":
		notes = append(notes, "this CPU can run "+i.Remedy)
	}
	s := fmt.Sprintf("%s %s threads=%d", i.Version, i.Core, i.Threads)
	if notes != nil {
		s += " (" + strings.Join(notes, "; ") + ")"
	}
	return s
}

// single sets OpenBLAS to one thread.
var single = sync.OnceFunc(func() { C.openblas_set_num_threads(1) })

// callers returns a semaphore with one place per core, but no more than OpenBLAS has
// work buffers for: at least 50, and two per thread that it was built for.
var callers = sync.OnceValue(func() chan struct{} {
	buffers := 50
	if m := regexp.MustCompile(`MAX_THREADS=(\d+)`).FindStringSubmatch(Read().Config); m != nil {
		threads, _ := strconv.Atoi(m[1])
		buffers = max(buffers, 2*threads)
	}
	return make(chan struct{}, min(runtime.GOMAXPROCS(0), buffers))
})

// touch writes to OpenBLAS's work buffers, once. Its kernels prefetch what they will pack next,
// and while that memory has never been written to, each prefetch walks the page tables in
// vain: a process whose products are all of a moderate size, such as 200×3072×200, stays slow
// for good.
var touch = sync.OnceFunc(func() {
	const m, n, k = 400, 400, 512 // the least that was seen to help
	var all sync.WaitGroup
	for range cap(callers()) {
		all.Go(func() {
			a, b, c := make([]float64, m*k), make([]float64, k*n), make([]float64, m*n)
			netlib.Implementation{}.Dgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, a, k, b, n, 0, c, n)
		})
	}
	all.Wait()
})

// blasGemm is blas.Float32.Sgemm or blas.Float64.Dgemm.
type blasGemm[T kernels.Float] func(tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int)

// gemm adapts call to the slot of a set. BLAS knows one β: the others are applied
// before the call. A product with nothing to sum is left to base, and so is one with
// a size or a stride that a C int does not hold: OpenBLAS would return without a
// result.
func gemm[T kernels.Float](call blasGemm[T], base func(kernels.Product[T]), callers chan struct{}) func(kernels.Product[T]) {
	trans := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
	return func(p kernels.Product[T]) {
		m, n, k := p.Dims()
		largest := max(m, n, k, p.A.Stride, p.B.Stride, p.C.Stride)
		if p.Alpha == 0 || k == 0 || largest > math.MaxInt32 {
			base(p)
			return
		}
		if p.BetaRow != nil || p.BetaCol != nil {
			scale(&p)
			p.Beta = 1
		}
		touch()
		callers <- struct{}{}
		defer func() { <-callers }()
		call(trans[p.TransA], trans[p.TransB], m, n, k,
			p.Alpha, p.A.Data, p.A.Stride, p.B.Data, p.B.Stride, p.Beta, p.C.Data, p.C.Stride)
	}
}

// scale sets C ← β∘C, not reading C where β = 0.
func scale[T kernels.Float](p *kernels.Product[T]) {
	for i := range p.C.Rows {
		for j, c := range p.C.Row(i) {
			if beta := p.BetaAt(i, j); beta == 0 {
				p.C.Row(i)[j] = 0
			} else {
				p.C.Row(i)[j] = beta * c
			}
		}
	}
}
