package kerneltest

import (
	"math/rand/v2"
	"testing"

	"fusegrid/kernels"
)

// FuzzGemm fuzzes the shapes, layouts and values of products, on all sets.
func FuzzGemm(f *testing.F, sets []*kernels.Set) {
	f.Add(uint64(1), uint16(3), uint16(5), uint16(7), uint64(0), uint16(0))
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k uint16, place uint64, values uint16) {
		for _, set := range sets {
			test := fuzzProduct[float32]
			if values&1 != 0 {
				test = fuzzProduct[float64]
			}
			if err := test(set, seed, int(m), int(n), int(k), place, values); err != nil {
				t.Errorf("impl=%s: %v", set.Name, err)
			}
		}
	})
}

// fuzzProduct tests one product. If the set is stable, it also computes a block of C separately and
// compares the bits. All arguments are valid, because large shapes are reduced. The bits of place
// are
//
//	bits 0–1     transA, transB
//	bits 2–16    padding of A, B and C, five bits each
//	bits 17–36   spots of A, B, C and β, five bits each: tail, offset
//
// and the bits of values are
//
//	bit 0        float64, evaluated by the caller
//	bit 1        special values
//	bits 2–3     kind of β: one number (0 and 3), one per row (1), one per column (2)
//	bits 4–7     α
//	bits 8–11    β, or the first of several
func fuzzProduct[T kernels.Float](set *kernels.Set, seed uint64, m, n, k int, place uint64, values uint16) error {
	fx := newFixture[T](set, "")
	defer fx.close()
	fx.rng = rand.New(rand.NewPCG(seed, 0))

	m, n = m%300, n%300
	k %= min(2000, 1+200000/max(1, m*n))
	q := fx.newProblem(m, n, k)
	if values&2 != 0 {
		fx.fill(q, 0.5/float64(k+1))
	}
	scalar := func(i int) T { return T(scalars[i%len(scalars)]) }
	alpha, beta := int(values>>4&15), int(values>>8&15)
	q.alpha, q.beta = scalar(alpha), scalar(beta)
	q.spreadBeta(int(values>>2&3)-1, func(i int) T { return scalar(beta + i) })

	take := func(bits int) int {
		v := int(place & (1<<bits - 1))
		place >>= bits
		return v
	}
	l := layout{transA: take(1) == 1, transB: take(1) == 1, padA: take(5), padB: take(5), padC: take(5)}
	for i := range l.at {
		l.at[i] = spot{tail: take(1) == 1, offset: take(4)}
	}
	if err := fx.checkProduct(q, l); err != nil || !set.Stable || m == 0 || n == 0 {
		return err
	}
	whole, err := fx.multiply(q, l)
	if err != nil {
		return err
	}
	i0, j0 := fx.rng.IntN(m), fx.rng.IntN(n)
	i1, j1 := i0+1+fx.rng.IntN(m-i0), j0+1+fx.rng.IntN(n-j0)
	part, err := fx.multiply(q.sub(i0, i1, j0, j1), fx.anyLayout())
	if err != nil {
		return err
	}
	return compare("C of the block alone", part, block(whole, n, i0, i1, j0, j1))
}
