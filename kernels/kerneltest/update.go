package kerneltest

import (
	"cmp"
	"fmt"
	"math"

	"fusegrid/kernels"
)

// rmsPropFactors returns typical factors.
func rmsPropFactors[T kernels.Float]() kernels.RMSPropFactors[T] {
	return kernels.RMSPropFactors[T]{Rate: 0.013, Keep: 0.97, Add: 0.03, Epsilon: 1e-3}
}

// adamFactors returns the factors of step 3.
func adamFactors[T kernels.Float]() kernels.AdamFactors[T] {
	return kernels.AdamFactors[T]{
		Rate: 0.013, Keep1: 0.9, Add1: 0.1, Fix1: T(1 / (1 - math.Pow(0.9, 3))),
		Keep2: 0.97, Add2: 0.03, Fix2: T(1 / (1 - math.Pow(0.97, 3))), Epsilon: 1e-3,
	}
}

// root returns √x, correctly rounded. Rounding the float64 root again to float32 is correct because
// float64 has more than twice the digits (Figueroa, "When is double rounding innocuous?", 1995).
func root[T kernels.Float](x T) T { return T(math.Sqrt(float64(x))) }

// rmsPropModel computes one step of RMSProp for one element.
func rmsPropModel[T kernels.Float](f kernels.RMSPropFactors[T], w, a, g T) (w1, a1 T) {
	kept, part := T(f.Keep*a), T(f.Add*g)
	a1 = kept + T(part*g)
	divisor := root(a1) + f.Epsilon
	return w - T(T(f.Rate*g)/divisor), a1
}

// adamModel computes one step of Adam for one element.
func adamModel[T kernels.Float](f kernels.AdamFactors[T], w, m, v, g T) (w1, m1, v1 T) {
	kept, part := T(f.Keep1*m), T(f.Add1*g)
	m1 = kept + part
	kept, part = T(f.Keep2*v), T(f.Add2*g)
	v1 = kept + T(part*g)
	divisor := root(T(v1*f.Fix2)) + f.Epsilon
	mean := T(m1 * f.Fix1)
	return w - T(T(f.Rate*mean)/divisor), m1, v1
}

func (fx *fixture[T]) rmsProp() error {
	f := rmsPropFactors[T]()
	return fx.lengths(func(n int, at [3]spot) error {
		w, wantW := fx.drawn(0, n, at[0])
		a, wantA := fx.drawn(1, n, at[1])
		g, wasG := fx.drawn(2, n, at[2])
		fx.nonnegative(a, wantA)
		for i := range wasG {
			wantW[i], wantA[i] = rmsPropModel(f, wantW[i], wantA[i], wasG[i])
		}
		if err := fx.call(func() { fx.ops.RMSProp(f, w, a, g) }, 2); err != nil {
			return err
		}
		return cmp.Or(compare("a", a, wantA), compare("w", w, wantW))
	})
}

func (fx *fixture[T]) adam() error {
	f := adamFactors[T]()
	return fx.lengths(func(n int, at [3]spot) error {
		w, wantW := fx.drawn(0, n, at[0])
		m, wantM := fx.drawn(1, n, at[1])
		g, wasG := fx.drawn(2, n, at[2])
		v, wantV := fx.drawn(3, n, at[0])
		fx.nonnegative(v, wantV)
		for i := range wasG {
			wantW[i], wantM[i], wantV[i] = adamModel(f, wantW[i], wantM[i], wantV[i], wasG[i])
		}
		if err := fx.call(func() { fx.ops.Adam(f, w, m, v, g) }, 2); err != nil {
			return err
		}
		return cmp.Or(compare("m", m, wantM), compare("v", v, wantV), compare("w", w, wantW))
	})
}

// nonnegative makes most elements of x nonnegative, as means of squares are, and copies x to was.
func (fx *fixture[T]) nonnegative(x, was []T) {
	for i, v := range x {
		if fx.rng.IntN(20) > 0 {
			x[i] = T(math.Abs(float64(v)))
		}
	}
	copy(was, x)
}

// rates are factors that AxpbyPanels and the panels of update rules take for each lane.
var rates = []float64{0.01, 0.02, 0, math.Copysign(0, -1)}

func (fx *fixture[T]) axpbyPanels() error {
	return fx.panels(2, 0, []float64{1, 0, math.Copysign(0, -1), -0.5, 0.9}, 2, func(f [][]T, p []kernels.Panels[T]) {
		fx.ops.AxpbyPanels(f[0], p[0], f[1], p[1])
	}, func(f []T, lane [][]T) {
		fx.ops.Axpby(f[0], lane[0], f[1], lane[1])
	})
}

func (fx *fixture[T]) rmsPropPanels() error {
	factors := rmsPropFactors[T]()
	return fx.panels(3, 2, rates, 1, func(f [][]T, p []kernels.Panels[T]) {
		fx.ops.RMSPropPanels(factors, f[0], p[0], p[1], p[2])
	}, func(f []T, lane [][]T) {
		factors := factors
		factors.Rate = f[0]
		fx.ops.RMSProp(factors, lane[0], lane[1], lane[2])
	})
}

func (fx *fixture[T]) adamPanels() error {
	factors := adamFactors[T]()
	return fx.panels(4, 2, rates, 1, func(f [][]T, p []kernels.Panels[T]) {
		fx.ops.AdamPanels(factors, f[0], p[0], p[1], p[3], p[2])
	}, func(f []T, lane [][]T) {
		factors := factors
		factors.Rate = f[0]
		fx.ops.Adam(factors, lane[0], lane[1], lane[3], lane[2])
	})
}

// panels checks that the function update gives the bits of the function single for each lane. Both take
// count arrays, of which one must only be read, and lists of factors, which are drawn from choice.
func (fx *fixture[T]) panels(count, readOnly int, choice []float64, lists int, update func(f [][]T, p []kernels.Panels[T]), single func(f []T, lane [][]T)) error {
	for _, lanes := range edges(fx.tile.NR, 50)[1:] {
		for _, d := range []int{1, 5, 40, 64} {
			var panels []kernels.Panels[T]
			for i := range count {
				p := fx.ops.NewPanels(d, lanes)
				p.Data = fx.vec(i, len(p.Data), fx.lineSpot())
				randomize(fx.rng, p.Data, 0.1)
				panels = append(panels, p)
			}
			factors := make([][]T, lists)
			want := make([][][]T, lanes)
			for l := range lanes {
				same := l > 0 && fx.rng.IntN(3) > 0 // as the lane before
				of := make([]T, lists)
				for i := range of {
					if of[i] = T(choice[fx.rng.IntN(len(choice))]); same {
						of[i] = factors[i][l-1]
					}
					factors[i] = append(factors[i], of[i])
				}
				for _, p := range panels {
					lane := make([]T, d)
					p.Lane(lane, l)
					want[l] = append(want[l], lane)
				}
				single(of, want[l])
			}
			if err := fx.call(func() { update(factors, panels) }, readOnly); err != nil {
				return err
			}
			for l := range lanes {
				for i, p := range panels {
					got := make([]T, d)
					p.Lane(got, l)
					if err := compare(fmt.Sprintf("%d lanes of %d: array %d: lane %d", lanes, d, i, l), got, want[l][i]); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
