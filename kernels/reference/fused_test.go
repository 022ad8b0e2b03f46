package reference

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestFMA32 compares with sums of 400 bits, rounded once. Most operands make the sum lie close to the
// middle between two float32, near the smallest numbers or near the largest.
func TestFMA32(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	exact := func(v float32) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(float64(v)) }
	truth := func(x, y, z float32) float32 {
		p := exact(x)
		p.Mul(p, exact(y))
		if p.Add(p, exact(z)); p.Sign() == 0 {
			return float32(float64(x)*float64(y) + float64(z)) // for the sign of 0
		}
		v, _ := p.Float32()
		return v
	}
	draw := func(exponent int) float32 {
		bits := rng.Uint32() & (1<<23 - 1)
		if rng.IntN(2) == 0 {
			bits &= ^uint32(0) << rng.IntN(24) & (1<<23 - 1) // few digits
		}
		if rng.IntN(4) == 0 {
			bits |= 1<<rng.IntN(23) - 1 // many ones
		}
		v := float32(math.Ldexp(1+float64(bits)/(1<<23), exponent))
		if rng.IntN(2) == 0 {
			v = -v
		}
		return v
	}
	twice := 0 // how many cases two roundings get wrong
	for i := range 400_000 {
		base := []int{0, -75, -63, 63, -70}[rng.IntN(5)]
		x, y := draw(base+rng.IntN(3)), draw(base+rng.IntN(3))
		z := draw(min(max(2*base+rng.IntN(110)-55, -149), 127))
		switch i % 10 {
		case 0:
			z = 0
		case 1, 2: // many of these products have 25 digits, and z is far below them
			x = float32(math.Ldexp(float64(1<<11+2*rng.IntN(1<<10)+1), base-11))
			y = float32(math.Ldexp(float64(1<<12+2*rng.IntN(1<<11)+1), base-12))
			z = draw(min(max(2*base-30-rng.IntN(60), -149), 127))
		}
		got, want := fma32(x, y, z), truth(x, y, z)
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("fma32(%b, %b, %b) = %b, want %b", x, y, z, got, want)
		}
		if naive := float32(float64(float64(x)*float64(y)) + float64(z)); naive != want {
			twice++
		}
	}
	if twice < 1000 {
		t.Errorf("only %d cases tell one rounding from two", twice)
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range [][4]float32{
		{inf, 1, 1, inf}, {inf, 0, 1, nan}, {inf, 1, -inf, nan}, {1, 1, nan, nan}, {nan, 0, 0, nan}, {1, -inf, 3, -inf},
		{math.MaxFloat32, 2, -inf, -inf}, {math.MaxFloat32, math.MaxFloat32, 0, inf}, {1, 1, inf, inf},
	} {
		if got := fma32(c[0], c[1], c[2]); got != c[3] && (got == got || c[3] == c[3]) {
			t.Errorf("fma32(%v, %v, %v) = %v, want %v", c[0], c[1], c[2], got, c[3])
		}
	}
}

// TestFusedExp checks exp against math.Exp, in units of the last place, and at the ends of its range.
func TestFusedExp(t *testing.T) {
	worst := 0.0
	for b := math.Float32bits(float32(math.Copysign(0, -1))); b <= math.Float32bits(-104); b += 997 {
		x := math.Float32frombits(b)
		want := math.Exp(float64(x))
		_, e := math.Frexp(want)
		worst = max(worst, math.Abs(float64(expF32.of(x))-want)/math.Ldexp(1, max(e-24, -149)))
	}
	if worst > 0.9 {
		t.Errorf("float32: off by %.3f ulp", worst)
	}
	worst = 0
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		x := -700 * rng.Float64() * rng.Float64()
		want := math.Exp(x)
		_, e := math.Frexp(want)
		worst = max(worst, math.Abs(expF64.of(x)-want)/math.Ldexp(1, e-53))
	}
	if worst > 2 { // math.Exp itself may be off by 1
		t.Errorf("float64: off by %.3f ulp", worst)
	}
	for _, x := range []float32{0, -105, -1e30, float32(math.Inf(-1))} {
		want := float32(math.Exp(float64(x)))
		if got := expF32.of(x); got != want {
			t.Errorf("exp(%v) = %v, want %v", x, got, want)
		}
		if got := expF64.of(1e3 * float64(x)); got != float64(want) {
			t.Errorf("exp(%v) = %v, want %v", 1e3*float64(x), got, want)
		}
	}
	if nan := math.NaN(); expF64.of(nan) == expF64.of(nan) || expF32.of(float32(nan)) == expF32.of(float32(nan)) {
		t.Error("exp(NaN) is a number")
	}
}
