package blocked

import "fusegrid/kernels"

// multiplyShared continues rows [i, i+rows) of the last columns of C, from j on, by the terms from p on.
func (g *gemm[T]) multiplyShared(w *workspace[T], o *orientation[T], k *Kernel[T], i, rows, j, p int) {
	s := &w.s
	t := &s.Tiles
	g.packShared(w, o.vector.at(j, p), k.NR, t.K)
	t.Squares, t.Pack, t.BetaKind, t.VecTile, t.Start, t.Order = nil, nil, BetaNone, 0, nil, AnyOrder
	t.Rows, t.Cols, t.Vec, t.VecStride = k.MR, k.NR, w.shared, g.sharedStride(k.NR)
	scalar := o.scalar.at(i, p)
	t.ScalarStride, t.ScalarKStride, t.ScalarTile = scalar.stride, scalar.kStride, k.MR*scalar.stride
	if o.k > kernels.Piece {
		w.totals = grow(w.totals, rows*k.NR)
	}
	s.setBlock(p, o.k, nil, w.totals)
	t.Add = s.earlier
	if s.keep != nil {
		t.Dst, t.Stride = s.keep, k.NR
	} else {
		w.setOut(&s.out, i, j)
		t.Dst, t.Stride = s.out.Dst, s.out.Stride
	}
	t.Scalar, t.Count = scalar.data, rows/k.MR
	k.Compute(t)
	if rows%k.MR > 0 {
		row := rows - k.MR
		t.Scalar, t.Dst, t.Count = scalar.data[row*scalar.stride:], t.Dst[row*t.Stride:], 1
		k.Compute(t)
	}
}

// sharedStride returns the elements of a step of vectors for that many columns.
func (g *gemm[T]) sharedStride(cols int) int { return roundUp(cols, g.micro.Tile.Lanes) }

// packShared packs the last columns: each step has whole vectors, and one in which each of the last two columns is
// repeated.
func (g *gemm[T]) packShared(w *workspace[T], o operand[T], cols, k int) {
	stride, whole := g.sharedStride(cols), cols-2
	w.shared = grow(w.shared, stride*k)
	if o.stride == 1 {
		m := &w.move
		m.Rows, m.Cols, m.Src, m.SrcStride, m.Dst, m.Stride = k, cols, o.data, o.kStride, w.shared, stride
		g.micro.PackShared(m)
		return
	}
	for p := range k {
		dst := w.shared[p*stride:][:stride]
		src := o.data[p*o.kStride:]
		for c := range whole {
			dst[c] = src[c*o.stride]
		}
		a, b := src[whole*o.stride], src[(whole+1)*o.stride]
		shared := dst[whole:]
		half := len(shared) / 2
		for c := range half {
			shared[c], shared[half+c] = a, b
		}
	}
}
