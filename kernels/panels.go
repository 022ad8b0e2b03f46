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
	// Span returns where lanes [l0, End) of rows × lanes weights lie, for the End ≤ l1 up to which they lie
	// regularly; l0 is below l1.
	Span(rows, lanes, l0, l1 int) Span
	// NewImages returns room for so many images of so many pixels, which will meet weights of this layout.
	NewImages(images, pixels int) Images[T]
}

// A Span says where some lanes lie: in Count runs of Length elements, the first of which begins at element
// First, and each of the others a Stride behind the one before. Padding may be among them.
type Span struct {
	First, Length, Stride, Count int
	End                          int // the lane behind the last
}

// NewPanels returns a zero matrix in the layout that the set chooses for so many lanes.
func (o Ops[T]) NewPanels(rows, lanes int) Panels[T] {
	if rows < 0 || lanes < 0 {
		panic(fmt.Sprintf("kernels: NewPanels: %d rows of %d lanes", rows, lanes))
	}
	if o.s.Layout == nil {
		return o.NewRowMajor(rows, lanes)
	}
	return o.newPanels(rows, lanes, o.s.Layout(lanes))
}

// NewRowMajor returns a zero matrix in rows, for minibatches of numbers; see [Ops.Rows]. Its products go
// through Gemm.
func (o Ops[T]) NewRowMajor(rows, lanes int) Panels[T] {
	if rows < 0 || lanes < 0 {
		panic(fmt.Sprintf("kernels: NewRowMajor: %d rows of %d lanes", rows, lanes))
	}
	return o.newPanels(rows, lanes, rowMajor[T]{o.s, max(lanes, 1)})
}

func (o Ops[T]) newPanels(rows, lanes int, l Layout[T]) Panels[T] {
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
	o.checkSameLayout("AxpbyPanels", "x", x, "y", y)
	checkSameOrApart("AxpbyPanels", "y", "x", y.Data, x.Data)
	same := func(a, b int) bool { return sameBits(alpha[a], alpha[b]) && sameBits(beta[a], beta[b]) }
	y.eachRun(same, func(l, from, to int) {
		o.s.Axpby(alpha[l], x.Data[from:to], beta[l], y.Data[from:to])
	})
}

// checkSameLayout checks that p, whose elements were checked, lies in memory as w does.
func (o Ops[T]) checkSameLayout(op, name string, p Panels[T], wName string, w Panels[T]) {
	if p.Rows != w.Rows || p.Lanes != w.Lanes || p.Layout != w.Layout {
		panic(fmt.Sprintf("kernels: %s: %s is %d×%d in %s, %s is %d×%d in %s",
			op, name, p.Rows, p.Lanes, p.Layout, wName, w.Rows, w.Lanes, w.Layout))
	}
}

// eachRun calls f for runs of elements, Data[from:to], that belong to lanes which are the same; l is one
// of these.
func (p Panels[T]) eachRun(same func(a, b int) bool, f func(l, from, to int)) {
	for l := 0; l < p.Lanes; {
		end := l + 1
		for end < p.Lanes && same(end, l) {
			end++
		}
		for l < end {
			s := p.Layout.Span(p.Rows, p.Lanes, l, end)
			for i, at := 0, s.First; i < s.Count; i, at = i+1, at+s.Stride {
				f(l, at, at+s.Length)
			}
			l = s.End
		}
	}
}

// sameBits tells −0 from 0.
func sameBits[T Float](a, b T) bool {
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b))
}
