package kernels

import (
	"fmt"
	"math"
)

// Panels is a matrix, (Steps, Lanes), in the order in which a micro-kernel reads its vectors and
// writes its results: panels of Width lanes, each of them step by step. Weights that stay in it
// are never packed, and are read and written from one end to the other.
//
// What is left of the last panel beside the matrix's lanes is of no account: it starts as zeros, and
// operations may write to it.
type Panels[T Float] struct {
	Steps, Lanes int
	Width        int
	Data         []T // element (p, l) at l/Width·Width·Steps + p·Width + l mod Width
}

// NewPanels returns a zero matrix in the panels that suit the set. A set that has no
// micro-kernel of ours takes one panel for all lanes: then it is row-major.
func (o Ops[T]) NewPanels(steps, lanes int) Panels[T] {
	if steps < 0 || lanes < 0 {
		panic(fmt.Sprintf("kernels: NewPanels: %d steps of %d lanes", steps, lanes))
	}
	p := Panels[T]{Steps: steps, Lanes: lanes, Width: max(lanes, 1)}
	if o.s.Packed != nil {
		p.Width = o.s.Packed.Width
	}
	p.Data = grow[T](nil, steps*roundUp(lanes, p.Width))
	return p
}

// at returns where lane l begins; its elements are Width apart.
func (p Panels[T]) at(l int) int { return l/p.Width*p.Width*p.Steps + l%p.Width }

// Lane copies lane l to dst, which has Steps elements.
func (p Panels[T]) Lane(dst []T, l int) {
	p.checkLane("Lane", "dst", dst, l)
	for i, at := 0, p.at(l); i < p.Steps; i, at = i+1, at+p.Width {
		dst[i] = p.Data[at]
	}
}

// SetLane sets lane l to src, which has Steps elements.
func (p Panels[T]) SetLane(l int, src []T) {
	p.checkLane("SetLane", "src", src, l)
	for i, at := 0, p.at(l); i < p.Steps; i, at = i+1, at+p.Width {
		p.Data[at] = src[i]
	}
}

func (p Panels[T]) checkLane(op, name string, x []T, l int) {
	checkLen(op, name, len(x), p.Steps)
	if l < 0 || l >= p.Lanes {
		panic(fmt.Sprintf("kernels: %s: lane %d, want 0…%d", op, l, p.Lanes-1))
	}
}

// MoveLane copies lane from to lane to.
func (p Panels[T]) MoveLane(to, from int) {
	a, b := p.at(to), p.at(from)
	for range p.Steps {
		p.Data[a] = p.Data[b]
		a, b = a+p.Width, b+p.Width
	}
}

// First returns the first lanes lanes, in the same memory. The others are given up: what the last
// panel has of them may be written.
func (p Panels[T]) First(lanes int) Panels[T] {
	if lanes < 0 || lanes > p.Lanes {
		panic(fmt.Sprintf("kernels: the first %d of %d lanes", lanes, p.Lanes))
	}
	return p.lanes(0, lanes)
}

// lanes returns the view of lanes [l0, l1); l0 begins a panel.
func (p Panels[T]) lanes(l0, l1 int) Panels[T] {
	p.Data = p.Data[l0*p.Steps : roundUp(l1, p.Width)*p.Steps]
	p.Lanes = l1 - l0
	return p
}

// mat returns p, which is one panel, as a matrix.
func (p Panels[T]) mat() Mat[T] {
	return Mat[T]{Rows: p.Steps, Cols: p.Lanes, Stride: p.Width, Data: p.Data}
}

func checkPanels[T Float](op, name string, p Panels[T]) {
	if p.Steps < 0 || p.Lanes < 0 || p.Width < 1 || len(p.Data) < p.Steps*roundUp(p.Lanes, p.Width) {
		panic(fmt.Sprintf("kernels: %s: %s has %d elements for %d steps of %d lanes in panels of %d",
			op, name, len(p.Data), p.Steps, p.Lanes, p.Width))
	}
}

// LaneSquares: dst(l) = Σ w(p,l)², what [Ops.SumSquares] gives for the elements of lane l in
// ascending p.
func (o Ops[T]) LaneSquares(dst []T, w Panels[T]) {
	checkPanels("LaneSquares", "w", w)
	checkLen("LaneSquares", "dst", len(dst), w.Lanes)
	checkApart("LaneSquares", "dst", "w", dst, w.Data)
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
	if x.Steps != y.Steps || x.Lanes != y.Lanes || x.Width != y.Width {
		panic(fmt.Sprintf("kernels: AxpbyPanels: x is %d×%d in panels of %d, y is %d×%d in panels of %d",
			x.Steps, x.Lanes, x.Width, y.Steps, y.Lanes, y.Width))
	}
	checkSameOrApart("AxpbyPanels", "y", "x", y.Data, x.Data)
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
