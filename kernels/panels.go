package kernels

import (
	"fmt"
	"math"

	"fusegrid/internal/pages"
)

// Panels holds the weights of the first layers of nets, a matrix (Rows, Lanes). A row belongs to an
// input, and a lane to a unit. Panels are made by [Ops.NewPanels] and must be used with the set
// that made them.
//
// Data may contain padding. The padding starts as zeros. Any operation may write to it, and no
// result may depend on it.
type Panels[T Float] struct {
	Rows, Lanes int
	Data        []T
	Layout      Layout[T]
	slots       *Slots[T]
}

// A Layout arranges first-layer weights in memory, and computes with weights in that arrangement.
// [Slots.Layout] chooses it once, when weights are made. No bit of a result may depend on the
// choice.
//
// Layouts must be comparable, and two equal layouts must arrange weights in the same way. Methods
// may assume that their arguments were checked and that weights have this layout. They must be safe
// for concurrent use.
type Layout[T Float] interface {
	// String describes the layout in messages, as in "panels of 32".
	String() string
	// Size returns the number of elements, padding included, that rows × lanes weights occupy. It
	// is [math.MaxInt] if the layout has no room for that number of lanes.
	Size(rows, lanes int) int
	// Runs returns where lane l of a matrix with the given number of rows is stored. The lane is
	// stored in runs with the same number of consecutive rows. The results are the first element of
	// the first run, the number of rows in a run, and the number of elements between the starts of
	// neighbouring runs.
	Runs(rows, l int) (first, length, stride int)
	// Squares computes [Ops.LaneSquares]. It may allocate.
	Squares(dst []T, w Panels[T])
	// Span returns where lane l0 and some or all of the following lanes below l1 are stored. The
	// field End of the result is the first lane that it does not describe. The whole matrix has
	// rows × lanes weights, and l0 must be below l1.
	Span(rows, lanes, l0, l1 int) Span
	// NewImages returns an empty minibatch for up to the given number of images, to be multiplied
	// with weights of this layout.
	NewImages(images, pixels int) Images[T]
}

// A Span says where some lanes are stored, as Count runs of Length elements. The first run starts
// at element First. The starts of neighbouring runs are Stride elements apart. A run may contain
// padding.
type Span struct {
	First, Length, Stride, Count int
	End                          int // the number of the last lane, plus 1
}

// NewPanels returns a zero matrix in the layout that the set chooses for this number of lanes.
func (o Ops[T]) NewPanels(rows, lanes int) Panels[T] {
	if rows < 0 || lanes < 0 {
		panic(fmt.Sprintf("kernels: NewPanels: %d rows of %d lanes", rows, lanes))
	}
	if o.s.Layout == nil {
		return o.NewRowMajor(rows, lanes)
	}
	return o.newPanels(rows, lanes, o.s.Layout(lanes))
}

// NewRowMajor returns a zero matrix in row-major order, for minibatches of floats; see [Ops.Rows].
// Its products are computed by Gemm.
func (o Ops[T]) NewRowMajor(rows, lanes int) Panels[T] {
	if rows < 0 || lanes < 0 {
		panic(fmt.Sprintf("kernels: NewRowMajor: %d rows of %d lanes", rows, lanes))
	}
	return o.newPanels(rows, lanes, rowMajor[T]{o.s, max(lanes, 1)})
}

func (o Ops[T]) newPanels(rows, lanes int, l Layout[T]) Panels[T] {
	return Panels[T]{Rows: rows, Lanes: lanes, Data: pages.Make[T](l.Size(rows, lanes)), Layout: l, slots: o.s}
}

// Lane copies lane l to dst, which must have Rows elements.
func (p Panels[T]) Lane(dst []T, l int) {
	p.checkLane("Lane", "dst", dst, l)
	at, length, stride := p.Layout.Runs(p.Rows, l)
	for i := 0; i < p.Rows; i, at = i+length, at+stride {
		copy(dst[i:min(i+length, p.Rows)], p.Data[at:])
	}
}

// SetLane sets lane l to src, which must have Rows elements.
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
	at, fromLength, fromStride := p.Layout.Runs(p.Rows, src)
	if length != fromLength { // as from a lane in a panel to one outside of panels
		for i := range p.Rows {
			p.Data[to+i/length*stride+i%length] = p.Data[at+i/fromLength*fromStride+i%fromLength]
		}
		return
	}
	for i := 0; i < p.Rows; i += length {
		copy(p.Data[to:to+min(length, p.Rows-i)], p.Data[at:])
		to, at = to+stride, at+fromStride
	}
}

// First returns p with only its first lanes, as many as the argument says, in the same memory and
// the same layout. The other lanes become padding.
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
		panic(fmt.Sprintf("kernels: %s: %s belongs to another set", op, name))
	}
	if p.Rows < 0 || p.Lanes < 0 || len(p.Data) < p.Layout.Size(p.Rows, p.Lanes) {
		panic(fmt.Sprintf("kernels: %s: %s has %d elements for %d rows of %d lanes in %s",
			op, name, len(p.Data), p.Rows, p.Lanes, p.Layout))
	}
}

// LaneSquares sets dst(l) = Σ w(p,l)², the result of [Ops.SumSquares] for the elements of lane l in
// ascending p.
func (o Ops[T]) LaneSquares(dst []T, w Panels[T]) {
	o.checkPanels("LaneSquares", "w", w)
	checkLen("LaneSquares", "dst", len(dst), w.Lanes)
	checkApart("LaneSquares", "dst", "w", dst, w.Data)
	if w.Lanes > 0 {
		w.Layout.Squares(dst, w)
	}
}

// FoldSquares finishes sums of squares as [Ops.SumSquares] does; layouts call it. The sums must be
// [SumLanes] rows of equal width. FoldSquares adds the upper half of the rows to the lower half
// until one row is left. It copies the first elements of that row to dst.
func (s *Slots[T]) FoldSquares(dst, sums []T) {
	width := len(sums) / SumLanes[T]()
	for n := len(sums) / 2; n >= width; n /= 2 {
		s.Axpby(1, sums[n:2*n], 1, sums[:n])
	}
	copy(dst, sums[:width])
}

// AxpbyPanels sets y(·,l) ← α(l)·x(·,l) + β(l)·y(·,l). Each element is computed as by [Ops.Axpby].
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

// checkSameLayout checks that p has the shape and the layout of w. The number of elements of p must
// have been checked before.
func (o Ops[T]) checkSameLayout(op, name string, p Panels[T], wName string, w Panels[T]) {
	if p.Rows != w.Rows || p.Lanes != w.Lanes || p.Layout != w.Layout {
		panic(fmt.Sprintf("kernels: %s: %s is %d×%d in %s, %s is %d×%d in %s",
			op, name, p.Rows, p.Lanes, p.Layout, wName, w.Rows, w.Lanes, w.Layout))
	}
}

// eachRun calls f for runs of elements, Data[from:to]. The lanes of a run have equal factors, as
// equal reports, and l is one of them.
func (p Panels[T]) eachRun(equal func(a, b int) bool, f func(l, from, to int)) {
	for l := 0; l < p.Lanes; {
		end := l + 1
		for end < p.Lanes && equal(end, l) {
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
