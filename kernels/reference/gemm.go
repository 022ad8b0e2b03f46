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
		Multiply:  multiply[T],
		Transpose: transpose[T],
	}
}

func multiply[T kernels.Float](s *blocked.Strip[T]) {
	var t [mr][nr]T
	for i := 0; i < s.Rows; i += mr {
		rows := min(mr, s.Rows-i)
		for r := range rows {
			if s.Resume {
				copy(t[r][:], s.Partial[(i+r)*nr:][:nr])
			} else {
				t[r] = [nr]T{}
			}
		}
		if s.K > 0 {
			if rows == mr && s.Cols == nr {
				tile(s, i, &t)
			} else {
				edge(s, i, rows, &t)
			}
		}
		for r := range rows {
			if s.Unfinished {
				copy(s.Partial[(i+r)*nr:][:nr], t[r][:])
				continue
			}
			for j := range s.Cols {
				store(&s.Dst[(i+r)*s.Stride+j], T(s.Alpha*t[r][j]), s.BetaAt(i+r, j))
			}
		}
	}
}

// tile continues the sums of a whole micro-tile by s.K terms.
func tile[T kernels.Float](s *blocked.Strip[T], i int, t *[mr][nr]T) {
	t00, t01, t02, t03 := t[0][0], t[0][1], t[0][2], t[0][3]
	t10, t11, t12, t13 := t[1][0], t[1][1], t[1][2], t[1][3]
	s0 := s.Scalar[i*s.ScalarStride:]
	s1 := s.Scalar[(i+1)*s.ScalarStride:]
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

// edge continues the sums of a partial micro-tile at an edge of C by s.K terms.
func edge[T kernels.Float](s *blocked.Strip[T], i, rows int, t *[mr][nr]T) {
	for r := range rows {
		for j := range s.Cols {
			sum := t[r][j]
			v, q := j, (i+r)*s.ScalarStride
			for range s.K {
				sum += T(s.Scalar[q] * s.Vec[v])
				v += s.VecStride
				q += s.ScalarKStride
			}
			t[r][j] = sum
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
