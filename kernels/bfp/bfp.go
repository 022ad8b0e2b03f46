package bfp

import (
	"fmt"
	"math"

	"fusegrid/kernels"
)

const (
	// Limit is the largest magnitude of a rounded weight or delta.
	Limit = 127*256 + 127
	// MaxImages is the largest number of images in a minibatch.
	MaxImages = 1024
	// MaxPixels is the largest number of pixels of an image.
	MaxPixels = 1 << 24
)

// New returns a set of class [kernels.BFP16]. It has the name of base, which must be a stable set
// of class [kernels.FMA], and all operations of base except those of first layers of images.
func New(base *kernels.Set) *kernels.Set {
	if base.Class != kernels.FMA || !base.Stable {
		panic(fmt.Sprintf("bfp: set %s has class %s, want a stable set of class %s", base.Name, base.Class, kernels.FMA))
	}
	s := *base
	s.Class = kernels.BFP16
	l := &layer{slots: &base.F32}
	l.pool.New = func() any { return new(workspace) }
	s.F32.Layout = func(int) kernels.Layout[float32] { return layout{l} }
	return &s
}

// CheckMean returns an error if a pixel of a mean image does not lie in [0, 255].
func CheckMean(mean []float32) error {
	for p, v := range mean {
		if !(v >= 0 && v <= 255) {
			return fmt.Errorf("pixel %d of the mean image is %v, want 0…255", p, v)
		}
	}
	return nil
}

// scaleOf returns the scale of numbers whose largest magnitude is top. If a number is not finite,
// top must not be, either.
func scaleOf(top float32) float32 {
	if !(top <= math.MaxFloat32) {
		return float32(math.NaN())
	}
	_, e := math.Frexp(float64(top)) // top is at least 2^(e-1) and less than 2^e
	e -= 15
	if math.Ldexp(float64(top), -e) >= Limit+0.5 {
		e++
	}
	return float32(math.Ldexp(1, max(e, -126)))
}

// quantize rounds x to integers, which it stores in q, and returns their scale. If the scale is NaN,
// the integers are 0.
func quantize(q []int16, x []float32) (scale float32) {
	top := float32(0)
	for _, v := range x {
		if a := float32(math.Abs(float64(v))); a > top || a != a {
			top = a // NaN stays, because no number is larger
		}
	}
	scale = scaleOf(top)
	if scale != scale {
		clear(q)
		return scale
	}
	inverse := 1 / float64(scale)
	for i, v := range x {
		q[i] = int16(math.RoundToEven(float64(v) * inverse))
	}
	return scale
}

// toFloat returns t·scale, rounded once. scale must be a power of 2 or NaN.
func toFloat(t int64, scale float64) float32 {
	shift := 0
	for t >= 1<<53 || t <= -1<<53 { // rounding to odd, so the rounding to float32 is the only one
		t = t>>1 | t&1
		shift++
	}
	return float32(math.Ldexp(float64(t)*scale, shift))
}

// fixedPoint returns the pixel v of a mean image in units of 2^−16.
func fixedPoint(v float32) int { return int(math.RoundToEven(float64(v) * (1 << 16))) }
