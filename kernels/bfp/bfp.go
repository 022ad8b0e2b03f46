package bfp

import (
	"fmt"
	"math"

	"fusegrid/kernels"
)

const (
	// Limit is the largest magnitude of a rounded weight, or of a rounded delta in class BFP16.
	Limit = 127*256 + 127
	// ShortLimit is the largest magnitude of a rounded delta in class BFP16D8.
	ShortLimit = 127
	// MaxImages is the largest number of images in a minibatch.
	MaxImages = 1024
	// MaxPixels is the largest number of pixels of an image.
	MaxPixels = 1 << 24
)

// New returns a set of class [kernels.BFP16] or [kernels.BFP16D8]. It has the name of base, which must
// be a stable set of class [kernels.FMA], and all operations of base except those of first layers of
// images. These are computed with k, or in plain Go if k is nil.
func New(base *kernels.Set, class kernels.Class, k *Kernels) *kernels.Set {
	if !class.Integers() {
		panic(fmt.Sprintf("bfp: class %s has no first layers in integers", class))
	}
	if base.Class != kernels.FMA || !base.Stable {
		panic(fmt.Sprintf("bfp: set %s has class %s, want a stable set of class %s", base.Name, base.Class, kernels.FMA))
	}
	s := *base
	s.Class = class
	l := &layer{slots: &base.F32, deltas: weights, kernels: k}
	if class == kernels.BFP16D8 {
		l.deltas = shortDeltas
	}
	l.pool.New = func() any { return new(workspace) }
	s.F32.Layout = func(n int) kernels.Layout[float32] { return l.newLayout(n) }
	return &s
}

// checkMean panics if [CheckMean] returns an error.
func checkMean(mean []float32) {
	if err := CheckMean(mean); err != nil {
		panic("bfp: Load: " + err.Error())
	}
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

// An integer type says how numbers are rounded.
type integer struct {
	limit uint32 // the largest magnitude
	bits  uint32 // of limit
}

var (
	weights     = integer{Limit, 15} // and deltas, in class BFP16
	shortDeltas = integer{ShortLimit, 7}
)

// scaleOf returns the scale of numbers and its inverse. The argument is the bits of their largest
// magnitude, or the bits of NaN if a number is not finite. The scale is then NaN, and its inverse is 0.
func (i integer) scaleOf(top uint32) (scale, inverse float32) {
	const infinity, mantissa = 0xff << 23, 1<<23 - 1
	if top >= infinity {
		return float32(math.NaN()), 0
	}
	e := top >> 23
	if half := (2*i.limit + 1) << (23 - i.bits) & mantissa; top&mantissa >= half { // the mantissa of limit + ½
		e++ // the numbers would be rounded to more than the limit
	}
	e = max(e, i.bits) - i.bits + 1 // top is at least 2^(bits−1) times the scale, or the scale is the smallest
	return math.Float32frombits(e << 23), math.Float32frombits((254 - e) << 23)
}

// bitsOf returns the bits of the magnitude of v, which order numbers by magnitude, with NaN last.
func bitsOf(v float32) uint32 { return math.Float32bits(v) &^ (1 << 31) }

// quantize rounds x to integers, which it stores in q, and returns their scale. If the scale is NaN,
// the integers are 0.
func (i integer) quantize(q []int16, x []float32) (scale float32) {
	top := uint32(0)
	for _, v := range x {
		top = max(top, bitsOf(v))
	}
	scale, inverse := i.scaleOf(top)
	if scale != scale {
		clear(q)
		return scale
	}
	for n, v := range x {
		q[n] = int16(math.RoundToEven(float64(v) * float64(inverse)))
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

// minusMean returns −M·2^−16.
func minusMean(fixed int) float32 { return -float32(fixed) / (1 << 16) }
