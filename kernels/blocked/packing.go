package blocked

import (
	"fmt"
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

// Sizes of the measurement: it takes less than 20 ms if a core does 20 GFLOP/s. The vectors do not fit the L2 cache of
// most CPUs.
const (
	packingLarge = 1 << 24 // multiply-adds of a product before which the measurement is worth its time
	packingM     = 96
	packingK     = 2 * kernels.Piece
	packingN     = 192
	packingTurns = 5
	packingTime  = 15 * time.Millisecond
	packingGain  = 0.99 // of the time of the default, below which the other way is taken
)

// decide measures both ways unless that was done. A product of work multiply-adds is about to be computed.
func (g *gemm[T]) decide(work int) {
	p := g.micro.Packing
	if p == nil || work < packingLarge || p.state.Load() != 0 {
		return
	}
	p.once.Do(func() {
		q := kernels.Product[T]{
			Alpha: 1,
			A:     kernels.Mat[T]{Rows: packingM, Cols: packingK, Stride: packingK, Data: make([]T, packingM*packingK)},
			B:     kernels.Mat[T]{Rows: packingK, Cols: packingN, Stride: packingN, Data: make([]T, packingK*packingN)},
			C:     kernels.Mat[T]{Rows: packingM, Cols: packingN, Stride: packingN, Data: make([]T, packingM*packingN)},
		}
		way := [2]*gemm[T]{newGemm(g.micro), newGemm(g.micro)}
		var best [2]time.Duration
		for i := range way {
			way[i].micro.Packing = new(Packing)
			way[i].micro.Packing.state.Store(int32(i + 1))
			way[i].product(q) // makes its workspace
		}
		for turn, began := 0, time.Now(); turn < packingTurns && (turn < 2 || time.Since(began) < packingTime); turn++ {
			for i := range way {
				start := time.Now()
				way[i].product(q)
				if d := time.Since(start); turn == 0 || d < best[i] {
					best[i] = d
				}
			}
		}
		if float64(best[1]) < packingGain*float64(best[0]) {
			p.state.Store(2)
		} else {
			p.state.Store(1)
		}
	})
}
