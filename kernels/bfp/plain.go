package bfp

import "fusegrid/kernels"

// plainImages is a minibatch that plain Go multiplies. It has the bytes of image after image. The rows of the mean image follow.
type plainImages struct {
	layout
	pixels int
	n      int // images that were loaded last
	rows   []uint8
	minus  []float32 // −M·2^−16
}

func (m *plainImages) row(i int) []uint8 { return m.rows[i*m.pixels : (i+1)*m.pixels] }

func (m *plainImages) Load(x []uint8, idx []int, mean []float32) {
	checkMean(mean)
	m.n = len(idx)
	for i, j := range idx {
		copy(m.row(i), x[j*m.pixels:])
	}
	high, middle, low := m.row(m.n), m.row(m.n+1), m.row(m.n+2)
	for p, v := range mean {
		fixed := fixedPoint(v)
		high[p], middle[p], low[p] = uint8(fixed>>16), uint8(fixed>>8), uint8(fixed)
		m.minus[p] = minusMean(fixed)
	}
}

// Parts returns the number of panels, plus 1 for the lanes outside of panels.
func (m *plainImages) Parts(w kernels.Panels[float32]) (forward, update int) {
	n := panels(w.Lanes)
	return n, n
}

func (m *plainImages) Forward(z kernels.Mat[float32], w kernels.Panels[float32], squares []float32, lo, hi int) {
	ws := m.pool.Get().(*workspace)
	ws.lane, ws.q, ws.sums = grow(ws.lane, m.pixels), grow(ws.q, m.pixels), grow(ws.sums, m.n+meanRows)
	if squares != nil {
		m.squares(squares, w, lo, hi, ws)
	}
	for l := lo * lanes; l < min(hi*lanes, w.Lanes); l++ {
		w.Lane(ws.lane, l)
		scale := float64(weights.quantize(ws.q, ws.lane)) / (1 << 16)
		m.dot(ws.sums, ws.q)
		mean := ws.sums[m.n]<<16 + ws.sums[m.n+1]<<8 + ws.sums[m.n+2]
		for i, sum := range ws.sums[:m.n] {
			z.Data[i*z.Stride+l] = toFloat(sum<<16-mean, scale)
		}
	}
	m.pool.Put(ws)
}

// dot sets sums to the products of all rows with q.
func (m *plainImages) dot(sums []int64, q []int16) {
	i := 0
	for ; i+4 <= len(sums); i += 4 {
		a, b, c, d := m.row(i)[:len(q)], m.row(i + 1)[:len(q)], m.row(i + 2)[:len(q)], m.row(i + 3)[:len(q)]
		var s0, s1, s2, s3 int64
		for p, v := range q {
			k := int64(v)
			s0 += k * int64(a[p])
			s1 += k * int64(b[p])
			s2 += k * int64(c[p])
			s3 += k * int64(d[p])
		}
		sums[i], sums[i+1], sums[i+2], sums[i+3] = s0, s1, s2, s3
	}
	for ; i < len(sums); i++ {
		row := m.row(i)[:len(q)]
		sums[i] = 0
		for p, v := range q {
			sums[i] += int64(v) * int64(row[p])
		}
	}
}

func (m *plainImages) Update(w kernels.Panels[float32], beta []float32, d kernels.Mat[float32], lo, hi int) {
	ws := m.pool.Get().(*workspace)
	ws.q, ws.sums, ws.g = grow(ws.q, m.n), grow(ws.sums, m.pixels), grow(ws.g, m.pixels)
	for l := lo * lanes; l < min(hi*lanes, w.Lanes); l++ {
		ws.lane = grow(ws.lane, m.n)
		for i := range ws.lane {
			ws.lane[i] = d.Data[i*d.Stride+l]
		}
		scale := m.deltas.quantize(ws.q, ws.lane)
		total := m.gradient(ws.sums, ws.q)
		for p, sum := range ws.sums {
			ws.g[p] = toFloat(sum, 1)
		}
		m.slots.Axpby(toFloat(total, 1), m.minus, 1, ws.g)
		ws.lane = grow(ws.lane, m.pixels)
		if beta[l] == 0 {
			m.slots.Axpby(scale, ws.g, 0, ws.lane)
			w.SetLane(l, ws.lane)
			continue
		}
		w.Lane(ws.lane, l)
		m.slots.Axpby(beta[l], ws.lane, scale, ws.g)
		w.SetLane(l, ws.g)
	}
	m.pool.Put(ws)
}

// gradient sets sums to Σ x(n,p)·δ(n) and returns Σ δ(n).
func (m *plainImages) gradient(sums []int64, delta []int16) (total int64) {
	clear(sums)
	for i, v := range delta {
		if v == 0 { // many are, behind a ReLU
			continue
		}
		k := int64(v)
		total += k
		for p, x := range m.row(i)[:len(sums)] {
			sums[p] += k * int64(x)
		}
	}
	return total
}
