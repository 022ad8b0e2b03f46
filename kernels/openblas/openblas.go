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
#error "the tag openblas needs OpenBLAS and its headers: run 'make deps', or set CGO_CFLAGS=-I... and CGO_LDFLAGS=-L... to their folders"
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

// Class is the numeric class of OpenBLAS. No other set shares it, because the order of
// summation in OpenBLAS depends on the shape of the product and on the core.
const Class kernels.Class = "openblas"

// New returns a copy of base with the name "openblas" and the matrix products of OpenBLAS, for both
// types. The other slots come from base, so trainings with base and with this set differ only in
// their products. New sets OpenBLAS to one thread for the whole process.
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

// An Info describes the linked library.
type Info struct {
	Version string // "0.3.21"
	Core    string // CPU model whose kernels the library uses, "SkylakeX"
	Threads int    // per call
	Config  string // build configuration, as the library reports it
	Remedy  string // OPENBLAS_CORETYPE that would give wider vectors, or ""
	Asked   string // OPENBLAS_CORETYPE that the user has set, or ""
}

// Chosen reports whether Core is the core that the user has set.
func (i Info) Chosen() bool { return i.Asked != "" && strings.EqualFold(i.Asked, i.Core) }

// Weak reports whether OpenBLAS chose a core that is too weak for the CPU. A core that the user
// has set is never weak, because users need that choice: some kernels of older versions return
// wrong results on some CPUs.
func (i Info) Weak() bool { return i.Remedy != "" && !i.Chosen() }

// Read returns the properties of the linked library.
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

// String returns the version, the core and the number of threads. Remarks follow if the user has
// set a core or the CPU can run wider vectors. The word "weak" occurs only if OpenBLAS chose the
// core.
func (i Info) String() string {
	var notes []string
	switch {
	case i.Chosen():
		notes = append(notes, EnvCore+"="+i.Asked)
	case i.Asked != "":
		notes = append(notes, EnvCore+"="+i.Asked+" is not in use: this OpenBLAS has no such core for this CPU")
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

// callers returns a semaphore that limits concurrent calls to the number of cores, and to the
// number of work buffers of OpenBLAS. OpenBLAS has two buffers for each thread that it was built
// for, and at least 50.
var callers = sync.OnceValue(func() chan struct{} {
	buffers := 50
	if m := regexp.MustCompile(`MAX_THREADS=(\d+)`).FindStringSubmatch(Read().Config); m != nil {
		threads, _ := strconv.Atoi(m[1])
		buffers = max(buffers, 2*threads)
	}
	return make(chan struct{}, min(runtime.GOMAXPROCS(0), buffers))
})

// touch writes once to the work buffers of OpenBLAS. The kernels of OpenBLAS prefetch the part of a
// buffer that they pack next. Until that memory is written, each prefetch walks the page tables in
// vain. Without touch, a process with only moderately large products, such as 200×3072×200, stays
// slow.
var touch = sync.OnceFunc(func() {
	const m, n, k = 400, 400, 512 // the smallest size that helped in measurements
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

// gemm adapts call to the slot of a set. BLAS has only a scalar β, so gemm applies the β of rows
// and columns before the call. It leaves a product to base if α or k is 0, or if a size or a stride
// exceeds a C int. For such a size, OpenBLAS would return without a result.
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

// scale sets C ← β∘C. It does not read elements of C for which β = 0.
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
