package kerneltest

import (
	"math"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/reference"
)

// A plainIntegers computes first layers of class BFP16 element by element. Its functions may be replaced
// by wrong ones.
type plainIntegers struct {
	kernels.Layout[float32]
	scale    func(x, panel []float32) float64 // of numbers x that lie in a panel
	round    func(x float64) float64
	fixed    func(mean float32) int64
	forward  func(sum int64) int64 // of terms that were added up to now
	update   func(sum int64) int64
	toFloat  func(t int64, scale float64) float32
	gradient func(mean, total, sum float32) float32
	next     func(beta, w, scale, g float32) float32
	weights  func(w []float32, l int) []float32 // of unit l, as Forward sees them
}

func newPlainIntegers() *plainIntegers {
	same := func(v int64) int64 { return v }
	return &plainIntegers{
		scale: func(x, _ []float32) float64 {
			if e, ok := bfpScale(x, bfpLimit); ok {
				return math.Ldexp(1, e)
			}
			return math.NaN()
		},
		round:   math.RoundToEven,
		fixed:   fixed[float32],
		forward: same, update: same,
		toFloat: func(t int64, scale float64) float32 {
			if scale != scale {
				return float32(scale)
			}
			_, e := math.Frexp(scale)
			return rounded(t, e-1)
		},
		gradient: func(mean, total, sum float32) float32 { return fma32(-mean, total, sum) },
		next: func(beta, w, scale, g float32) float32 {
			if beta == 0 {
				return scale * g
			}
			return fma32(beta, w, scale*g)
		},
		weights: func(w []float32, _ int) []float32 { return w },
	}
}

// set returns a set with these first layers.
func (b *plainIntegers) set() *kernels.Set {
	set := bfp.New(reference.Fused(), kernels.BFP16, nil)
	layout := set.F32.Layout
	set.F32.Layout = func(lanes int) kernels.Layout[float32] {
		if b.Layout == nil {
			b.Layout = layout(lanes)
		}
		return b
	}
	return set
}

func (b *plainIntegers) NewImages(n, pixels int) kernels.Images[float32] {
	return &plainIntegersImages{plainIntegers: b, pixels: pixels}
}

type plainIntegersImages struct {
	*plainIntegers
	pixels int
	rows   [][]uint8
	mean   []int64
}

func (m *plainIntegersImages) Load(x []uint8, idx []int, mean []float32) {
	m.rows, m.mean = nil, nil
	for _, i := range idx {
		m.rows = append(m.rows, append([]uint8(nil), x[i*m.pixels:][:m.pixels]...))
	}
	for _, v := range mean {
		m.mean = append(m.mean, m.fixed(v))
	}
}

func (m *plainIntegersImages) Parts(w kernels.Panels[float32]) (forward, update int) {
	return w.Lanes, w.Lanes
}

// panel returns the weights of the units around l.
func (m *plainIntegersImages) panel(w kernels.Panels[float32], l int) (all []float32) {
	for k := l / 4 * 4; k < min(l/4*4+4, w.Lanes); k++ {
		lane := make([]float32, w.Rows)
		w.Lane(lane, k)
		all = append(all, lane...)
	}
	return all
}

func (m *plainIntegersImages) Forward(z kernels.Mat[float32], w kernels.Panels[float32], squares []float32, lo, hi int) {
	if squares != nil && lo == 0 {
		m.Squares(squares, w)
	}
	lane := make([]float32, w.Rows)
	for l := lo; l < hi; l++ {
		w.Lane(lane, l)
		lane := m.weights(lane, l)
		scale := m.scale(lane, m.panel(w, l))
		for i, row := range m.rows {
			sum := int64(0)
			for p, v := range lane {
				if scale == scale {
					sum = m.forward(sum + (int64(row[p])<<16-m.mean[p])*int64(m.round(float64(v)/scale)))
				}
			}
			z.Data[i*z.Stride+l] = m.toFloat(sum, scale/65536)
		}
	}
}

func (m *plainIntegersImages) Update(w kernels.Panels[float32], beta []float32, d kernels.Mat[float32], lo, hi int) {
	lane, column := make([]float32, w.Rows), make([]float32, d.Rows)
	for l := lo; l < hi; l++ {
		w.Lane(lane, l)
		var panel []float32
		for i := range column {
			column[i] = d.Data[i*d.Stride+l]
			panel = append(panel, d.Row(i)[l/4*4:min(l/4*4+4, d.Cols)]...)
		}
		scale := m.scale(column, panel)
		for p, v := range lane {
			sum, total := int64(0), int64(0)
			for i, row := range m.rows {
				if scale == scale {
					k := int64(m.round(float64(column[i]) / scale))
					sum, total = m.update(sum+k*int64(row[p])), total+k
				}
			}
			g := m.gradient(float32(m.mean[p])/65536, m.toFloat(total, 1), m.toFloat(sum, 1))
			lane[p] = m.next(beta[l], v, float32(scale), g)
		}
		w.SetLane(l, lane)
	}
}

// verifyAllIntegers returns the first error of the checks of products.
func verifyAllIntegers(set *kernels.Set) error {
	for _, c := range bfpChecks()[:7] {
		if err := c.verifyIntegers(set, true); err != nil {
			return err
		}
	}
	return nil
}

func TestPlainIntegersAreAccepted(t *testing.T) {
	if err := verifyAllIntegers(newPlainIntegers().set()); err != nil {
		t.Error(err)
	}
}

// TestFlawedIntegersAreRejected checks that the suite rejects every flaw.
func TestFlawedIntegersAreRejected(t *testing.T) {
	wrap := func(v int64) int64 { return int64(int32(v)) }
	scaleBy := func(limit float64, lowest int) func(x, _ []float32) float64 {
		return func(x, _ []float32) float64 {
			top := 0.0
			for _, v := range x {
				top = max(top, math.Abs(float64(v))) // NaN stays
			}
			if top-top != 0 {
				return math.NaN()
			}
			e := lowest
			for math.RoundToEven(math.Ldexp(top, -e)) > limit {
				e++
			}
			return math.Ldexp(1, e)
		}
	}
	for name, flaw := range map[string]func(b *plainIntegers){
		"15 bits":                 func(b *plainIntegers) { b.scale = scaleBy(16319, -126) },
		"16 bits without digits":  func(b *plainIntegers) { b.scale = scaleBy(32767, -126) },
		"limit off by one":        func(b *plainIntegers) { b.scale = scaleBy(bfpLimit-1, -126) },
		"scales below 2^-126":     func(b *plainIntegers) { b.scale = scaleBy(bfpLimit, -149) },
		"scales not below 2^-125": func(b *plainIntegers) { b.scale = scaleBy(bfpLimit, -125) },
		"limit before the rounding": func(b *plainIntegers) {
			b.scale = func(x, _ []float32) float64 {
				top := 0.0
				for _, v := range x {
					top = max(top, math.Abs(float64(v)))
				}
				if top-top != 0 {
					return math.NaN()
				}
				e := -126
				for math.Ldexp(top, -e) > bfpLimit {
					e++
				}
				return math.Ldexp(1, e)
			}
		},
		"one scale for four units": func(b *plainIntegers) {
			right := b.scale
			b.scale = func(_, panel []float32) float64 { return right(panel, nil) }
		},
		"NaN vanishes": func(b *plainIntegers) {
			right := b.scale
			b.scale = func(x, _ []float32) float64 {
				y := append([]float32(nil), x...)
				for i, v := range y {
					if v != v {
						y[i], x[i] = 0, 0
					}
				}
				return right(y, nil)
			}
		},
		"Inf vanishes": func(b *plainIntegers) {
			right := b.scale
			b.scale = func(x, _ []float32) float64 {
				y := append([]float32(nil), x...)
				for i, v := range y {
					if v == v && v-v != 0 {
						y[i], x[i] = 0, 0
					}
				}
				return right(y, nil)
			}
		},
		"ties away from 0": func(b *plainIntegers) { b.round = math.Round },
		"truncates":        func(b *plainIntegers) { b.round = math.Trunc },
		"mean of 8 places": func(b *plainIntegers) { b.fixed = func(v float32) int64 { return fixed(v*256) / 65536 * 256 } },
		"mean truncated":   func(b *plainIntegers) { b.fixed = func(v float32) int64 { return int64(float64(v) * 65536) } },
		"mean ties away from 0": func(b *plainIntegers) {
			b.fixed = func(v float32) int64 { return int64(math.Round(float64(v) * 65536)) }
		},
		"mean of 255 overflows": func(b *plainIntegers) { b.fixed = func(v float32) int64 { return min(fixed(v), 255<<16-1) } },
		"32 bits in Update":     func(b *plainIntegers) { b.update = wrap },
		"saturates in Update": func(b *plainIntegers) {
			b.update = func(v int64) int64 { return max(math.MinInt32, min(v, math.MaxInt32)) }
		},
		"48 bits in Forward": func(b *plainIntegers) { b.forward = func(v int64) int64 { return v << 16 >> 16 } },
		"z rounded to float64": func(b *plainIntegers) {
			b.toFloat = func(t int64, s float64) float32 { return float32(float64(t) * s) }
		},
		"Update adds two float32": func(b *plainIntegers) {
			b.toFloat = func(t int64, s float64) float32 {
				if s == 1 {
					return float32(t>>16)*65536 + float32(t&0xffff)
				}
				return rounded(t, int(math.Log2(s)))
			}
		},
		"z truncated": func(b *plainIntegers) {
			right := b.toFloat
			b.toFloat = func(t int64, s float64) float32 {
				z := right(t, s)
				if math.Abs(float64(z)) > math.Abs(float64(t)*s) {
					z = math.Nextafter32(z, 0)
				}
				return z
			}
		},
		"g rounded twice": func(b *plainIntegers) {
			b.gradient = func(mean, total, sum float32) float32 { return sum - float32(mean*total) }
		},
		"mean forgotten": func(b *plainIntegers) { b.gradient = func(_, _, sum float32) float32 { return sum } },
		"w is read if β is 0": func(b *plainIntegers) {
			b.next = func(beta, w, scale, g float32) float32 { return fma32(beta, w, scale*g) }
		},
		"β·w is rounded": func(b *plainIntegers) {
			right := b.next
			b.next = func(beta, w, scale, g float32) float32 {
				if beta == 0 {
					return right(beta, w, scale, g)
				}
				return fma32(scale, g, beta*w)
			}
		},
		"only Update changes weights": func(b *plainIntegers) {
			seen := map[int][]float32{}
			fixed, next := b.fixed, b.next
			b.fixed = func(mean float32) int64 { clear(seen); return fixed(mean) }
			b.next = func(beta, w, scale, g float32) float32 { clear(seen); return next(beta, w, scale, g) }
			b.weights = func(w []float32, l int) []float32 {
				if seen[l] == nil {
					seen[l] = append([]float32(nil), w...)
				}
				return seen[l]
			}
		},
		"old weights": func(b *plainIntegers) {
			seen := map[int][]float32{}
			b.weights = func(w []float32, l int) []float32 {
				old := seen[l]
				seen[l] = append([]float32(nil), w...)
				if len(old) != len(w) {
					return w
				}
				return old
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newPlainIntegers()
			flaw(b)
			err := verifyAllIntegers(b.set())
			if err == nil {
				t.Fatal("the suite accepts it")
			}
			t.Log(err)
		})
	}
}

// TestOtherDeltasAreRejected checks that the suite tells deltas of 16 bits from those of 8 bits.
func TestOtherDeltasAreRejected(t *testing.T) {
	for _, c := range [][2]kernels.Class{{kernels.BFP16, kernels.BFP16D8}, {kernels.BFP16D8, kernels.BFP16}} {
		set := *bfp.New(reference.Fused(), c[0], nil)
		set.Class = c[1]
		if err := verifyAllIntegers(&set); err == nil || !strings.Contains(err.Error(), "weights of unit") {
			t.Errorf("class %s that is called %s: %v", c[0], c[1], err)
		}
	}
}
