package blocked

import (
	"fmt"
	"math"
	"slices"
	"strings"
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
			{3, 8, p.compute(3, 8), 3, 8}, {6, 4, p.compute(6, 4), 3, 8}, {6, 2, p.compute(6, 2), 3, 8},
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
		if t.Pack != nil && (t.Count != 1 || t.Rows != mr || t.Cols != nr || t.Run < t.K) {
			p.t.Errorf("%d tiles of %d×%d pack their vectors, in runs of %d of %d", t.Count, t.Rows, t.Cols, t.Run, t.K)
		}
		for q := range t.K {
			if t.Pack != nil {
				copy(t.Pack[q*nr:], t.Vec[q*t.VecStride:][:nr])
			}
		}
		for i := range t.Count * t.Rows {
			tile, r := i/t.Rows, i%t.Rows
			sums, to := i*nr, i*t.Stride
			if t.VecTile != 0 {
				sums, to = i*nr+tile*t.SumSkip, r*t.Stride+tile*t.DstTile
			}
			for j := range t.Cols {
				sum := float32(0)
				if t.Start != nil {
					sum = t.Start[sums+j]
				}
				for q := range t.K {
					at := tile*t.ScalarTile + q/t.Run*(t.Run+t.RunSkip) + q%t.Run*t.ScalarKStride
					if t.PanelStride > 0 {
						at += r/3*t.PanelStride + r%3*t.ScalarStride
					} else {
						at += r * t.ScalarStride
					}
					sum += t.Scalar[at] * t.Vec[tile*t.VecTile+q*t.VecStride+j]
				}
				if t.Add != nil {
					sum += t.Add[sums+j]
				}
				dst := &t.Dst[to+j]
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

// move copies a matrix, or its transpose, and pads rows of copies to whole vectors of four.
func (p *plain) move(transposed bool) func(m *Move[float32]) {
	return func(m *Move[float32]) {
		for r := range m.Rows {
			for c := range roundUp(m.Cols, 4) {
				v := float32(0)
				if c < m.Cols {
					v = m.Src[r*m.SrcStride+c]
				}
				switch {
				case !transposed:
					m.Dst[r*m.Stride+c] = v
				case c < m.Cols:
					dst := &m.Dst[c*m.Stride+r]
					*dst = v + m.BetaAt(c, r)**dst
				}
			}
		}
	}
}

// packPanels copies rows to panels of nr columns.
func (p *plain) packPanels(nr int) func(m *Move[float32]) {
	return func(m *Move[float32]) {
		if m.Cols%nr != 0 {
			p.t.Errorf("%d columns do not fill panels of %d", m.Cols, nr)
		}
		for r := range m.Rows {
			for c := range m.Cols {
				m.Dst[c/nr*m.Stride+r*nr+c%nr] = m.Src[r*m.SrcStride+c]
			}
		}
	}
}

// shared is a kernel of Micro.Shared. The last two columns fill a vector of four.
func (p *plain) shared(mr, nr int) func(*Tiles[float32]) {
	return func(t *Tiles[float32]) {
		p.calls = append(p.calls, *t)
		if t.Rows != mr || t.Cols != nr || t.Start != nil || t.BetaKind != BetaNone {
			p.t.Errorf("a kernel of %d×%d computes tiles of %d×%d, start %t, kind of β %d", mr, nr, t.Rows, t.Cols, t.Start != nil, t.BetaKind)
		}
		for i := range t.Count * mr {
			for j := range nr {
				at := j
				if j == nr-1 {
					at++
				}
				sum := float32(0)
				for q := range t.K {
					sum += t.Scalar[i/mr*t.ScalarTile+i%mr*t.ScalarStride+q*t.ScalarKStride] * t.Vec[q*t.VecStride+at]
				}
				if t.Add != nil {
					sum += t.Add[i*nr+j]
				}
				t.Dst[i*t.Stride+j] = sum
			}
		}
	}
}

func (p *plain) packShared(m *Move[float32]) {
	for r := range m.Rows {
		for c := range m.Cols + 2 {
			m.Dst[r*m.Stride+c] = m.Src[r*m.SrcStride+min(c, m.Cols-2+max(c-m.Cols+2, 0)/2)]
		}
	}
}

// TestGroups compares products whose scalars are read in groups of rows, and whose rows share vectors, with their
// definition. All numbers are small integers, so sums are exact.
func TestGroups(t *testing.T) {
	for _, c := range []struct{ m, k int }{{17, 1303}, {18, 1303}, {17, 11}, {6, 300}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) { testGroups(t, c.m, c.k) })
	}
}

func testGroups(t *testing.T, m, k int) {
	numbers := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32((i*i+3*i)%7 - 3)
		}
		return x
	}
	beside, packed, shared := false, false, false
	for _, n := range []int{1, 5, 6, 8, 10, 13, 14, 24, 26, 43} {
		for variant := range 32 {
			t.Run(fmt.Sprintf("%d,%d", n, variant), func(t *testing.T) {
				p := &plain{t: t}
				g := p.gemm()
				g.micro.Groups, g.micro.PackTile, g.micro.PackMR, g.micro.Narrow, g.micro.KC = true, true, 0, 2, 512
				g.micro.Copy, g.micro.Transpose, g.micro.PackPanels = p.move(false), p.move(true), p.packPanels(g.micro.Tile.NR)
				g.micro.Shared, g.micro.PackShared = []Kernel[float32]{{2, 10, p.shared(2, 10), 0, 0}, {4, 6, p.shared(4, 6), 0, 0}}, p.packShared
				q := kernels.Product[float32]{
					Alpha: 1, A: kernels.MatOf(m, k, numbers(m*k)), B: kernels.MatOf(k, n, numbers(k*n)), C: kernels.MatOf(m, n, numbers(m*n)),
				}
				if variant&1 != 0 {
					q.TransB, q.B = true, kernels.MatOf(n, k, numbers(k*n))
				}
				if variant&16 != 0 {
					q.TransA, q.A = true, kernels.MatOf(k, m, numbers(m*k))
				}
				if variant&2 != 0 {
					g.micro.KC = 300
				}
				if variant&4 != 0 {
					q.Alpha = 2
				}
				if variant&8 != 0 {
					q.BetaCol = numbers(n)
				}
				want := slices.Clone(q.C.Data)
				for i := range m {
					for j := range n {
						sum := float32(0)
						for l := range k {
							b := l*n + j
							if q.TransB {
								b = j*k + l
							}
							a := i*k + l
							if q.TransA {
								a = l*m + i
							}
							sum += q.A.Data[a] * q.B.Data[b]
						}
						want[i*n+j] = q.Alpha*sum + q.BetaAt(i, j)*want[i*n+j]
					}
				}
				g.product(q)
				if !slices.Equal(q.C.Data, want) {
					for i, x := range q.C.Data {
						if x != want[i] {
							t.Fatalf("element (%d, %d) is %v, want %v", i/n, i%n, x, want[i])
						}
					}
				}
				for _, c := range p.calls {
					beside, packed = beside || c.VecTile != 0, packed || c.Pack != nil
					shared = shared || c.Cols == 10
				}
			})
		}
	}
	if large := k > kernels.Piece; large && (!beside || !packed) || !shared && (!large || m%2 == 0) {
		t.Errorf("tiles side by side: %t; tiles that pack: %t; tiles that share vectors: %t", beside, packed, shared)
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
							s.K, s.keep = 8, make([]float32, rows*nr)
							if l.order == PackedRuns {
								s.K = 9
							}
							runs()
							g.multiply(w)
							kept := s.keep
							s.scalar, s.Vec = scalar[l.at(rows, k, 0, s.K):], vec[s.K*8:]
							s.K, s.keep = k-s.K, nil
							if variant&1 == 0 {
								s.start = kept
							} else {
								s.earlier = kept
							}
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

// TestSetBlock checks where the sums of each block start and end.
func TestSetBlock(t *testing.T) {
	piece, total := []float32{1}, []float32{2}
	name := func(x []float32) string {
		switch {
		case x == nil:
			return "-"
		case &x[0] == &piece[0]:
			return "piece"
		}
		return "total"
	}
	for _, c := range []struct {
		kc, k int
		want  string // start, earlier, keep of each block
	}{
		{512, 0, ""},
		{512, 512, "0: - - -"},
		{200, 512, "0: - - piece, 200: piece - piece, 400: piece - -"},
		{512, 513, "0: - - total, 512: - total -"},
		{768, 1024, "0: - - total, 512: - total -"},
		{512, 1100, "0: - - total, 512: - total total, 1024: - total -"},
		{300, 1100, "0: - - piece, 300: piece - total, 512: - - piece, 812: piece total total, 1024: - total -"},
	} {
		var got []string
		for p := 0; p < c.k; {
			s := strip[float32]{}
			s.K = blockEnd(p, c.kc, c.k) - p
			s.setBlock(p, c.k, piece, total)
			got = append(got, fmt.Sprintf("%d: %s %s %s", p, name(s.start), name(s.earlier), name(s.keep)))
			p += s.K
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("blocks of %d terms of %d: %s, want %s", c.kc, c.k, got, c.want)
		}
	}
}
