// Package bfp computes first layers in exact integers: bfp16, which is 16-bit block floating point.
// Pixels are bytes, and CPUs multiply bytes and short integers faster than floats. The weights stay
// float32. For each product, they are rounded to 16-bit integers that share one power of 2 for each
// unit. So are the deltas of a minibatch, or in class BFP16D8 to 8-bit integers.
//
// [New] returns a set of class [kernels.BFP16] or [kernels.BFP16D8] that starts from a set of class [kernels.FMA]. Its
// first layers of images, [kernels.Ops.Forward] and [kernels.Ops.Update], are those below. All other
// operations are those of class FMA.
//
// # Definition
//
// Indices are n for images, p for pixels and u for units. x(n,p) is a byte. All numbers are exact
// except where a rounding is named. Each rounding is to the nearest, and a tie goes to the even
// neighbour.
//
// The scale of some numbers v is 2^e. It is the smallest power of 2 with e ≥ −126 for which no
// rint(v·2^−e) exceeds ±[Limit]. For the deltas of class BFP16D8, the bound is ±[ShortLimit]. If some v
// is NaN or ±Inf, the scale is NaN.
//
// The mean image, each pixel of which lies in [0, 255], is rounded to 16 binary places:
//
//	M(p) = rint(mean(p)·2^16)
//
// Forward rounds the weights of each unit. Their scale is 2^e:
//
//	q(p,u) = rint(w(p,u)·2^−e)
//	z(n,u) = float32(2^(e−16)·Σ (2^16·x(n,p) − M(p))·q(p,u))
//
// The sum is over p, and the conversion to float32 rounds once. Squares are those of
// [kernels.Ops.LaneSquares]: they are computed from w.
//
// Update rounds the deltas of each unit. Their scale is 2^f:
//
//	δ(n,u) = rint(d(n,u)·2^−f)
//	g(p,u) = fma(−M(p)·2^−16, float32(Σ δ(n,u)), float32(Σ x(n,p)·δ(n,u)))
//	w(p,u) ← fma(β(u), w(p,u), 2^f·g(p,u))
//
// The sums are over n. Each conversion to float32, the product 2^f·g and each fma rounds once to
// float32. If β is 0, w is not read: w ← 2^f·g.
//
// If a scale is NaN, all results of its unit are NaN: its z, or its new weights. So a number that is
// not finite is never lost.
//
// # Consequences
//
// Integers have no rounding, so results do not depend on the order of sums, tiles, workers, or
// neighbours. A scale is a function of the numbers that it scales. It has no history, so checkpoints
// need only the weights.
//
// An integer of up to ±Limit is 256·hi + lo with hi and lo in −128…127, for instructions that multiply
// bytes. A minibatch has at most [MaxImages] images of at most [MaxPixels] pixels, so all sums fit 64
// bits. A sum of 32 bits is enough for 258 products of a byte with such an integer, and for 65,793
// with hi or lo. In Forward, the sum for an image is a float64 if it has at most 16,513 pixels.
package bfp
