package kernels

import (
	"fmt"
	"math"
)

// Panels is a matrix, (Steps, Lanes), in the order in which a micro-kernel reads and writes it.
// Weights that stay in it are never packed, and pass by from one end to the other.
//
// Its wide form has panels of Width lanes, each of them step by step: what lies along the vectors is
// lanes. Few lanes would leave much of their last vector empty; then the flipped form has the
// steps along the vectors, in tiles of Units lanes × Width steps.
//
// What is left of the last panel beside the matrix's lanes, or of the last tile beside its steps, is
// of no account: it starts as zeros, and operations may write to it.
type Panels[T Float] struct {
	Steps, Lanes int
	Width        int
	Units        int // room for lanes in a tile of the flipped form; 0 says that the form is wide
	// Element (p, l) is at l/Width·Width·Steps + p·Width + l mod Width in the wide form, at
	// p/Width·Width·Units + l·Width + p mod Width in the flipped one.
	Data []T
}

// NewPanels returns a zero matrix in the panels that suit the set. A set that has no
// micro-kernel of ours takes one panel for all lanes: then it is row-major.
func (o Ops[T]) NewPanels(steps, lanes int) Panels[T] {
	if steps < 0 || lanes < 0 {
		panic(fmt.Sprintf("kernels: NewPanels: %d steps of %d lanes", steps, lanes))
	}
	p := Panels[T]{Steps: steps, Lanes: lanes, Width: max(lanes, 1)}
	if l := o.s.Packed; l != nil {
		p.Width = l.Width
		if lanes > 0 && l.Flips(lanes) {
			p.Units = lanes
			p.Data = grow[T](nil, roundUp(steps, p.Width)*lanes)
			return p
		}
	}
	p.Data = grow[T](nil, steps*roundUp(lanes, p.Width))
	return p
}

// flipped reports whether steps lie along the vectors.
func (p Panels[T]) flipped() bool { return p.Units > 0 }

// at returns where lane l begins. In the wide form its elements are Width apart; in the flipped one
// each tile has Width neighbours.
func (p Panels[T]) at(l int) int {
	if p.flipped() {
		return l * p.Width
	}
	return l/p.Width*p.Width*p.Steps + l%p.Width
}

// tile is the number of elements from a tile of the flipped form to the next.
func (p Panels[T]) tile() int { return p.Units * p.Width }

// Lane copies lane l to dst, which has Steps elements.
func (p Panels[T]) Lane(dst []T, l int) {
	p.checkLane("Lane", "dst", dst, l)
	at := p.at(l)
	if p.flipped() {
		for i := 0; i < p.Steps; i, at = i+p.Width, at+p.tile() {
			copy(dst[i:min(i+p.Width, p.Steps)], p.Data[at:])
		}
		return
	}
	for i := 0; i < p.Steps; i, at = i+1, at+p.Width {
		dst[i] = p.Data[at]
	}
}

// SetLane sets lane l to src, which has Steps elements.
func (p Panels[T]) SetLane(l int, src []T) {
	p.checkLane("SetLane", "src", src, l)
	at := p.at(l)
	if p.flipped() {
		for i := 0; i < p.Steps; i, at = i+p.Width, at+p.tile() {
			copy(p.Data[at:], src[i:min(i+p.Width, p.Steps)])
		}
		return
	}
	for i := 0; i < p.Steps; i, at = i+1, at+p.Width {
		p.Data[at] = src[i]
	}
}

func (p Panels[T]) checkLane(op, name string, x []T, l int) {
	checkLen(op, name, len(x), p.Steps)
	p.checkIndex(op, l)
}

func (p Panels[T]) checkIndex(op string, l int) {
	if l < 0 || l >= p.Lanes {
		panic(fmt.Sprintf("kernels: %s: lane %d, want 0…%d", op, l, p.Lanes-1))
	}
}

// MoveLane copies lane from to lane to.
func (p Panels[T]) MoveLane(to, from int) {
	p.checkIndex("MoveLane", to)
	p.checkIndex("MoveLane", from)
	a, b := p.at(to), p.at(from)
	if p.flipped() {
		for i := 0; i < p.Steps; i += p.Width {
			copy(p.Data[a:a+p.Width], p.Data[b:])
			a, b = a+p.tile(), b+p.tile()
		}
		return
	}
	for range p.Steps {
		p.Data[a] = p.Data[b]
		a, b = a+p.Width, b+p.Width
	}
}

// First returns the first lanes lanes, in the same memory and the same form. The others are given up:
// what the last panel has of them may be written.
func (p Panels[T]) First(lanes int) Panels[T] {
	if lanes < 0 || lanes > p.Lanes {
		panic(fmt.Sprintf("kernels: the first %d of %d lanes", lanes, p.Lanes))
	}
	if p.flipped() {
		p.Lanes = lanes
		p.Data = p.Data[:p.size()]
		return p
	}
	return p.lanes(0, lanes)
}

// lanes returns the view of lanes [l0, l1) of the wide form; l0 begins a panel.
func (p Panels[T]) lanes(l0, l1 int) Panels[T] {
	p.Data = p.Data[l0*p.Steps : roundUp(l1, p.Width)*p.Steps]
	p.Lanes = l1 - l0
	return p
}

// steps returns the view of steps [p0, p1) of the flipped form; p0 begins a tile.
func (p Panels[T]) steps(p0, p1 int) Panels[T] {
	p.Data = p.Data[p0*p.Units:]
	p.Steps = p1 - p0
	p.Data = p.Data[:p.size()]
	return p
}

// size returns the number of elements from the first to the last that p has.
func (p Panels[T]) size() int {
	if !p.flipped() {
		return p.Steps * roundUp(p.Lanes, p.Width)
	}
	if p.Steps == 0 || p.Lanes == 0 {
		return 0
	}
	return (p.Steps-1)/p.Width*p.tile() + p.Lanes*p.Width
}

// mat returns p, which is one panel, as a matrix.
func (p Panels[T]) mat() Mat[T] {
	return Mat[T]{Rows: p.Steps, Cols: p.Lanes, Stride: p.Width, Data: p.Data}
}

func checkPanels[T Float](op, name string, p Panels[T]) {
	if p.Steps < 0 || p.Lanes < 0 || p.Width < 1 || p.Units < 0 || p.flipped() && p.Units < p.Lanes || len(p.Data) < p.size() {
		panic(fmt.Sprintf("kernels: %s: %s has %d elements for %d steps of %d lanes in %s",
			op, name, len(p.Data), p.Steps, p.Lanes, p.form()))
	}
}

// form says how p lies in memory.
func (p Panels[T]) form() string {
	if p.Units != 0 {
		return fmt.Sprintf("tiles of %d×%d", p.Units, p.Width)
	}
	return fmt.Sprintf("panels of %d", p.Width)
}

// LaneSquares: dst(l) = Σ w(p,l)², what [Ops.SumSquares] gives for the elements of lane l in
// ascending p.
func (o Ops[T]) LaneSquares(dst []T, w Panels[T]) {
	checkPanels("LaneSquares", "w", w)
	checkLen("LaneSquares", "dst", len(dst), w.Lanes)
	checkApart("LaneSquares", "dst", "w", dst, w.Data)
	if w.Lanes == 0 {
		return
	}
	if w.flipped() {
		sums := make([]T, SumLanes[T]()*w.Lanes)
		o.s.addTileSquares(sums, w)
		o.s.foldTileSquares(dst, sums, w.Width)
		return
	}
	o.laneSquares(dst, w, make([]T, SumLanes[T]()*w.Width))
}

func (o Ops[T]) laneSquares(dst []T, w Panels[T], sums []T) {
	for l := 0; l < w.Lanes; l += w.Width {
		clear(sums)
		o.s.AddSquares(sums, w.Data[l*w.Steps:(l+w.Width)*w.Steps])
		o.s.foldSquares(dst[l:min(l+w.Width, w.Lanes)], sums, w.Width)
	}
}

// foldSquares adds the upper half of the rows of sums to the lower half until one is left.
func (s *Slots[T]) foldSquares(dst, sums []T, width int) {
	for n := SumLanes[T]() / 2 * width; n >= width; n /= 2 {
		s.Axpby(1, sums[n:2*n], 1, sums[:n])
	}
	copy(dst, sums[:width])
}

// AxpbyPanels: y(·,l) ← α(l)·x(·,l) + β(l)·y(·,l), each element as [Ops.Axpby] computes it.
func (o Ops[T]) AxpbyPanels(alpha []T, x Panels[T], beta []T, y Panels[T]) {
	checkPanels("AxpbyPanels", "x", x)
	checkPanels("AxpbyPanels", "y", y)
	checkLen("AxpbyPanels", "alpha", len(alpha), y.Lanes)
	checkLen("AxpbyPanels", "beta", len(beta), y.Lanes)
	if x.Steps != y.Steps || x.Lanes != y.Lanes || x.Width != y.Width || x.Units != y.Units {
		panic(fmt.Sprintf("kernels: AxpbyPanels: x is %d×%d in %s, y is %d×%d in %s",
			x.Steps, x.Lanes, x.form(), y.Steps, y.Lanes, y.form()))
	}
	checkSameOrApart("AxpbyPanels", "y", "x", y.Data, x.Data)
	if y.flipped() {
		o.s.axpbyTiles(alpha, x, beta, y)
		return
	}
	for l := 0; l < y.Lanes; {
		// Neighbours in a panel with the same factors go together.
		end := l + 1
		for end < y.Lanes && end%y.Width != 0 && sameBits(alpha[end], alpha[l]) && sameBits(beta[end], beta[l]) {
			end++
		}
		if l%y.Width == 0 && (end%y.Width == 0 || end == y.Lanes) { // a panel, with what is left of the last
			n := y.Width * y.Steps
			o.s.Axpby(alpha[l], x.Data[l*y.Steps:][:n], beta[l], y.Data[l*y.Steps:][:n])
		} else {
			for p, at := 0, y.at(l); p < y.Steps; p, at = p+1, at+y.Width {
				o.s.Axpby(alpha[l], x.Data[at:at+end-l], beta[l], y.Data[at:at+end-l])
			}
		}
		l = end
	}
}

// sameBits tells −0 from 0.
func sameBits[T Float](a, b T) bool {
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b))
}
