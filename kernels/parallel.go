package kernels

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// minParallelWork is the number of multiply-adds that is worth a goroutine:
// ten microseconds of a fast kernel.
const minParallelWork = 1 << 20

// GemmParallel computes a [Product] on up to that many goroutines, one of them
// the caller's, and returns when all are done. Small products run on the caller
// alone.
//
// The outputs are split, along the longer side of C and at multiples of the
// tile, and never the sums: on a stable set the bits are those of [Ops.Gemm],
// whatever the number of workers.
//
// Wrong arguments panic as in Gemm. A panic in a worker reaches the caller after
// the other workers have finished.
func (o Ops[T]) GemmParallel(p Product[T], workers int) {
	p.check()
	m, n, k := p.Dims()
	if m == 0 || n == 0 {
		return
	}
	cuts := o.cuts(m, n, k, workers)
	if len(cuts) == 2 {
		o.s.Gemm(p)
		return
	}
	part := func(w int) Product[T] { return p.rows(cuts[w], cuts[w+1]) }
	if n > m {
		part = func(w int) Product[T] { return p.cols(cuts[w], cuts[w+1]) }
	}
	forEach(len(cuts)-1, func(w int) { o.s.Gemm(part(w)) })
}

// cuts splits 0…max(m,n) among workers: part w is [cuts[w], cuts[w+1]).
func (o Ops[T]) cuts(m, n, k, workers int) []int {
	side := max(m, n)
	// The vectors of a kernel may lie along either side of C.
	unit := max(o.s.Tile.MR, o.s.Tile.NR, 1)
	units := (side + unit - 1) / unit
	workers = max(1, min(workers, units, m*n*k/minParallelWork))
	cuts := make([]int, workers+1)
	for w := range cuts {
		cuts[w] = min(side, w*units/workers*unit)
	}
	return cuts
}

// rows returns the part of p that computes rows [i0, i1) of C.
func (p Product[T]) rows(i0, i1 int) Product[T] {
	if p.TransA {
		p.A = p.A.Slice(0, p.A.Rows, i0, i1)
	} else {
		p.A = p.A.Slice(i0, i1, 0, p.A.Cols)
	}
	if p.BetaRow != nil {
		p.BetaRow = p.BetaRow[i0:i1]
	}
	p.C = p.C.Slice(i0, i1, 0, p.C.Cols)
	return p
}

// cols returns the part of p that computes columns [j0, j1) of C.
func (p Product[T]) cols(j0, j1 int) Product[T] {
	if p.TransB {
		p.B = p.B.Slice(j0, j1, 0, p.B.Cols)
	} else {
		p.B = p.B.Slice(0, p.B.Rows, j0, j1)
	}
	if p.BetaCol != nil {
		p.BetaCol = p.BetaCol[j0:j1]
	}
	p.C = p.C.Slice(0, p.C.Rows, j0, j1)
	return p
}

// forEach calls f(0), …, f(n-1), each on its own goroutine but the first, and
// waits for all. If some panic, it panics with the first of them.
func forEach(n int, f func(w int)) {
	panics := make([]error, n)
	guarded := func(w int) {
		defer func() {
			if v := recover(); v != nil {
				panics[w] = fmt.Errorf("kernels: panic in worker %d: %v\n\n%s", w, v, debug.Stack())
			}
		}()
		f(w)
	}
	var wg sync.WaitGroup
	for w := 1; w < n; w++ {
		wg.Go(func() { guarded(w) })
	}
	guarded(0)
	wg.Wait()
	for _, err := range panics {
		if err != nil {
			panic(err)
		}
	}
}
