package blocked

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"fusegrid/kernels"
)

// A plain is a micro-kernel in plain Go that records its calls and checks what Tiles promises. With a
// PackMR of 3, its widest tiles have one micro-panel of rows and the others two.
type plain struct {
	t     *testing.T
	calls []Tiles[float32]
	moves []Move[float32]
}

func (p *plain) gemm() *gemm[float32] {
	return newGemm(Micro[float32]{
		Tile: kernels.Tile{MR: 3, NR: 8, Lanes: 4}, PackMR: 3, Squares: 2,
		Kernels: []Kernel[float32]{
			{MR: 3, NR: 8, Compute: p.compute(3, 8)}, {MR: 6, NR: 4, Compute: p.compute(6, 4)}, {MR: 6, NR: 2, Compute: p.compute(6, 2)},
		},
		Merge: p.merge,
	})
}

func (p *plain) compute(mr, nr int) func(*Tiles[float32]) {
	return func(t *Tiles[float32]) {
		p.calls = append(p.calls, *t)
		if t.Rows < 1 || t.Rows > mr || t.Count < 1 || t.Cols > nr || t.Cols <= nr/2 && nr > 2 {
			p.t.Errorf("a kernel of %d×%d computes %d tiles of %d×%d", mr, nr, t.Count, t.Rows, t.Cols)
		}
		if t.Squares != nil && (t.Order != Packed || t.Count != 1 || t.Rows != 3 || t.Cols != 8 || t.K%2 != 0) {
			p.t.Errorf("squares with %d tiles of %d×%d in order %d", t.Count, t.Rows, t.Cols, t.Order)
		}
		for i := range t.Count * t.Rows {
			tile, r := i/t.Rows, i%t.Rows
			for j := range t.Cols {
				sum := float32(0)
				if t.Start != nil {
					sum = t.Start[i*nr+j]
				}
				for q := range t.K {
					at := tile*t.ScalarTile + q/t.Run*(t.Run+t.RunSkip) + q%t.Run*t.ScalarKStride
					if t.PanelStride > 0 {
						at += r/3*t.PanelStride + r%3*t.ScalarStride
					} else {
						at += r * t.ScalarStride
					}
					sum += t.Scalar[at] * t.Vec[q*t.VecStride+j]
				}
				dst := &t.Dst[i*t.Stride+j]
				if t.BetaKind != BetaNone {
					beta := t.BetaAt(i, j)
					if beta == 0 || t.Cols != nr {
						p.t.Errorf("a kernel merges %d columns with a β of %v", t.Cols, beta)
					}
					sum += beta * *dst
				}
				*dst = sum
			}
		}
	}
}

func (p *plain) merge(m *Move[float32]) {
	p.moves = append(p.moves, *m)
	for r := range m.Rows {
		for c := range m.Cols {
			dst, sum := &m.Dst[r*m.Stride+c], m.Alpha*m.Src[r*m.SrcStride+c]
			if beta := m.BetaAt(r, c); beta != 0 {
				sum += beta * *dst
			}
			*dst = sum
		}
	}
}

// TestStrip computes strips whose scalars lie in each of the orders, whole or in two blocks of terms,
// and compares them with their definition. All numbers are small integers, so sums are exact.
func TestStrip(t *testing.T) {
	type scalars struct {
		name       string
		set        func(s *strip[float32], rows, k int) (size int)
		at         func(rows, k, i, q int) int
		order      Order
		evenPanels bool
	}
	const skip = 5
	layouts := []scalars{
		{"rows", func(s *strip[float32], rows, k int) int {
			s.ScalarStride, s.ScalarKStride = k+1, 1
			return rows * (k + 1)
		}, func(_, k, i, q int) int { return i*(k+1) + q }, AnyOrder, false},
		{"columns", func(s *strip[float32], rows, k int) int {
			s.ScalarStride, s.ScalarKStride = 1, rows
			return rows * k
		}, func(rows, _, i, q int) int { return q*rows + i }, AnyOrder, false},
		{"micro-panels", func(s *strip[float32], rows, k int) int {
			s.panelRows, s.PanelStride, s.ScalarStride, s.ScalarKStride = 3, 3*k+2, 1, 3
			return (rows + 2) / 3 * (3*k + 2)
		}, func(_, k, i, q int) int { return i/3*(3*k+2) + 3*q + i%3 }, Packed, false},
		{"runs in micro-panels", func(s *strip[float32], rows, k int) int {
			s.panelRows, s.PanelStride, s.ScalarStride, s.ScalarKStride = 3, 9, 3, 1
			s.Run, s.RunSkip = 3, 3*rows+skip-3
			return (k/3+1)*(3*rows+skip) + 9
		}, func(rows, _, i, q int) int { return q/3*(3*rows+skip) + 3*i + q%3 }, PackedRuns, false},
		{"runs", func(s *strip[float32], rows, k int) int {
			s.ScalarStride, s.ScalarKStride, s.Run, s.RunSkip = 8, 1, 8, 8*rows+skip-8
			return (k/8 + 1) * (8*rows + skip)
		}, func(rows, _, i, q int) int { return q/8*(8*rows+skip) + 8*i + q%8 }, RowRuns, false},
	}
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			for rows := 1; rows <= 20; rows++ {
				for _, cols := range []int{1, 2, 3, 4, 5, 8} {
					for variant := range 16 {
						p := &plain{t: t}
						g, w := p.gemm(), new(workspace[float32])
						s, k := &w.s, 24
						nr := g.micro.kernel(cols).NR
						s.rows, s.Cols, s.alpha = rows, cols, float32(1+variant&1)
						s.scalar = integers(l.set(s, rows, k))
						s.Vec, s.VecStride = integers(k*8), 8
						s.out = Out[float32]{Dst: integers(rows * (cols + 3)), Stride: cols + 3}
						beta := integers(max(rows, cols))
						switch variant >> 1 & 3 {
						case 1:
							s.out.BetaKind, s.out.Beta, s.out.BetaStride = BetaRows, beta, 1
						case 2:
							s.out.BetaKind, s.out.Beta = BetaCols, beta
						case 3:
							s.out.BetaKind, s.out.Beta = BetaRows, beta[:1]
						}
						s.wholeBeta = cols == nr && !slices.Contains(beta, 0)
						want := slices.Clone(s.out.Dst)
						for i := range rows {
							for j := range cols {
								sum := float32(0)
								for q := range k {
									sum += s.scalar[l.at(rows, k, i, q)] * s.Vec[q*8+j]
								}
								want[i*s.out.Stride+j] = s.alpha*sum + s.out.BetaAt(i, j)*want[i*s.out.Stride+j]
							}
						}
						runs := func() {
							if l.order != PackedRuns && l.order != RowRuns {
								s.Run = s.K
							}
						}
						if variant&8 != 0 { // two blocks of terms
							scalar, vec := s.scalar, s.Vec
							s.partial = make([]float32, rows*nr)
							s.K, s.unfinished = 8, true
							if l.order == PackedRuns {
								s.K = 9
							}
							runs()
							g.multiply(w)
							s.scalar, s.Vec = scalar[l.at(rows, k, 0, s.K):], vec[s.K*8:]
							s.K, s.unfinished, s.resume = k-s.K, false, true
						} else {
							s.K = k
						}
						runs()
						g.multiply(w)
						if !slices.Equal(s.out.Dst, want) {
							t.Fatalf("%d×%d, variant %d: got %v, want %v", rows, cols, variant, s.out.Dst, want)
						}
						for _, c := range p.calls {
							if c.Order != l.order {
								t.Fatalf("order %d, want %d", c.Order, l.order)
							}
						}
						if direct := s.alpha == 1 && (s.out.BetaKind == BetaNone || s.wholeBeta); direct != (len(p.moves) == 0) {
							t.Fatalf("%d×%d, variant %d: %d merges", rows, cols, variant, len(p.moves))
						}
					}
				}
			}
		})
	}
}

// integers returns n small integers, some of them 0.
func integers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i*7%5 - 2)
	}
	return x
}

// TestStripDoesNotReadC checks that C is not read where there is no β, or where β is 0.
func TestStripDoesNotReadC(t *testing.T) {
	nan := float32(math.NaN())
	for name, out := range map[string]Out[float32]{
		"no β":           {},
		"β of rows 0":    {BetaKind: BetaRows, Beta: make([]float32, 4), BetaStride: 1},
		"β of all 0":     {BetaKind: BetaRows, Beta: make([]float32, 1)},
		"β of columns 0": {BetaKind: BetaCols, Beta: make([]float32, 8)},
	} {
		t.Run(name, func(t *testing.T) {
			p := &plain{t: t}
			w := new(workspace[float32])
			w.s = strip[float32]{alpha: 1, rows: 4, out: out}
			w.s.Cols, w.s.out.Dst, w.s.out.Stride = 8, slices.Repeat([]float32{nan}, 32), 8
			p.gemm().multiply(w)
			if !slices.Equal(w.s.out.Dst, make([]float32, 32)) {
				t.Errorf("the sums of no terms are %v", w.s.out.Dst)
			}
		})
	}
}

// TestStripHints checks that the squares of vectors are added once, and that each tile prefetches
// vectors that the one before it has not.
func TestStripHints(t *testing.T) {
	p := &plain{t: t}
	w := new(workspace[float32])
	w.s = strip[float32]{alpha: 1, rows: 11, panelRows: 3, scalar: integers(4 * 3 * 64), squares: integers(8)}
	w.s.K, w.s.Run, w.s.Cols, w.s.Vec, w.s.VecStride, w.s.Prefetch = 64, 64, 8, integers(64*8), 8, 1000
	w.s.ScalarStride, w.s.ScalarKStride, w.s.PanelStride = 1, 3, 3*64
	w.s.out = Out[float32]{Dst: make([]float32, 88), Stride: 8}
	p.gemm().multiply(w)
	type hints struct {
		count, rows, prefetch int
		squares, fetch        bool
	}
	var got []hints
	for _, c := range p.calls {
		got = append(got, hints{c.Count, c.Rows, c.Prefetch, c.Squares != nil, c.Fetch})
	}
	line := lineElems[float32]()
	want := []hints{{1, 3, 1000, true, true}, {2, 3, 1000 + 8*line, false, true}, {1, 2, 1000 + 24*line, false, true}}
	if !slices.Equal(got, want) {
		t.Errorf("calls with %v, want %v", got, want)
	}
}

func TestNextTiles(t *testing.T) {
	for _, c := range []struct {
		rows int
		even bool
		want string // count×rows of each call
	}{
		{1, true, "1×1"},
		{14, true, "1×14"},
		{15, true, "1×8 1×7"},
		{28, true, "2×14"},
		{29, true, "1×14 1×8 1×7"},
		{200, true, "13×14 2×9"},
		{1, false, "1×1"},
		{15, false, "1×14 1×1"},
		{29, false, "2×14 1×1"},
		{196, false, "14×14"},
	} {
		t.Run(fmt.Sprintf("%d,even=%t", c.rows, c.even), func(t *testing.T) {
			got := ""
			for rest := c.rows; rest > 0; {
				rows, count := nextTiles(rest, 14, c.even)
				got += fmt.Sprintf(" %d×%d", count, rows)
				rest -= rows * count
			}
			if got[1:] != c.want {
				t.Errorf("got%s, want %s", got, c.want)
			}
		})
	}
}
