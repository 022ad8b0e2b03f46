package kernels

import (
	"fmt"
	"math"

	"fusegrid/internal/pages"
)

// Panels is the weights of the first layers of nets, a matrix (Rows, Lanes): a row belongs to an
// input, a lane to a unit. [Ops.NewPanels] makes it, and it belongs to the set that made it.
//
// Data may have padding beside the matrix's elements. Padding starts as zeros, any operation may write
// to it, and no result depends on it.
type Panels[T Float] struct {
	Rows, Lanes int
	Data        []T
	Layout      Layout[T]
	slots       *Slots[T]
}

// A Layout is one way to arrange first-layer weights in memory, and computes with weights that
// lie so. [Slots.Layout] chooses it once, when weights are made. No bit of a result depends on the choice.
//
// Layouts must be comparable; two that are equal arrange weights in the same way. Their methods may
// assume that their arguments were checked and that weights are of this layout, and must be safe
// for concurrent use.
type Layout[T Float] interface {
	// String describes the layout in messages, as in "panels of 32".
	String() string
	// Size returns the number of elements, with padding, from the first to the last of rows × lanes
	// weights, or [math.MaxInt] if the layout has no room for so many lanes.
	Size(rows, lanes int) int
	// Runs says where lane l of so many rows lies: in runs of length consecutive rows. The first run
	// begins at element first, and each of the others a stride behind the one before.
	Runs(rows, l int) (first, length, stride int)
	// Squares computes what [Ops.LaneSquares] does. It may allocate.
	Squares(dst []T, w Panels[T])
	// Axpby sets y ← α·x + β·y in lanes [l0, l1), each element as [Ops.Axpby] computes it.
	Axpby(alpha T, x Panels[T], beta T, y Panels[T], l0, l1 int)
	// NewImages returns room for so many images of so many pixels, which will meet weights of this layout.
	NewImages(images, pixels int) Images[T]
}

// NewPanels returns a zero matrix in the layout that the set chooses for so many lanes.
func (o Ops[T]) NewPanels(rows, lanes int) Panels[T] {
	if rows < 0 || lanes < 0 {
		panic(fmt.Sprintf("kernels: NewPanels: %d rows of %d lanes", rows, lanes))
	}
	var l Layout[T] = rowMajor[T]{o.s, max(lanes, 1)}
	if o.s.Layout != nil {
		l = o.s.Layout(lanes)
	}
	return Panels[T]{Rows: rows, Lanes: lanes, Data: pages.Make[T](l.Size(rows, lanes)), Layout: l, slots: o.s}
}

// Lane copies lane l to dst, which has Rows elements.
func (p Panels[T]) Lane(dst []T, l int) {
	p.checkLane("Lane", "dst", dst, l)
	at, length, stride := p.Layout.Runs(p.Rows, l)
	for i := 0; i < p.Rows; i, at = i+length, at+stride {
		copy(dst[i:min(i+length, p.Rows)], p.Data[at:])
	}
}

// SetLane sets lane l to src, which has Rows elements.
func (p Panels[T]) SetLane(l int, src []T) {
	p.checkLane("SetLane", "src", src, l)
	at, length, stride := p.Layout.Runs(p.Rows, l)
	for i := 0; i < p.Rows; i, at = i+length, at+stride {
		copy(p.Data[at:], src[i:min(i+length, p.Rows)])
	}
}

// MoveLane copies lane src to lane dst.
func (p Panels[T]) MoveLane(dst, src int) {
	p.checkIndex("MoveLane", dst)
	p.checkIndex("MoveLane", src)
	to, length, stride := p.Layout.Runs(p.Rows, dst)
	at, _, _ := p.Layout.Runs(p.Rows, src)
	for i := 0; i < p.Rows; i += length {
		copy(p.Data[to:to+min(length, p.Rows-i)], p.Data[at:])
		to, at = to+stride, at+stride
	}
}

// First returns the first lanes, so many of them, in the same memory and the same layout. The others
// are given up: operations may write to them.
func (p Panels[T]) First(lanes int) Panels[T] {
	if lanes < 0 || lanes > p.Lanes {
		panic(fmt.Sprintf("kernels: the first %d of %d lanes", lanes, p.Lanes))
	}
	p.Lanes = lanes
	p.Data = p.Data[:p.Layout.Size(p.Rows, lanes)]
	return p
}

func (p Panels[T]) checkLane(op, name string, x []T, l int) {
	checkLen(op, name, len(x), p.Rows)
	p.checkIndex(op, l)
}

func (p Panels[T]) checkIndex(op string, l int) {
	if l < 0 || l >= p.Lanes {
		panic(fmt.Sprintf("kernels: %s: lane %d, want 0…%d", op, l, p.Lanes-1))
	}
}

func (o Ops[T]) checkPanels(op, name string, p Panels[T]) {
	if p.slots != o.s {
		panic(fmt.Sprintf("kernels: %s: %s is another set's", op, name))
	}
	if p.Rows < 0 || p.Lanes < 0 || len(p.Data) < p.Layout.Size(p.Rows, p.Lanes) {
		panic(fmt.Sprintf("kernels: %s: %s has %d elements for %d rows of %d lanes in %s",
			op, name, len(p.Data), p.Rows, p.Lanes, p.Layout))
	}
}

// LaneSquares: dst(l) = Σ w(p,l)², what [Ops.SumSquares] gives for the elements of lane l in
// ascending p.
func (o Ops[T]) LaneSquares(dst []T, w Panels[T]) {
	o.checkPanels("LaneSquares", "w", w)
	checkLen("LaneSquares", "dst", len(dst), w.Lanes)
	checkApart("LaneSquares", "dst", "w", dst, w.Data)
	if w.Lanes > 0 {
		w.Layout.Squares(dst, w)
	}
}

// FoldSquares ends sums of squares as [Ops.SumSquares] does, for layouts. The sums are [SumLanes] rows of one
// width. The upper half of the rows is added to the lower half until one is left, and the first
// elements of that are copied to dst.
func (s *Slots[T]) FoldSquares(dst, sums []T) {
	width := len(sums) / SumLanes[T]()
	for n := len(sums) / 2; n >= width; n /= 2 {
		s.Axpby(1, sums[n:2*n], 1, sums[:n])
	}
	copy(dst, sums[:width])
}

// AxpbyPanels: y(·,l) ← α(l)·x(·,l) + β(l)·y(·,l), each element as [Ops.Axpby] computes it.
func (o Ops[T]) AxpbyPanels(alpha []T, x Panels[T], beta []T, y Panels[T]) {
	o.checkPanels("AxpbyPanels", "x", x)
	o.checkPanels("AxpbyPanels", "y", y)
	checkLen("AxpbyPanels", "alpha", len(alpha), y.Lanes)
	checkLen("AxpbyPanels", "beta", len(beta), y.Lanes)
	if x.Rows != y.Rows || x.Lanes != y.Lanes || x.Layout != y.Layout {
		panic(fmt.Sprintf("kernels: AxpbyPanels: x is %d×%d in %s, y is %d×%d in %s",
			x.Rows, x.Lanes, x.Layout, y.Rows, y.Lanes, y.Layout))
	}
	checkSameOrApart("AxpbyPanels", "y", "x", y.Data, x.Data)
	for l := 0; l < y.Lanes; {
		// Neighbours with the same factors go together.
		end := l + 1
		for end < y.Lanes && sameBits(alpha[end], alpha[l]) && sameBits(beta[end], beta[l]) {
			end++
		}
		y.Layout.Axpby(alpha[l], x, beta[l], y, l, end)
		l = end
	}
}

// sameBits tells −0 from 0.
func sameBits[T Float](a, b T) bool {
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b))
}
