package reference

import (
	"fusegrid/kernels"
	"fusegrid/kernels/blocked"
)

// The micro-kernel has mr × nr sums, which the compiler keeps in registers on amd64.
const mr, nr = 2, 4

// Micro returns the plain-Go micro-kernel. Each product and each sum is rounded. The explicit
// conversions forbid the compiler to fuse them.
func Micro[T kernels.Float]() blocked.Micro[T] {
	return blocked.Micro[T]{
		Tile:      kernels.Tile{MR: mr, NR: nr, Lanes: nr},
		KC:        256,
		Kernels:   []blocked.Kernel[T]{{MR: mr, NR: nr, Compute: compute[T]}},
		Merge:     merge[T],
		Transpose: transpose[T],
	}
}

func compute[T kernels.Float](t *blocked.Tiles[T]) {
	tile := *t
	for n := range t.Count {
		row := n * t.Rows
		if t.K > 0 {
			tile.Scalar = t.Scalar[n*t.ScalarTile:]
		}
		var sums [mr][nr]T
		for r := range t.Rows {
			if t.Start != nil {
				copy(sums[r][:], t.Start[(row+r)*nr:])
			}
		}
		if t.K > 0 {
			if t.Rows == mr && t.Cols == nr {
				whole(&tile, &sums)
			} else {
				edge(&tile, &sums)
			}
		}
		for r := range t.Rows {
			for j := range t.Cols {
				if t.Add != nil {
					sums[r][j] += t.Add[(row+r)*nr+j]
				}
			}
		}
		for r := range t.Rows {
			for j, sum := range sums[r][:t.Cols] {
				store(&t.Dst[(row+r)*t.Stride+j], sum, t.BetaAt(row+r, j))
			}
		}
	}
}

// whole continues the sums of a whole tile by s.K terms.
func whole[T kernels.Float](s *blocked.Tiles[T], t *[mr][nr]T) {
	t00, t01, t02, t03 := t[0][0], t[0][1], t[0][2], t[0][3]
	t10, t11, t12, t13 := t[1][0], t[1][1], t[1][2], t[1][3]
	s0, s1 := s.Scalar, s.Scalar[s.ScalarStride:]
	vec, q, k := s.Vec, 0, s.K
	for {
		v := vec[:nr:nr]
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
		vec = vec[s.VecStride:]
		q += s.ScalarKStride
	}
	t[0] = [nr]T{t00, t01, t02, t03}
	t[1] = [nr]T{t10, t11, t12, t13}
}

// edge continues the sums of a partial tile at an edge of C by s.K terms.
func edge[T kernels.Float](s *blocked.Tiles[T], t *[mr][nr]T) {
	for r := range s.Rows {
		for j := range s.Cols {
			sum := t[r][j]
			v, q := j, r*s.ScalarStride
			for range s.K {
				sum += T(s.Scalar[q] * s.Vec[v])
				v += s.VecStride
				q += s.ScalarKStride
			}
			t[r][j] = sum
		}
	}
}

func merge[T kernels.Float](m *blocked.Move[T]) {
	for r := range m.Rows {
		for c := range m.Cols {
			store(&m.Dst[r*m.Stride+c], T(m.Alpha*m.Src[r*m.SrcStride+c]), m.BetaAt(r, c))
		}
	}
}

func transpose[T kernels.Float](m *blocked.Move[T]) {
	for c := range m.Cols {
		dst := m.Dst[c*m.Stride:]
		for r := range m.Rows {
			store(&dst[r], m.Src[r*m.SrcStride+c], m.BetaAt(c, r))
		}
	}
}
