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
	units := o.units(max(m, n))
	if workers = worthWorkers(m, n, k, units, workers); workers == 1 {
		o.s.Gemm(p)
		return
	}
	o.gemmParallel(p, units, workers)
}

// worthWorkers returns the number of workers that a product of m·n·k multiply-adds is worth, if
// it can be split into so many parts.
func worthWorkers(m, n, k, parts, workers int) int {
	worth := int64(m) * int64(n) * int64(k) / minParallelWork
	return int(max(1, min(int64(workers), int64(parts), worth)))
}

// share returns the first of the parts that worker w computes; the share of the next worker begins
// where that of w ends.
func share(parts, w, workers int) int { return w * parts / workers }

// unit is the number of rows or columns of C that parts are multiples of. The vectors of a kernel may
// lie along either side of C.
func (o Ops[T]) unit() int { return max(o.s.Tile.MR, o.s.Tile.NR, 1) }

// units returns the number of units that a side of C has. The last one may not be whole.
func (o Ops[T]) units(side int) int { return (side + o.unit() - 1) / o.unit() }

// gemmParallel computes p on so many workers. It is a function of its own so that a single
// worker does not pay for what its closure puts on the heap.
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

// bound returns the row or column of a side of C with which a unit begins.
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
