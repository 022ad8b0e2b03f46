package kerneltest

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

func TestFMA32(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	anyFloat := func() float32 { return math.Float32frombits(rng.Uint32()) }
	nearby := func() float32 { return float32(rng.IntN(1<<24)) * float32(math.Ldexp(1, rng.IntN(20)-160)) }
	wrongBySimple := 0
	for i := range 300000 {
		x, y, z := anyFloat(), anyFloat(), anyFloat()
		switch i % 3 {
		case 1: // z + x·y = z + 1 ± a²·2^-46, close to the middle of two float32
			a := float32(rng.IntN(256)) * 0x1p-23
			x, y, z = 1+a, 1-a, 0x1p24+2*float32(rng.IntN(1<<22))
			if i&2 != 0 {
				x, z = -x, -z
			}
		case 2:
			x, y, z = nearby()*float32(0x1p70), nearby()*float32(0x1p70), nearby() // around the denormals
		}
		got := fma32(x, y, z)
		if x-x != 0 || y-y != 0 || z-z != 0 {
			if want := float32(math.FMA(float64(x), float64(y), float64(z))); !same(got, want) {
				t.Fatalf("fma32(%v, %v, %v) = %v, want %v", x, y, z, got, want)
			}
			continue
		}
		exact := new(big.Float).SetPrec(2000).Mul(big.NewFloat(float64(x)), big.NewFloat(float64(y)))
		exact.Add(exact, big.NewFloat(float64(z)))
		want, _ := exact.Float32()
		if got != want {
			t.Fatalf("fma32(%v, %v, %v) = %s, want %s", x, y, z, show(got), show(want))
		}
		if float32(float64(x)*float64(y)+float64(z)) != want {
			wrongBySimple++
		}
	}
	if wrongBySimple == 0 {
		t.Error("no argument tells rounding once from rounding twice")
	}
}

// TestBigExpAndLog compares with the digits of e^x to 30 places.
func TestBigExpAndLog(t *testing.T) {
	for _, c := range []struct{ x, want string }{
		{"1", "2.71828182845904523536028747135"},
		{"-1", "0.367879441171442321595523770161"},
		{"-100", "3.72007597602083596296e-44"},
		{"0.5", "1.64872127070012814684865078781"},
	} {
		x, _ := new(big.Float).SetPrec(prec).SetString(c.x)
		want, _ := new(big.Float).SetPrec(prec).SetString(c.want)
		for what, pair := range map[string][2]*big.Float{
			"exp(" + c.x + ")":    {bigExp(x), want},
			"log(" + c.want + ")": {bigLog(want), x},
		} {
			off := new(big.Float).Sub(pair[0], pair[1])
			off.Quo(off, pair[1])
			if r, _ := off.Float64(); math.Abs(r) > 1e-20 {
				t.Errorf("%s = %.30g, off by %.3g", what, pair[0], r)
			}
		}
	}
	if e, _ := bigExp(bigFloat(-1e30)).Float64(); e != 0 {
		t.Errorf("exp(-1e30) = %v, want 0", e)
	}
}

func TestSumHoldsTwiceThePrecision(t *testing.T) {
	var s sum
	for _, p := range [][2]float64{{1e8 + 1, 1e8 + 1}, {-1e16, 1}, {-2e8, 1}} {
		s.addProduct(p[0], p[1])
	}
	if got := s.hi + s.lo; got != 1 {
		t.Errorf("(1e8+1)² − 1e16 − 2e8 = %v, want 1", got)
	}
}

// TestVerifyProduct checks that verifyProduct and verifyResidual reject wrong results. In a foreign
// class, they must accept the correct C, even if each element is near its bound.
func TestVerifyProduct(t *testing.T) {
	t.Run("dtype=f32", testVerifyProduct[float32])
	t.Run("dtype=f64", testVerifyProduct[float64])
}

func testVerifyProduct[T kernels.Float](t *testing.T) {
	set := reference.Gonum()
	fx := newFixture[T](set, "")
	defer fx.close()
	q := fx.newProblem(6, 9, 100)
	q.alpha, q.beta = 0.37, -1
	right := make([]T, q.m*q.n)
	for i := range right {
		right[i] = q.model(kernels.MulAdd, i/q.n, i%q.n)
	}
	// off adds a multiple of the bound to every element, or to one element.
	off := func(bounds float64, only int) func(c []T) {
		return func(c []T) {
			for i := range c {
				if only < 0 || i == only {
					truth, bound := q.truth(i/q.n, i%q.n)
					c[i] = T(truth.hi + bounds*bound)
				}
			}
		}
	}
	for _, test := range []struct {
		name     string
		change   func(c []T)
		elements string // the expected error, or "" if accepted
		residual bool   // whether verifyResidual accepts it
	}{
		{"nothing", func(c []T) {}, "", true},
		{"all near their bound", off(0.9, -1), "", true},
		{"all off by 10 bounds", off(10, -1), "element (0,0)", true},
		{"one element off by 10 bounds", off(10, 20), "element (2,2)", true},
		{"one element off by -10 bounds", off(-10, 53), "element (5,8)", true},
		{"zeros", func(c []T) { clear(c) }, "element (0,0)", false},
		{"one NaN", func(c []T) { c[30] = T(math.NaN()) }, "element (3,3)", false},
		{"one infinity", func(c []T) { c[30] = T(math.Inf(-1)) }, "element (3,3)", false},
		{"last column missing", func(c []T) {
			for i := range q.m {
				c[i*q.n+q.n-1] = 0
			}
		}, "element (0,8)", false},
		{"rows swapped", func(c []T) {
			for j := range q.n {
				c[j], c[q.n+j] = c[q.n+j], c[j]
			}
		}, "element (0,0)", false},
		{"columns swapped", func(c []T) {
			for i := range q.m {
				c[i*q.n], c[i*q.n+1] = c[i*q.n+1], c[i*q.n]
			}
		}, "element (0,0)", false},
	} {
		c := slices.Clone(right)
		test.change(c)
		err := fx.verifyProduct(q, c)
		if (err == nil) != (test.elements == "") || err != nil && !strings.HasPrefix(err.Error(), test.elements) {
			t.Errorf("%s: element by element: %v, want %q", test.name, err, test.elements)
		}
		// An error in one element may be within the bound of its row.
		if strings.Contains(test.name, "off by") {
			continue
		}
		if err := fx.verifyResidual(q, c); (err == nil) != test.residual {
			t.Errorf("%s: residual: %v", test.name, err)
		}
	}
	if err := fx.verifyProduct(q, right[1:]); err == nil {
		t.Error("an element missing: accepted")
	}
}

func TestArena(t *testing.T) {
	fx := newFixture[float32](reference.New(), "")
	defer fx.close()
	for _, at := range []spot{{}, {tail: true}, {offset: 3}, {tail: true, offset: 5}} {
		x := fx.vec(0, 7, at)
		for i, v := range x {
			if bitsOf(v) != bitsOf(markOf[float32]()) {
				t.Errorf("at %v: element %d is not marked", at, i)
			}
			x[i] = 0
		}
		a := fx.arenas[0]
		if err := a.spill(); err != nil {
			t.Errorf("at %v: writing the operand is reported: %v", at, err)
		}
		for _, n := range []int{-1, 7} {
			p := elementAt(x, n)
			err := fx.call(func() { *p = 1 })
			if at.tail && at.offset == 0 && n == 7 || at == (spot{}) && n == -1 {
				if fenced {
					if err == nil || !strings.HasPrefix(err.Error(), "fault") {
						t.Errorf("at %v: writing element %d gives %v, want a fault", at, n, err)
					}
					continue
				}
			}
			if err == nil || !strings.Contains(err.Error(), "memory was written") {
				t.Errorf("at %v: writing element %d gives %v", at, n, err)
			}
			*p = markOf[float32]()
		}
		if err := fx.call(func() { x[2] = 1 }, 0); fenced && err == nil {
			t.Errorf("at %v: writing a read-only operand is not seen", at)
		}
	}
}
