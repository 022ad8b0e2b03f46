package kerneltest

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"fusegrid/kernels"
)

// RunIntegers tests the first layers of a set of class BFP16 or BFP16D8 against the definition in package
// bfp, in subtests impl=…/dtype=…/kernel=…/check. With -short, it tests fewer shapes. [Run] tests the
// other operations on the set of class FMA that they come from.
func RunIntegers(t *testing.T, set *kernels.Set) {
	t.Run("impl="+set.Name+"/class="+string(set.Class), func(t *testing.T) {
		for _, c := range bfpChecks() {
			t.Run("kernel="+c.kernel+"/"+c.name, func(t *testing.T) {
				if err := c.verifyIntegers(set, testing.Short()); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func bfpChecks() []check[float32] {
	type f = fixture[float32]
	return []check[float32]{
		{"Forward", "shapes", (*f).bfpForward},
		{"Forward", "longest sums", (*f).bfpLongForward},
		{"Forward", "one rounding", (*f).bfpMiddles},
		{"Update", "shapes", (*f).bfpUpdate},
		{"Update", "longest sums", (*f).bfpLongUpdate},
		{"first layer", "follows its weights", (*f).bfpFollows},
		{"first layer", "one value per element", (*f).layerStable},
		{"first layer", "compaction", (*f).layerCompact},
		{"AxpbyPanels", "shapes", (*f).axpbyPanels},
		{"all", "allocations", (*f).allocations},
		{"all", "concurrency", (*f).concurrency},
	}
}

// verifyIntegers runs the check on a fresh fixture.
func (c check[T]) verifyIntegers(set *kernels.Set, short bool) error {
	fx := integerFixture[T](set, c.kernel+c.name)
	fx.short = short
	defer fx.close()
	return c.run(fx)
}

// integerFixture returns a fixture for a set with first layers in integers. All other operations have class FMA.
func integerFixture[T kernels.Float](set *kernels.Set, name string) *fixture[T] {
	fused := *set
	fused.Class = kernels.FMA
	fx := newFixture[T](&fused, name)
	fx.pixelMean, fx.deltaLimit = true, bfpLimit
	if set.Class == kernels.BFP16D8 {
		fx.deltaLimit = 127
	}
	return fx
}

// bfpLimit is the largest magnitude of an integer, except for the deltas of class BFP16D8.
const bfpLimit = 32639

// bfpScale returns the exponent of the scale of x, or false if x has a number that is not finite.
func bfpScale(x []float32, limit int) (e int, finite bool) {
	top := 0.0
	for _, v := range x {
		if v-v != 0 {
			return 0, false
		}
		top = max(top, math.Abs(float64(v)))
	}
	for e = -126; math.RoundToEven(math.Ldexp(top, -e)) > float64(limit); e++ {
	}
	return e, true
}

func bfpInt(v float32, e int) int64 { return int64(math.RoundToEven(math.Ldexp(float64(v), -e))) }

// rounded returns t·2^e, rounded once.
func rounded(t int64, e int) float32 {
	x := new(big.Float).SetInt64(t)
	f, _ := x.SetMantExp(x, e).Float32()
	return f
}

// byteOf returns pixel p of image i.
func (l *layer[T]) byteOf(i, p int) int64 { return int64(l.bytes[l.idx[i]*len(l.mean)+p]) }

// fixed returns a pixel of the mean image in units of 2^−16.
func fixed[T kernels.Float](mean T) int64 { return int64(math.RoundToEven(float64(mean) * 65536)) }

// bfpForwardModel returns z of a unit with weights w.
func bfpForwardModel(l *layer[float32], w []float32) []float32 {
	z := make([]float32, len(l.idx))
	e, finite := bfpScale(w, bfpLimit)
	for i := range z {
		sum := int64(0)
		for p, v := range w {
			if finite {
				sum += (l.byteOf(i, p)<<16 - fixed(l.mean[p])) * bfpInt(v, e)
			}
		}
		if z[i] = rounded(sum, e-16); !finite {
			z[i] = float32(math.NaN())
		}
	}
	return z
}

// bfpUpdateModel returns the next weights of a unit with weights w and deltas d.
func bfpUpdateModel(l *layer[float32], w, d []float32, beta float32, limit int) []float32 {
	next := make([]float32, len(w))
	e, finite := bfpScale(d, limit)
	scale, total := float32(math.NaN()), int64(0)
	if finite {
		scale = float32(math.Ldexp(1, e))
		for _, v := range d {
			total += bfpInt(v, e)
		}
	}
	for p := range next {
		sum := int64(0)
		for i, v := range d {
			if finite {
				sum += l.byteOf(i, p) * bfpInt(v, e)
			}
		}
		mean := float32(math.Ldexp(float64(-fixed(l.mean[p])), -16))
		g := scale * fma32(mean, rounded(total, 0), rounded(sum, 0))
		if next[p] = g; beta != 0 {
			next[p] = fma32(beta, w[p], g)
		}
	}
	return next
}

// bfpNumbers fills x with numbers that are hard to scale or to round. Each is a special value with
// probability p.
func (fx *fixture[T]) bfpNumbers(x []T, limit int, p float64) {
	rng := fx.rng
	randomize(rng, x, p)
	each := func(f func(v float64) float64) {
		for i, v := range x {
			x[i] = T(f(float64(v)))
		}
	}
	switch exponent := rng.IntN(265) - 140; rng.IntN(8) {
	case 0:
		clear(x)
	case 1: // any magnitude, down to denormals
		each(func(v float64) float64 { return math.Ldexp(v, exponent) })
	case 2: // as large as they may be without another scale, or just larger
		most, half := float64(limit), float64(limit/2)
		top := []float64{most, most + 0.25, most + 0.5, most + 0.75, half + 1, half + 0.75, most + 129}[rng.IntN(7)]
		one := rng.IntN(2) == 0
		each(func(v float64) float64 {
			if one && rng.IntN(2) == 0 {
				return top
			}
			return math.Copysign(top, v)
		})
	case 3: // ties
		each(func(float64) float64 { return float64(rng.IntN(2*limit)) - float64(limit) + 0.5 })
	case 4: // one large number
		each(func(v float64) float64 { return v * 1e-4 })
		x[rng.IntN(len(x))] = 10
	}
}

// newIntegers is newLayer for images of a mean image and for weights that are hard to round. Some images are all
// 0 or all 255.
func (fx *fixture[T]) newIntegers(n, d, lanes int, p float64) (*layer[T], error) {
	l, err := fx.newLayer(n, d, lanes, 0)
	if err != nil {
		return nil, err
	}
	for i := range len(l.bytes) / d {
		if kind := fx.rng.IntN(6); kind < 2 {
			for j := range d {
				l.bytes[i*d+j] = uint8(255 * kind)
			}
		}
	}
	for lane := range lanes {
		fx.bfpNumbers(l.wt[lane*d:(lane+1)*d], bfpLimit, p)
	}
	return l, fx.place(l)
}

// verifyIntegersForward compares z and the squares of all units with the model.
func (fx *fixture[T]) verifyIntegersForward(l *layer[T]) error {
	z, squares, err := fx.forward(l, 1)
	if err != nil {
		return err
	}
	model, d := any(l).(*layer[float32]), len(l.mean)
	for lane := range l.w.Lanes {
		w := model.wt[lane*d : (lane+1)*d]
		got := make([]float32, len(l.idx))
		for i := range got {
			got[i] = float32(z[i*l.w.Lanes+lane])
		}
		if err := compare(fmt.Sprintf("z of unit %d", lane), got, bfpForwardModel(model, w)); err != nil {
			return err
		}
	}
	return fx.verifySquares(l, squares)
}

// verifyIntegersUpdate updates all units and compares their weights with the model. The weights of the
// layer become the new ones.
func (fx *fixture[T]) verifyIntegersUpdate(l *layer[T], beta, deltas []T) error {
	if err := fx.update(l, beta, deltas, 1); err != nil {
		return err
	}
	after, d := l.lanes(), len(l.mean)
	model, got := any(l).(*layer[float32]), any(after).([]float32)
	columns := any(transposed(deltas, len(l.idx), l.w.Lanes)).([]float32)
	for lane := range l.w.Lanes {
		want := bfpUpdateModel(model, model.wt[lane*d:(lane+1)*d], columns[lane*len(l.idx):(lane+1)*len(l.idx)], float32(beta[lane]), fx.deltaLimit)
		if err := compare(fmt.Sprintf("weights of unit %d", lane), got[lane*d:(lane+1)*d], want); err != nil {
			return err
		}
	}
	l.wt = after
	return nil
}

func (fx *fixture[T]) bfpForward() error {
	return fx.layerShapes(func(n, d, lanes int) error {
		for _, p := range []float64{0, 0.2 / float64(d)} {
			l, err := fx.newIntegers(n, d, lanes, p)
			if err == nil {
				err = fx.verifyIntegersForward(l)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// bfpDeltas draws the operands of an update.
func (fx *fixture[T]) bfpDeltas(l *layer[T], p float64) (beta, deltas []T) {
	n, lanes := len(l.idx), l.w.Lanes
	beta, deltas = make([]T, lanes), make([]T, lanes*n)
	for lane := range lanes {
		fx.bfpNumbers(deltas[lane*n:(lane+1)*n], fx.deltaLimit, p)
		switch beta[lane] = T(fx.rng.NormFloat64()); fx.rng.IntN(4) {
		case 0:
			beta[lane] = 1
		case 1:
			beta[lane] = 0
		}
	}
	return beta, transposed(deltas, lanes, n)
}

// bfpUpdate checks updates. A unit has a NaN if its β is 0 and the weights have special values.
func (fx *fixture[T]) bfpUpdate() error {
	return fx.layerShapes(func(n, d, lanes int) error {
		for _, p := range []float64{0, 0.2 / float64(n)} {
			l, err := fx.newIntegers(n, d, lanes, p)
			if err != nil {
				return err
			}
			beta, deltas := fx.bfpDeltas(l, p)
			for lane := range lanes {
				if p > 0 && beta[lane] == 0 {
					l.wt[lane*d] = markOf[T]()
					l.w.SetLane(lane, l.wt[lane*d:(lane+1)*d])
				}
			}
			if err := fx.verifyIntegersUpdate(l, beta, deltas); err != nil {
				return err
			}
		}
		return nil
	})
}

// extreme makes all images 255 or 0 and the mean image 0 or 255.
func (fx *fixture[T]) extreme(l *layer[T], pixel uint8) error {
	for i := range l.bytes {
		l.bytes[i] = pixel
	}
	for p := range l.mean {
		l.mean[p] = T(255 - pixel)
	}
	return fx.place(l)
}

// fullScale fills x with ±limit, mostly of one sign.
func (fx *fixture[T]) fullScale(x []T, limit int) {
	sign := T(1 - 2*fx.rng.IntN(2))
	rare := 1 + fx.rng.IntN(2)*fx.rng.IntN(len(x)+1)
	for i := range x {
		x[i] = sign * T(limit)
		if rare > 1 && fx.rng.IntN(rare) == 0 {
			x[i] = -x[i]
		}
	}
}

// bfpLongForward checks the largest sums of Forward, around the lengths at which sums of 32 bits and
// of float64 end.
func (fx *fixture[T]) bfpLongForward() error {
	ds := []int{127, 128, 129, 256, 257, 258, 259, 260, 511, 512, 515, 516, 517, 16512, 16513, 16514}
	if !fx.short {
		ds = append(ds, 65792, 65793, 65794, 65795, 131586, 131587)
	}
	for _, d := range ds {
		for _, pixel := range []uint8{0, 255} {
			l, err := fx.newLayer(3, d, 2, 0)
			if err != nil {
				return err
			}
			for lane := range 2 {
				fx.fullScale(l.wt[lane*d:(lane+1)*d], bfpLimit)
			}
			if err = fx.extreme(l, pixel); err == nil {
				err = fx.verifyIntegersForward(l)
			}
			if err != nil {
				return fmt.Errorf("%d pixels of %d: %w", d, pixel, err)
			}
		}
	}
	return nil
}

// bfpMiddles checks sums that lie just above or below the middle between two float32, and that
// float64 rounds to this middle.
func (fx *fixture[T]) bfpMiddles() error {
	const d, fine, coarse = 20_000, 2, 40
	const large = bfpLimit * 255 << 16 * (d - coarse) // at most 2^54, so neighbours of float64 differ by 2
	const half = 1 << 29                              // half the distance of neighbours of float32
	for _, off := range []int64{-1, 0, 1} {
		for _, middle := range []int64{(large/half + 1) | 1, (large/half + 3) | 1} {
			l, err := fx.newLayer(1, d, 2, 0)
			if err != nil {
				return err
			}
			rest := middle*half + off - large // what pixels below coarse must add
			image := make([]uint8, d)
			for p := range d {
				switch {
				case p < fine: // a weight q adds −q
					image[p], l.mean[p] = 0, T(1.0/(1<<16))
				case p < coarse: // a weight q adds 2^16·q
					q := min(rest>>16, bfpLimit)
					image[p], l.mean[p], l.wt[p] = 1, 0, T(q)
					rest -= q << 16
				default:
					image[p], l.mean[p], l.wt[p] = 255, 0, bfpLimit
				}
			}
			for i := range l.bytes {
				l.bytes[i] = image[i%d]
			}
			l.wt[0], l.wt[1] = T(-rest/2), T(-(rest - rest/2))
			for p := range d {
				l.wt[d+p] = -l.wt[p]
			}
			if err = fx.place(l); err == nil {
				err = fx.verifyIntegersForward(l)
			}
			if err != nil {
				return fmt.Errorf("%d beside the middle: %w", off, err)
			}
		}
	}
	return nil
}

// bfpLongUpdate checks the largest sums of Update, around the numbers of images at which sums of 32
// bits end.
func (fx *fixture[T]) bfpLongUpdate() error {
	for _, n := range []int{127, 128, 129, 256, 257, 258, 259, 260, 513, 514, 515, 516, 517, 773, 774, 775, 1021, 1022} {
		for _, pixel := range []uint8{0, 255} {
			l, err := fx.newLayer(n, 5, 3, 0)
			if err != nil {
				return err
			}
			columns := make([]T, 3*n)
			for lane := range 3 {
				fx.fullScale(columns[lane*n:(lane+1)*n], fx.deltaLimit)
			}
			if err = fx.extreme(l, pixel); err == nil {
				err = fx.verifyIntegersUpdate(l, []T{1, 0.5, 0}, transposed(columns, 3, n))
			}
			if err != nil {
				return fmt.Errorf("%d images of pixels %d: %w", n, pixel, err)
			}
		}
	}
	return nil
}

// bfpFollows trains a layer with steps that multiply its weights by large and small factors, and changes
// weights between the products by every other operation on them.
func (fx *fixture[T]) bfpFollows() error {
	const n, d, lanes = 21, 70, 37
	l, err := fx.newIntegers(n, d, lanes, 0)
	if err != nil {
		return err
	}
	for step, factor := range []float64{1, 40, 3000, 1e-3, 1e30, 1e-30, 1, 1e-38, 40} {
		if err := fx.verifyIntegersForward(l); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		beta, deltas := make([]T, lanes), make([]T, n*lanes)
		for i := range beta {
			beta[i] = T(fx.rng.Float64())
		}
		for i := range deltas {
			deltas[i] = T(factor * fx.rng.NormFloat64())
		}
		if err := fx.verifyIntegersUpdate(l, beta, deltas); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if err := fx.verifyIntegersForward(l); err != nil {
			return fmt.Errorf("after the update of step %d: %w", step, err)
		}
		fx.arenas[1].protect(readWrite)
		switch step % 3 {
		case 0:
			l.w.SetLane(step, l.wt[(step+1)*d:(step+2)*d])
		case 1:
			l.w.MoveLane(step, step+5)
		case 2:
			l.wt = l.lanes()
			x := fx.ops.NewPanels(d, lanes)
			for lane := range lanes {
				x.SetLane(lane, l.wt[lane*d:(lane+1)*d])
			}
			fx.ops.AxpbyPanels(slices.Repeat([]T{3}, lanes), x, beta, l.w)
		}
		l.wt = l.lanes()
	}
	return fx.verifyIntegersForward(l)
}

// FuzzIntegers fuzzes the shapes and values of first layers, and the sequence of products, on all sets of
// one class.
func FuzzIntegers(f *testing.F, sets []*kernels.Set) {
	f.Add(uint64(1), uint16(3), uint16(5), uint16(7), uint8(0))
	f.Add(uint64(2), uint16(259), uint16(4), uint16(17), uint8(0b11))
	f.Add(uint64(3), uint16(2), uint16(600), uint16(33), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, n, d, lanes uint16, values uint8) {
		for _, set := range sets {
			if err := fuzzIntegers(set, seed, int(n), int(d), int(lanes), values); err != nil {
				t.Errorf("impl=%s: %v", set.Name, err)
			}
		}
	})
}

// fuzzIntegers tests a forward product, an update and a forward product of the new weights. All arguments
// are valid, because large shapes are reduced. The bits of values are
//
//	bit 0      special values among the weights
//	bit 1      special values among the deltas
func fuzzIntegers(set *kernels.Set, seed uint64, n, d, lanes int, values uint8) error {
	fx := integerFixture[float32](set, "")
	defer fx.close()
	fx.rng = rand.New(rand.NewPCG(seed, 0))
	const most = 1022 // newLayer adds room for two
	n = 1 + n%most
	d = 1 + d%min(3000, 1+100_000/n)
	lanes = 1 + lanes%min(80, 1+400_000/(n*d))
	special := func(bit, of int) float64 { return float64(values>>bit&1) * 0.5 / float64(of) }
	l, err := fx.newIntegers(n, d, lanes, special(0, d))
	if err == nil {
		err = fx.verifyIntegersForward(l)
	}
	if err == nil {
		beta, deltas := fx.bfpDeltas(l, special(1, n))
		err = fx.verifyIntegersUpdate(l, beta, deltas)
	}
	if err == nil {
		err = fx.verifyIntegersForward(l)
	}
	return err
}
