package bfp

import (
	"slices"

	"fusegrid/internal/pages"
	"fusegrid/kernels"
)

// exactPixels is the largest number of pixels for which the sum for an image surely is a float64: each
// term is at most 2^16·255·Limit, and exactPixels terms are at most 2^53.
const exactPixels = 16513

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

// kernelImages is a minibatch that [Kernels] multiply. It holds the pixels in two orders.
type kernelImages struct {
	layout
	k      *Kernels
	pixels int
	n      int // images that were loaded last
	// rows has image after image, then the mean image as three rows of bytes, from the highest to the
	// lowest. Forward reads it.
	rows   []uint8
	stride int // between rows
	// blocks has [block of pixels][group of images][pixel]. Update reads it.
	blocks []uint8

	mean      []float32 // the last mean image, and what follows from it:
	minus     []float32 // −M·2^−16
	meanBytes []uint8   // its rows in bytes

	interleaving Interleaving
}

func newKernelImages(l layout, k *Kernels, n, pixels int) *kernelImages {
	m := &kernelImages{layout: l, k: k, pixels: pixels, minus: make([]float32, pixels), meanBytes: make([]uint8, meanRows*pixels)}
	// Neighbouring rows start in different sets of the L1 cache.
	m.stride = roundUp(m.groups(pixels)*groupBytes, 64) + 64
	m.rows = pages.Make[uint8](max(roundUp(n+meanRows, k.Rows), roundUp(n+meanRows, UnitRows), roundUp(n, k.Pixels)) * m.stride)
	m.blocks = pages.Make[uint8](m.groups(n) * m.blockPixels() * groupBytes)
	return m
}

// groups returns the number of groups of n terms.
func (m *kernelImages) groups(n int) int { return (n + m.k.Pixels - 1) / m.k.Pixels }

func (m *kernelImages) blockPixels() int { return roundUp(m.pixels, m.k.Block) }

func (m *kernelImages) row(i int) []uint8 { return m.rows[i*m.stride : (i+1)*m.stride] }

func (m *kernelImages) Load(x []uint8, idx []int, mean []float32) {
	m.setMean(mean)
	m.n = len(idx)
	image := func(i int) []uint8 { return x[idx[i]*m.pixels:][:m.pixels] }
	for i := range idx {
		m.k.Load(m.row(i), image(i), image(min(i+1, len(idx)-1)))
	}
	for i := m.n; i < roundUp(m.n, m.k.Pixels); i++ {
		clear(m.row(i))
	}
	m.interleave()
	for i := range meanRows {
		row := m.meanBytes[i*m.pixels : (i+1)*m.pixels]
		m.k.Load(m.row(m.n+i), row, row)
	}
}

// setMean sets minus and meanBytes.
func (m *kernelImages) setMean(mean []float32) {
	if slices.Equal(mean, m.mean) {
		return // as in all minibatches of a training
	}
	checkMean(mean)
	m.mean = append(m.mean[:0], mean...)
	for p, v := range mean {
		fixed := fixedPoint(v)
		m.minus[p] = minusMean(fixed)
		for i := range meanRows {
			m.meanBytes[i*m.pixels+p] = uint8(fixed >> (8 * (meanRows - 1 - i)))
		}
	}
}

// interleave fills blocks from rows.
func (m *kernelImages) interleave() {
	size, block := groupBytes/m.k.Pixels, m.k.Block*groupBytes
	whole := m.pixels / m.k.Block
	groups := m.groups(m.n)
	a := &m.interleaving
	*a = Interleaving{SrcStride: m.stride, DstStride: groups * block, Blocks: whole}
	for g := range groups {
		src := m.rows[g*m.k.Pixels*m.stride:]
		if whole > 0 {
			a.Src, a.Dst = src, m.blocks[g*block:]
			m.k.Interleave(a)
		}
		for p := whole * m.k.Block; p < m.pixels; p++ { // the pixels of the last block
			dst := m.blocks[whole*groups*block+g*block+(p-whole*m.k.Block)*groupBytes:]
			for i := range m.k.Pixels {
				copy(dst[i*size:], src[i*m.stride+p*size:][:size])
			}
		}
	}
}

// Parts returns the number of panels, plus 1 for the lanes outside of panels.
func (m *kernelImages) Parts(w kernels.Panels[float32]) (forward, update int) {
	n := panels(w.Lanes)
	return n, n
}

// groupOfIntegers is the size of a group of integers of 16 units.
func (m *kernelImages) groupOfIntegers() int { return 2 * lanes * m.k.Pixels }

// planes returns where a panel's integers are stored in q: their bytes hi and lo, or whole integers twice.
func (m *kernelImages) planes(q []uint8) (hi, lo []uint8) {
	if m.k.Pairs {
		return q, q[groupBytes*lanes:]
	}
	return q, q
}

// round rounds numbers of 16 units to hi and lo, and sets ws.rounding.Totals. It also sets sums of squares, if they are
// not nil.
func (m *kernelImages) round(ws *workspace, as integer, hi, lo []uint8, x []float32, stride, rows int, squares []float32) (scale [lanes]float32) {
	r := &ws.rounding
	clear(squares)
	r.X, r.Stride, r.Rows, r.Hi, r.Lo, r.Squares = x, stride, rows, hi, lo, squares
	m.k.Top(r)
	for l, top := range r.Top {
		scale[l], r.Inverse[l] = as.scaleOf(top)
	}
	clear(r.Totals[:])
	whole := rows / m.k.Pixels * m.k.Pixels
	if r.Rows = whole; whole > 0 {
		m.k.Round(r)
	}
	if whole < rows {
		clear(ws.pad[:])
		for i := whole; i < rows; i++ {
			copy(ws.pad[(i-whole)*lanes:], x[i*stride:][:lanes])
		}
		at := whole / m.k.Pixels * m.groupOfIntegers()
		r.X, r.Stride, r.Rows, r.Hi, r.Lo = ws.pad[:], lanes, m.k.Pixels, hi[at:], lo[at:]
		m.k.Round(r)
	}
	return scale
}

// sum adds up all products of p, in as many calls as sums of 32 bits need.
func (m *kernelImages) sum(p *Products, terms int) {
	groups := m.groups(terms)
	if p.Kind != SplitSums {
		p.Groups = groups
		m.k.Sum(p)
		return
	}
	clear(p.Sums)
	x, q, most := p.X, p.Q, m.k.SplitTerms/m.k.Pixels
	for g := 0; g < groups; g += most {
		p.X, p.Q, p.Groups = x[g*p.GroupStep:], q[g*m.groupOfIntegers():], min(most, groups-g)
		m.k.Sum(p)
	}
}

func (m *kernelImages) Forward(z kernels.Mat[float32], w kernels.Panels[float32], squares []float32, lo, hi int) {
	ws := m.pool.Get().(*workspace)
	if n := m.panels(w.Lanes); hi > n {
		m.forwardUnits(ws, z, w)
		if squares != nil {
			m.squares(squares, w, n, hi, ws)
		}
		hi = n
	}
	tiles := (m.n + meanRows + m.k.Rows - 1) / m.k.Rows
	ws.split = grow(ws.split, tiles*m.k.Rows*2*lanes)
	ws.q8 = grow(ws.q8, m.groups(m.pixels)*m.groupOfIntegers())
	p := &ws.products
	var sums []float32
	if squares != nil {
		ws.squares = grow(ws.squares, kernels.SumLanes[float32]()*lanes)
		sums = ws.squares
	}
	high, low := m.planes(ws.q8)
	for i := lo; i < hi; i++ {
		first := i * lanes
		scale := m.round(ws, weights, high, low, w.Data[first*m.pixels:], lanes, m.pixels, sums)
		if squares != nil {
			m.slots.FoldSquares(squares[first:min(first+lanes, w.Lanes)], sums)
		}
		*p = Products{
			X: m.rows, RowStride: m.stride, GroupStep: groupBytes, TileStep: m.k.Rows * m.stride,
			Q: ws.q8, Tiles: tiles, Sums: ws.split, Kind: SplitSums, Fetch: w.Data[min(i+1, hi-1)*lanes*m.pixels:],
		}
		m.sum(p, m.pixels)
		m.output(ws, z, first, min(lanes, w.Lanes-first), scale)
	}
	ws.release()
	m.pool.Put(ws)
}

// output computes z from the sums in ws.split, for a panel in which the given number of units is used.
func (m *kernelImages) output(ws *workspace, z kernels.Mat[float32], first, units int, scale [lanes]float32) {
	o := &ws.outputs
	o.Sums, o.Rows, o.Unit, o.Base = ws.split, m.n, 1<<16, float64(m.k.Base)
	for l := range lanes {
		sum := int64(0)
		for row := m.n; row < m.n+meanRows; row++ {
			at := row*2*lanes + l
			sum = sum<<8 + int64(ws.split[at])*int64(m.k.Base) + int64(ws.split[at+lanes])
		}
		o.Mean[l], o.Scale[l] = float64(sum), float64(scale[l])/(1<<16)
	}
	if units == lanes {
		o.Z, o.Stride = z.Data[first:], z.Stride
		m.k.Output(o)
		return
	}
	ws.z = grow(ws.z, m.n*lanes)
	o.Z, o.Stride = ws.z, lanes
	m.k.Output(o)
	for row := range m.n {
		copy(z.Data[row*z.Stride+first:][:units], ws.z[row*lanes:])
	}
}

// Update goes through the blocks of images once, and applies each to all panels.
func (m *kernelImages) Update(w kernels.Panels[float32], beta []float32, d kernels.Mat[float32], lo, hi int) {
	ws := m.pool.Get().(*workspace)
	if n := m.panels(w.Lanes); hi > n {
		m.updateUnits(ws, w, beta, d)
		hi = n
	}
	m.roundDeltas(ws, w.Lanes, beta, d, lo, hi)
	for at := 0; at < m.pixels && lo < hi; at += m.k.Block {
		m.updateBlock(ws, w, at, lo, hi)
	}
	ws.release()
	m.pool.Put(ws)
}

// roundDeltas rounds the deltas of panels [lo, hi) to ws.q8, and sets what their steps have in common.
func (m *kernelImages) roundDeltas(ws *workspace, units int, beta []float32, d kernels.Mat[float32], lo, hi int) {
	size := m.groups(m.n) * m.groupOfIntegers()
	ws.q8, ws.zeros = grow(ws.q8, (hi-lo)*size), grow(ws.zeros, size)
	ws.steps = grow(ws.steps, hi-lo)
	for i := lo; i < hi; i++ {
		high, low := m.planes(ws.q8[(i-lo)*size:])
		switch first, two := m.pair(i, lo, hi); {
		case two && first == i: // the bytes hi are 0
			high, low = ws.zeros, high
		case two:
			_, low = m.planes(ws.q8[(first-lo)*size:])
			high = ws.zeros
		}
		s := &ws.steps[i-lo]
		first, n := i*lanes, min(lanes, units-i*lanes)
		deltas, stride := m.deltaColumns(ws, d, first, n)
		s.Scale = m.round(ws, m.deltas, high, low, deltas, stride, m.n, nil)
		clear(s.Beta[copy(s.Beta[:], beta[first:first+n]):])
		for l, total := range ws.rounding.Totals {
			s.Total[l] = float32(total)
		}
		s.Base = float64(m.k.Base)
	}
}

// updateBlock computes the next weights of the pixels from at on, for panels [lo, hi).
func (m *kernelImages) updateBlock(ws *workspace, w kernels.Panels[float32], at, lo, hi int) {
	block, size := m.k.Block, m.groups(m.n)*m.groupOfIntegers()
	rows := min(block, m.pixels-at)
	ws.split = grow(ws.split, block*2*lanes)
	p := &ws.products
	*p = Products{
		RowStride: groupBytes, GroupStep: block * groupBytes, TileStep: m.k.Rows * groupBytes,
		Tiles: (rows + m.k.Rows - 1) / m.k.Rows, Sums: ws.split,
	}
	for i := lo; i < hi; {
		n := 1
		p.Kind = WholeSums
		if _, two := m.pair(i, lo, hi); two {
			n, p.Kind = 2, PairSums
		} else if m.n > m.k.Terms && m.deltas == weights {
			p.Kind = SplitSums
		}
		p.X = m.blocks[at*m.groups(m.n)*groupBytes:]
		p.Q, p.Fetch = ws.q8[(i-lo)*size:], w.Data[(i*m.pixels+at)*lanes:]
		m.sum(p, m.n)
		for j := range n {
			s := &ws.steps[i+j-lo]
			s.Sums, s.Stride, s.Split, s.Rows = ws.split[j*lanes:], n*lanes, p.Kind == SplitSums, rows
			s.Minus, s.W = m.minus[at:], w.Data[((i+j)*m.pixels+at)*lanes:]
			m.k.Step(s)
		}
		i += n
	}
}

// pair returns the first of the two panels that are multiplied together with panel i of [lo, hi), and
// reports whether there are two. Deltas of one byte leave room for those of another panel.
func (m *kernelImages) pair(i, lo, hi int) (first int, two bool) {
	first = i - (i-lo)%2
	return first, m.k.Pairs && m.deltas == shortDeltas && first+1 < hi
}

// deltaColumns returns columns [first, first+n) of d, 16 columns a row.
func (m *kernelImages) deltaColumns(ws *workspace, d kernels.Mat[float32], first, n int) (x []float32, stride int) {
	if n == lanes {
		return d.Data[first:], d.Stride
	}
	ws.lane = grow(ws.lane, m.n*lanes)
	clear(ws.lane)
	for i := range m.n {
		copy(ws.lane[i*lanes:], d.Data[i*d.Stride+first:][:n])
	}
	return ws.lane, lanes
}
