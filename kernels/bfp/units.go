package bfp

import "fusegrid/kernels"

// unitPlanes is the number of planes of bytes of two units.
const unitPlanes = 4

// roundUnit rounds numbers of unit i of two to its planes in ws.q8, and returns their scale.
func (m *kernelImages) roundUnit(ws *workspace, as integer, i, plane int, x []float32) float32 {
	r := &ws.rounding
	var top uint32
	whole := len(x) / lanes
	if whole > 0 {
		r.X, r.Stride, r.Rows, r.Squares = x, lanes, whole, nil
		m.k.Top(r)
		for _, t := range r.Top {
			top = max(top, t)
		}
	}
	for _, v := range x[whole*lanes:] {
		top = max(top, bitsOf(v))
	}
	scale, inverse := as.scaleOf(top)
	q := ws.q8[2*i*plane:]
	ws.unit = UnitRounding{X: x, N: len(x), Inverse: inverse, Hi: q, Lo: q[plane:]}
	m.k.Units.Round(&ws.unit)
	clear(q[roundUp(len(x), lanes):plane])
	clear(q[plane+roundUp(len(x), lanes) : 2*plane])
	return scale
}

// forwardUnits computes z of the units outside of panels, two at a time.
func (m *kernelImages) forwardUnits(ws *workspace, z kernels.Mat[float32], w kernels.Panels[float32]) {
	plane := roundUp(m.pixels, 64)
	tiles := (m.n + meanRows + UnitRows - 1) / UnitRows
	ws.q8 = grow(ws.q8, unitPlanes*plane)
	ws.split = grow(ws.split, tiles*UnitRows*4*unitPlanes)
	for first := m.whole; first < w.Lanes; first += 2 {
		var scale [2]float32
		for i := range min(2, w.Lanes-first) {
			scale[i] = m.roundUnit(ws, weights, i, plane, w.Data[(first+i)*m.pixels:][:m.pixels])
		}
		ws.products = Products{
			X: m.rows, RowStride: m.stride, GroupStep: 64, TileStep: UnitRows * m.stride, Q: ws.q8, Plane: plane,
			Groups: plane / 64, Tiles: tiles, Sums: ws.split,
		}
		m.k.Units.SumRows(&ws.products)
		for i := range min(2, w.Lanes-first) {
			sum := func(row int) int64 {
				s := ws.split[(row*unitPlanes+2*i)*4:][:8]
				hi, lo := int64(s[0])+int64(s[1])+int64(s[2])+int64(s[3]), int64(s[4])+int64(s[5])+int64(s[6])+int64(s[7])
				return hi<<8 + lo
			}
			mean := sum(m.n)<<16 + sum(m.n+1)<<8 + sum(m.n+2)
			for n := range m.n {
				z.Data[n*z.Stride+first+i] = float32(float64(sum(n)<<16-mean) * (float64(scale[i]) / (1 << 16)))
			}
		}
	}
}

// updateUnits computes the next weights of the units outside of panels, two at a time.
func (m *kernelImages) updateUnits(ws *workspace, w kernels.Panels[float32], beta []float32, d kernels.Mat[float32]) {
	plane, block := roundUp(m.n, lanes), m.k.Block
	ws.q8 = grow(ws.q8, unitPlanes*plane)
	ws.split = grow(ws.split, unitPlanes*block)
	ws.lane = grow(ws.lane, m.n)
	for first := m.whole; first < w.Lanes; first += 2 {
		var scale, total [2]float32
		units := min(2, w.Lanes-first)
		for i := range units {
			for n := range m.n {
				ws.lane[n] = d.Data[n*d.Stride+first+i]
			}
			scale[i] = m.roundUnit(ws, m.deltas, i, plane, ws.lane)
			sum := 0
			for n, hi := range ws.q8[2*i*plane:][:m.n] {
				sum += int(int8(hi))<<8 + int(int8(ws.q8[(2*i+1)*plane+n]))
			}
			total[i] = float32(sum)
		}
		for at := 0; at < m.pixels; at += block {
			ws.products = Products{
				X: m.blocks[at*m.groups(m.n)*groupBytes:], RowStride: 64, GroupStep: block * groupBytes, Q: ws.q8, Plane: plane,
				Groups: m.groups(m.n), Tiles: 1, Sums: ws.split,
			}
			m.k.Units.SumPixels(&ws.products)
			for i := range units {
				ws.unitStep = UnitSteps{
					Hi: ws.split[2*i*block:], Lo: ws.split[(2*i+1)*block:], Base: float64(m.k.Base), Rows: min(block, m.pixels-at),
					Minus: m.minus[at:], Total: total[i], Scale: scale[i], Beta: beta[first+i], W: w.Data[(first+i)*m.pixels+at:],
				}
				m.k.Units.Step(&ws.unitStep)
			}
		}
	}
}
