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
	if workers = o.parts(m, n, k, workers); workers == 1 {
		o.s.Gemm(p)
		return
	}
	o.gemmParts(p, workers)
}

// parts returns the number of workers that a product is worth.
func (o Ops[T]) parts(m, n, k, workers int) int {
	worth := int64(m) * int64(n) * int64(k) / minParallelWork
	return int(max(1, min(int64(workers), int64(o.units(max(m, n))), worth)))
}

// cut returns where the part of worker w begins on a side of C.
func (o Ops[T]) cut(side, w, workers int) int {
	return min(side, w*o.units(side)/workers*o.unit())
}

// units returns the number of units that a side has, the last one perhaps not whole.
func (o Ops[T]) units(side int) int { return (side + o.unit() - 1) / o.unit() }

// unit is what parts are multiples of: the vectors of a kernel may lie along either
// side of C.
func (o Ops[T]) unit() int { return max(o.s.Tile.MR, o.s.Tile.NR, 1) }

// gemmParts computes p on so many workers. It is a function of its own so that the
// single worker does not pay for what these closures put on the heap.
func (o Ops[T]) gemmParts(p Product[T], workers int) {
	side := max(p.C.Rows, p.C.Cols)
	part := func(w int) Product[T] { return p.rows(o.cut(side, w, workers), o.cut(side, w+1, workers)) }
	if p.C.Cols > p.C.Rows {
		part = func(w int) Product[T] { return p.cols(o.cut(side, w, workers), o.cut(side, w+1, workers)) }
	}
	forEach(workers, func(w int) { o.s.Gemm(part(w)) })
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
