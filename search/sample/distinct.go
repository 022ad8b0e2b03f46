package sample

import (
	"encoding/binary"
	"math"
)

// distinct returns the points at places in the unit cube. A point that is equal to an earlier one is
// replaced.
func distinct(space Space, units [][]float64, seed uint64) design {
	p := newProposals(space.axes(), newStream(seed, "replace", 0))
	p.seen = make(map[string]bool, len(units))
	points := make(design, len(units))
	for i, u := range units {
		points[i] = p.point(u)
		if !p.add(points[i]) {
			points[i] = p.fresh()
		}
	}
	return points
}

// proposals are the points that have been proposed.
type proposals struct {
	axes    []axis
	replace stream // of random points
	seen    map[string]bool
	key     []byte
}

func newProposals(axes []axis, replace stream) *proposals {
	return &proposals{axes: axes, replace: replace, seen: map[string]bool{}}
}

// point returns the point at a place in the unit cube.
func (p *proposals) point(units []float64) Point {
	point := make(Point, len(p.axes))
	for i, a := range p.axes {
		point[i] = a.value(units[i])
	}
	return point
}

// has reports whether the point has been proposed.
func (p *proposals) has(point Point) bool {
	p.key = p.key[:0]
	for _, v := range point {
		p.key = binary.LittleEndian.AppendUint64(p.key, math.Float64bits(v))
	}
	return p.seen[string(p.key)]
}

// add adds a point. It reports false if the point has been proposed before.
func (p *proposals) add(point Point) bool {
	if p.has(point) {
		return false
	}
	p.seen[string(p.key)] = true
	return true
}

// fresh adds and returns a random point that has not been proposed. If random points have been
// proposed many times in a row, it takes the next free point of a space of whole numbers and
// categories, and gives up with an equal point in other spaces.
func (p *proposals) fresh() Point {
	const tries = 1000
	var point Point
	for range tries {
		point = p.point(randomUnits(p.replace, len(p.axes)))
		if p.add(point) {
			return point
		}
	}
	if float64(len(p.seen)) < size(p.axes) && !math.IsInf(size(p.axes), 1) {
		for !p.add(point) {
			p.next(point)
		}
	}
	return point
}

// next replaces a point by the next one of the space. The first one follows the last one.
func (p *proposals) next(point Point) {
	for i, a := range p.axes {
		last := a.hi
		if a.choices > 0 {
			last = float64(a.choices - 1)
		}
		if point[i] < last {
			point[i]++
			return
		}
		point[i] = a.lo // 0 for a category
	}
}

func randomUnits(s stream, d int) []float64 {
	units := make([]float64, d)
	for i := range units {
		units[i] = s.float()
	}
	return units
}
