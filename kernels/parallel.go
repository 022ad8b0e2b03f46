package kernels

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"sync"
)

// minParallelWork is the number of multiply-adds that is worth a goroutine. A fast kernel takes
// about ten microseconds for it.
const minParallelWork = 1 << 20

// GemmParallel computes a [Product] and returns when all goroutines are done. The argument workers
// is their maximum number, including the caller's goroutine. Small products run on the caller's
// goroutine alone.
//
// C is split along its longer side, at multiples of the tile. Sums are never split, so on a stable
// set the bits are the same as with [Ops.Gemm], for any number of workers.
//
// Wrong arguments cause the panics of Gemm. A panic in a worker reaches the caller after the other
// workers have finished.
func (o Ops[T]) GemmParallel(p Product[T], workers int) {
	p.check()
	m, n, k := p.Dims()
	if m == 0 || n == 0 {
		return
	}
	units := o.units(max(m, n))
	if workers = worthWorkers(m, n, k, units, workers); workers == 1 {
		o.s.Gemm(p)
		return
	}
	o.gemmParallel(p, units, workers)
}

// worthWorkers returns the number of goroutines that pay off for a product of m·n·k multiply-adds.
// It exceeds neither workers nor parts.
func worthWorkers(m, n, k, parts, workers int) int {
	worth := int64(m) * int64(n) * int64(k) / minParallelWork
	return int(max(1, min(int64(workers), int64(parts), worth)))
}

// share returns the first part that worker w computes. Worker w computes the parts up to the first
// part of worker w+1.
func share(parts, w, workers int) int { return w * parts / workers }

// unit returns the number of rows or columns in a unit. A part of a product consists of whole
// units. A unit is the larger side of the tile, because the vectors of a kernel may lie along
// either side of C.
func (o Ops[T]) unit() int { return max(o.s.Tile.MR, o.s.Tile.NR, 1) }

// units returns the number of units in a side of C. The last unit may be partial.
func (o Ops[T]) units(side int) int { return (side + o.unit() - 1) / o.unit() }

// gemmParallel computes p on several workers. It is separate from GemmParallel, because its closure
// allocates and a single worker needs no closure.
func (o Ops[T]) gemmParallel(p Product[T], units, workers int) {
	forEach(workers, func(w int) {
		o.s.Gemm(o.part(p, share(units, w, workers), share(units, w+1, workers)))
	})
}

// part returns the part of p that computes units [lo, hi) of the longer side of C.
func (o Ops[T]) part(p Product[T], lo, hi int) Product[T] {
	m, n := p.C.Rows, p.C.Cols
	if n > m {
		return p.Cols(o.bound(n, lo), o.bound(n, hi))
	}
	return p.Rows(o.bound(m, lo), o.bound(m, hi))
}

// bound returns the row or column of C at which a unit starts.
func (o Ops[T]) bound(side, unit int) int { return min(side, unit*o.unit()) }

// Rows returns the part of p that computes rows [i0, i1) of C.
func (p Product[T]) Rows(i0, i1 int) Product[T] {
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

// Cols returns the part of p that computes columns [j0, j1) of C.
func (p Product[T]) Cols(j0, j1 int) Product[T] {
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

// forEach calls f(0) on the caller's goroutine and f(1), …, f(n-1) each on its own goroutine, and
// waits for all. If some calls panic, it panics with the error of the lowest index.
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
	if err := cmp.Or(panics...); err != nil {
		panic(err)
	}
}
