package kernels

// The plain-Go micro-kernel: 2 × 4 sums, as many as the compiler keeps in
// registers on amd64. Products and sums are rounded one by one; the explicit
// conversions forbid the compiler to fuse them.
const refMR, refNR = 2, 4

func referenceMicro[T Float]() Micro[T] {
	return Micro[T]{
		Tile:      Tile{MR: refMR, NR: refNR, Lanes: refNR},
		Depth:     256,
		Multiply:  refMultiply[T],
		Transpose: refTranspose[T],
	}
}

func refMultiply[T Float](s *Strip[T]) {
	var t [refMR][refNR]T
	for i := 0; i < s.Rows; i += refMR {
		rows := min(refMR, s.Rows-i)
		for r := range rows {
			if s.Resume {
				copy(t[r][:], s.Partial[(i+r)*refNR:][:refNR])
			} else {
				t[r] = [refNR]T{}
			}
		}
		if s.K > 0 {
			if rows == refMR && s.Cols == refNR {
				refTile(s, i, &t)
			} else {
				refEdge(s, i, rows, &t)
			}
		}
		for r := range rows {
			if s.Unfinished {
				copy(s.Partial[(i+r)*refNR:][:refNR], t[r][:])
				continue
			}
			for j := range s.Cols {
				store(&s.Dst[(i+r)*s.Step+j], T(s.Alpha*t[r][j]), s.at(i+r, j))
			}
		}
	}
}

// refTile continues the chains of a whole tile by s.K steps.
func refTile[T Float](s *Strip[T], i int, t *[refMR][refNR]T) {
	t00, t01, t02, t03 := t[0][0], t[0][1], t[0][2], t[0][3]
	t10, t11, t12, t13 := t[1][0], t[1][1], t[1][2], t[1][3]
	s0 := s.Scalar[i*s.ScalarRow:]
	s1 := s.Scalar[(i+1)*s.ScalarRow:]
	vec, q, k := s.Vec, 0, s.K
	for {
		v := vec[:refNR:refNR]
		a, b := s0[q], s1[q]
		t00 += T(a * v[0])
		t01 += T(a * v[1])
		t02 += T(a * v[2])
		t03 += T(a * v[3])
		t10 += T(b * v[0])
		t11 += T(b * v[1])
		t12 += T(b * v[2])
		t13 += T(b * v[3])
		if k--; k == 0 {
			break
		}
		vec = vec[s.VecStep:]
		q += s.ScalarStep
	}
	t[0] = [refNR]T{t00, t01, t02, t03}
	t[1] = [refNR]T{t10, t11, t12, t13}
}

// refEdge does the same for a tile that is cut by the edge of C.
func refEdge[T Float](s *Strip[T], i, rows int, t *[refMR][refNR]T) {
	for r := range rows {
		for j := range s.Cols {
			sum := t[r][j]
			v, q := j, (i+r)*s.ScalarRow
			for range s.K {
				sum += T(s.Scalar[q] * s.Vec[v])
				v += s.VecStep
				q += s.ScalarStep
			}
			t[r][j] = sum
		}
	}
}

func refTranspose[T Float](m *Move[T]) {
	for c := range m.Cols {
		dst := m.Dst[c*m.Step:]
		for r := range m.Rows {
			store(&dst[r], m.Src[r*m.SrcStep+c], m.at(c, r))
		}
	}
}
