package blocked

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fusegrid/kernels"
)

// A Packing says when the vectors of large products are packed: by the first tile of each panel, or before it. Which
// one is faster depends on the CPU, and on what shares its caches, so both are measured at the first large product.
// Bits do not depend on it. The zero value is undecided. A Packing is safe for concurrent use.
type Packing struct {
	once  sync.Once
	state atomic.Int32 // 0 undecided, 1 first, 2 before
}

// The values of a Packing.
const (
	PackFirst  = "first"
	PackBefore = "before"
)

var packings = []string{"", PackFirst, PackBefore}

// Fix decides without a measurement. It returns an error if the value is not [PackFirst] or [PackBefore].
func (p *Packing) Fix(value string) error {
	for i, v := range packings[1:] {
		if v == value {
			p.once.Do(func() {})
			p.state.Store(int32(i + 1))
			return nil
		}
	}
	return fmt.Errorf("%q: want %s or %s", value, PackFirst, PackBefore)
}

// String returns [PackFirst], [PackBefore], or "" if there was no large product yet.
func (p *Packing) String() string { return packings[p.state.Load()] }

// first reports whether the first tile packs. Undecided products take that way.
func (p *Packing) first() bool { return p == nil || p.state.Load() != 2 }

// Sizes of the measurement: it takes less than 20 ms if a core does 30 GFLOP/s. The vectors do not fit the L2 cache, and
// few rows meet them, so that packing takes much of the time. The median of the ratios decides: on a busy machine it was
// right more often than the best times.
const (
	packingLarge = 1 << 24 // multiply-adds of a product before which the measurement is worth its time
	packingM     = 48
	packingK     = 6 * kernels.Piece
	packingN     = 192
	packingTurns = 9
	packingTime  = 9 * time.Millisecond
	packingGain  = 1.01 // packing first must be so many times as fast as before, or it is not taken
)

// decide measures both ways unless that was done. A product of work multiply-adds is about to be computed.
func (g *gemm[T]) decide(work int) {
	p := g.micro.Packing
	if p == nil || work < packingLarge || p.state.Load() != 0 {
		return
	}
	p.once.Do(func() {
		q := kernels.Product[T]{Alpha: 1, A: ones[T](packingM, packingK), B: ones[T](packingK, packingN), C: ones[T](packingM, packingN)}
		way := [2]*gemm[T]{newGemm(g.micro), newGemm(g.micro)}
		for i := range way {
			way[i].micro.Packing = new(Packing)
			way[i].micro.Packing.state.Store(int32(i + 1))
			way[i].product(q) // makes its workspace
		}
		var ratios []float64 // of the times of before and first
		for began := time.Now(); len(ratios) < packingTurns && (len(ratios) < 2 || time.Since(began) < packingTime); {
			var took [2]time.Duration
			for i := range way {
				start := time.Now()
				way[i].product(q)
				took[i] = max(time.Since(start), 1)
			}
			ratios = append(ratios, float64(took[1])/float64(took[0]))
		}
		slices.Sort(ratios)
		if ratios[len(ratios)/2] < packingGain {
			p.state.Store(2)
		} else {
			p.state.Store(1)
		}
	})
}

// ones returns a matrix of ones. A matrix of zeros could be one page of memory, which the operating system maps again
// and again until the page is written, and which stays in the L1 cache.
func ones[T kernels.Float](rows, cols int) kernels.Mat[T] {
	x := make([]T, rows*cols)
	for i := range x {
		x[i] = 1
	}
	return kernels.Mat[T]{Rows: rows, Cols: cols, Stride: cols, Data: x}
}
