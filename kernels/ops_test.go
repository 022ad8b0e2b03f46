package kernels_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

// TestOpsRefuseWrongArguments checks that wrong arguments panic with a message that names the
// operand, and that nothing is written before the panic.
func TestOpsRefuseWrongArguments(t *testing.T) {
	ops := kernels.Of[float64](reference.New())
	// Operands are cut from one buffer, so some of them overlap.
	buf := make([]float64, 4000)
	for i := range buf {
		buf[i] = float64(i)
	}
	before := slices.Clone(buf)
	vec := func(at, n int) []float64 { return buf[at : at+n] }
	mat := func(at, rows, cols, stride int) kernels.Mat[float64] {
		return kernels.Mat[float64]{Rows: rows, Cols: cols, Stride: stride, Data: buf[at : at+(rows-1)*stride+cols]}
	}
	a, b, c := mat(0, 3, 4, 5), mat(100, 4, 6, 7), mat(200, 3, 6, 8)
	gemm := func(change func(p *kernels.Product[float64])) func() {
		return func() {
			p := kernels.Product[float64]{Alpha: 1, A: a, B: b, C: c}
			change(&p)
			ops.Gemm(p)
		}
	}
	x := mat(0, 3, 4, 5)
	panels := func(at int) kernels.Panels[float64] {
		w := ops.NewPanels(4, 3)
		w.Data = vec(at, 12)
		return w
	}
	other := kernels.Of[float64](reference.New()).NewPanels
	images, pixels := ops.NewMinibatch(3, panels(0)), make([]uint8, 5*4)
	ops.Load(images, pixels, []int{0, 1}, make([]float64, 4))

	for _, test := range []struct {
		want string
		call func()
	}{
		{"Gemm: A is 3×4 with stride 3", gemm(func(p *kernels.Product[float64]) { p.A.Stride = 3 })},
		{"Gemm: A is -3×4 with stride 5", gemm(func(p *kernels.Product[float64]) { p.A.Rows = -3 })},
		{"Gemm: A is 3×-4 with stride 5", gemm(func(p *kernels.Product[float64]) { p.A.Cols = -4 })},
		{"Gemm: B is 4×6 with stride 7 but has 26 elements, want 27", gemm(func(p *kernels.Product[float64]) { p.B.Data = p.B.Data[:26] })},
		{"Gemm: C is 3×6 with stride 8 but has 0 elements, want 22", gemm(func(p *kernels.Product[float64]) { p.C.Data = nil })},
		{"Gemm: op(B) has 6 rows, op(A) has 4 columns", gemm(func(p *kernels.Product[float64]) { p.TransB = true })},
		{"Gemm: op(B) has 4 rows, op(A) has 3 columns", gemm(func(p *kernels.Product[float64]) { p.TransA = true })},
		{"Gemm: C is 4×6, op(A)·op(B) is 3×6", gemm(func(p *kernels.Product[float64]) { p.C = mat(200, 4, 6, 8) })},
		{"Gemm: C is 3×7, op(A)·op(B) is 3×6", gemm(func(p *kernels.Product[float64]) { p.C = mat(200, 3, 7, 8) })},
		{"Gemm: BetaRow has 2 elements, want 3", gemm(func(p *kernels.Product[float64]) { p.BetaRow = vec(300, 2) })},
		{"Gemm: BetaCol has 7 elements, want 6", gemm(func(p *kernels.Product[float64]) { p.BetaCol = vec(300, 7) })},
		{"Gemm: BetaRow and BetaCol are both set", gemm(func(p *kernels.Product[float64]) { p.BetaRow, p.BetaCol = vec(300, 3), vec(310, 6) })},
		{"Gemm: C overlaps BetaRow", gemm(func(p *kernels.Product[float64]) { p.BetaRow = vec(221, 3) })},
		{"Gemm: C overlaps BetaCol", gemm(func(p *kernels.Product[float64]) { p.BetaCol = vec(195, 6) })},
		{"Gemm: C overlaps A", gemm(func(p *kernels.Product[float64]) { p.C = mat(13, 3, 6, 8) })},
		{"Gemm: C overlaps A", gemm(func(p *kernels.Product[float64]) { p.C = mat(0, 3, 6, 8) })},
		{"Gemm: C overlaps B", gemm(func(p *kernels.Product[float64]) { p.C = mat(90, 3, 6, 8) })},
		{fmt.Sprintf("Gemm: A is %d×4 with stride 4", math.MaxInt/2+1), gemm(func(p *kernels.Product[float64]) {
			p.A.Rows, p.A.Stride = math.MaxInt/2+1, 4 // the extent overflows to 0
		})},

		{"ReLU: x has 4 elements, want 5", func() { ops.ReLU(vec(0, 5), vec(10, 4)) }},
		{"ReLU: dst overlaps x", func() { ops.ReLU(vec(0, 5), vec(4, 5)) }},
		{"ReLU: dst overlaps x", func() { ops.ReLU(vec(4, 5), vec(0, 5)) }},
		{"ReLUGrad: dy has 4 elements, want 5", func() { ops.ReLUGrad(vec(0, 5), vec(10, 4), vec(20, 5)) }},
		{"ReLUGrad: x has 6 elements, want 5", func() { ops.ReLUGrad(vec(0, 5), vec(10, 5), vec(20, 6)) }},
		{"ReLUGrad: dx overlaps dy", func() { ops.ReLUGrad(vec(0, 5), vec(1, 5), vec(20, 5)) }},
		{"ReLUGrad: dx overlaps x", func() { ops.ReLUGrad(vec(0, 5), vec(10, 5), vec(1, 5)) }},
		{"ReLUGradMat: dy is 2×3, want 2×2", func() { ops.ReLUGradMat(mat(0, 2, 2, 2), mat(10, 2, 3, 3), mat(20, 2, 2, 2)) }},
		{"ReLUGradMat: x is 1×2, want 2×2", func() { ops.ReLUGradMat(mat(0, 2, 2, 2), mat(10, 2, 2, 2), mat(20, 1, 2, 2)) }},
		{"ReLUGradMat: dx overlaps dy", func() { ops.ReLUGradMat(mat(0, 2, 2, 2), mat(1, 2, 2, 2), mat(20, 2, 2, 2)) }},
		{"ReLUGradMat: dx overlaps x", func() { ops.ReLUGradMat(mat(0, 2, 2, 2), mat(10, 2, 2, 2), mat(1, 2, 2, 2)) }},

		{"AddBias: dst is 3×5, want 3×4", func() { ops.AddBias(mat(100, 3, 5, 5), x, vec(200, 4)) }},
		{"AddBias: bias has 5 elements, want 4", func() { ops.AddBias(mat(100, 3, 4, 4), x, vec(200, 5)) }},
		{"AddBias: dst overlaps x", func() { ops.AddBias(mat(3, 3, 4, 5), x, vec(200, 4)) }},
		{"AddBias: dst overlaps x", func() { ops.AddBias(mat(0, 3, 4, 4), x, vec(200, 4)) }},
		{"AddBias: dst overlaps bias", func() { ops.AddBias(mat(100, 3, 4, 4), x, vec(111, 4)) }},
		{"AddBias: x is 3×4 with stride 5 but has 13 elements, want 14", func() {
			y := x
			y.Data = y.Data[:13]
			ops.AddBias(mat(100, 3, 4, 4), y, vec(200, 4))
		}},
		{"BiasReLU: dst is 2×4, want 3×4", func() { ops.BiasReLU(mat(100, 2, 4, 5), x, vec(200, 4)) }},
		{"BiasReLU: bias has 3 elements, want 4", func() { ops.BiasReLU(mat(100, 3, 4, 4), x, vec(200, 3)) }},
		{"BiasReLU: dst overlaps bias", func() { ops.BiasReLU(x, x, vec(13, 4)) }},

		{"SoftmaxLoss: dx is 3×5, want 3×4", func() { ops.SoftmaxLoss(mat(100, 3, 5, 5), x, []int{0, 1, 2}) }},
		{"SoftmaxLoss: y has 2 elements, want 3", func() { ops.SoftmaxLoss(mat(100, 3, 4, 4), x, []int{0, 1}) }},
		{"SoftmaxLoss: y[1] is 4, want 0…3", func() { ops.SoftmaxLoss(mat(100, 3, 4, 4), x, []int{0, 4, 2}) }},
		{"SoftmaxLoss: y[2] is -1, want 0…3", func() { ops.SoftmaxLoss(mat(100, 3, 4, 4), x, []int{0, 1, -1}) }},
		{"SoftmaxLoss: x is 0×4, want at least one row and column", func() {
			ops.SoftmaxLoss(kernels.NewMat[float64](0, 4), kernels.NewMat[float64](0, 4), nil)
		}},
		{"SoftmaxLoss: x is 2×0, want at least one row and column", func() {
			ops.SoftmaxLoss(kernels.NewMat[float64](2, 0), kernels.NewMat[float64](2, 0), []int{0, 0})
		}},
		{"SoftmaxLoss: dx overlaps x", func() { ops.SoftmaxLoss(mat(1, 3, 4, 5), x, []int{0, 1, 2}) }},

		{"Axpby: x has 4 elements, want 5", func() { ops.Axpby(1, vec(0, 4), 1, vec(10, 5)) }},
		{"Axpby: y overlaps x", func() { ops.Axpby(1, vec(0, 5), 1, vec(2, 5)) }},
		{"ColSums: dst has 5 elements, want 4", func() { ops.ColSums(vec(100, 5), x) }},
		{"ColSums: dst overlaps x", func() { ops.ColSums(vec(4, 4), x) }},
		{"ColSums: x is 3×4 with stride 2", func() { ops.ColSums(vec(100, 4), kernels.Mat[float64]{3, 4, 2, buf}) }},
		{"SubMean: src has 4 elements, want 5", func() { ops.SubMean(vec(0, 5), make([]uint8, 4), vec(10, 5)) }},
		{"SubMean: mean has 6 elements, want 5", func() { ops.SubMean(vec(0, 5), make([]uint8, 5), vec(10, 6)) }},
		{"SubMean: dst overlaps mean", func() { ops.SubMean(vec(0, 5), make([]uint8, 5), vec(4, 5)) }},
		{"AddSquares: dst has no elements, x has 6", func() { ops.AddSquares(nil, vec(0, 6)) }},
		{"AddSquares: dst overlaps x", func() { ops.AddSquares(vec(0, 5), vec(4, 5)) }},

		{"RMSProp: g has 4 elements, want 5", func() { ops.RMSProp(kernels.RMSPropFactors[float64]{}, vec(0, 5), vec(10, 5), vec(20, 4)) }},
		{"RMSProp: a has 6 elements, want 5", func() { ops.RMSProp(kernels.RMSPropFactors[float64]{}, vec(0, 5), vec(10, 6), vec(20, 5)) }},
		{"RMSProp: w overlaps g", func() { ops.RMSProp(kernels.RMSPropFactors[float64]{}, vec(0, 5), vec(10, 5), vec(0, 5)) }},
		{"RMSProp: w overlaps a", func() { ops.RMSProp(kernels.RMSPropFactors[float64]{}, vec(0, 5), vec(4, 5), vec(20, 5)) }},
		{"Adam: v has 4 elements, want 5", func() { ops.Adam(kernels.AdamFactors[float64]{}, vec(0, 5), vec(10, 5), vec(20, 4), vec(30, 5)) }},
		{"Adam: m overlaps v", func() { ops.Adam(kernels.AdamFactors[float64]{}, vec(0, 5), vec(10, 5), vec(14, 5), vec(30, 5)) }},
		{"Adam: v overlaps g", func() { ops.Adam(kernels.AdamFactors[float64]{}, vec(0, 5), vec(10, 5), vec(20, 5), vec(24, 5)) }},

		{"Rows: 4 samples, want 1…3", func() { ops.Rows(images, 4) }},
		{"Rows: 0 samples, want 1…3", func() { ops.Rows(images, 0) }},
		{"Rows: the minibatch belongs to another set", func() { kernels.Of[float64](reference.New()).Rows(images, 2) }},
		{"NewRowMajor: -1 rows of 3 lanes", func() { ops.NewRowMajor(-1, 3) }},
		{"NewPanels: -1 rows of 3 lanes", func() { ops.NewPanels(-1, 3) }},
		{"NewMinibatch: 0 images of 4 pixels", func() { ops.NewMinibatch(0, panels(0)) }},
		{"NewMinibatch: w belongs to another set", func() { ops.NewMinibatch(2, other(4, 3)) }},
		{"Update: w belongs to another set", func() { ops.Update(other(4, 3), vec(200, 3), images, mat(100, 2, 3, 3), 1) }},
		{"LaneSquares: w belongs to another set", func() { ops.LaneSquares(vec(200, 3), other(4, 3)) }},
		{"AxpbyPanels: x belongs to another set", func() { ops.AxpbyPanels(vec(200, 3), other(4, 3), vec(210, 3), panels(100)) }},
		{"AxpbyPanels: y belongs to another set", func() { ops.AxpbyPanels(vec(200, 3), panels(0), vec(210, 3), other(4, 3)) }},
		{"Forward: w is in rows of 5, the minibatch was made for rows of 3", func() {
			ops.Forward(mat(100, 2, 3, 3), images, ops.NewPanels(4, 5).First(3), nil, 1)
		}},
		{"Update: w has 12 elements for 4 rows of 4 lanes in rows of 3", func() {
			w := panels(0)
			w.Lanes = 4
			ops.Update(w, vec(200, 4), images, mat(100, 2, 4, 4), 1)
		}},
		{"AxpbyPanels: x is 4×3 in rows of 3, y is 4×3 in rows of 5", func() {
			ops.AxpbyPanels(vec(200, 3), panels(0), vec(210, 3), ops.NewPanels(4, 5).First(3))
		}},
		{"the first 4 of 3 lanes", func() { panels(0).First(4) }},
		{"Load: mean has 5 elements, want 4", func() { ops.Load(images, pixels, []int{0}, vec(0, 5)) }},
		{"Load: 4 images, want 1…3", func() { ops.Load(images, pixels, []int{0, 1, 0, 1}, vec(0, 4)) }},
		{"Load: 0 images, want 1…3", func() { ops.Load(images, pixels, nil, vec(0, 4)) }},
		{"Load: idx[1] is 5, want 0…4", func() { ops.Load(images, pixels, []int{0, 5}, vec(0, 4)) }},
		{"Load: idx[0] is -1, want 0…4", func() { ops.Load(images, pixels, []int{-1}, vec(0, 4)) }},
		{"Forward: the minibatch was not loaded", func() { ops.Forward(mat(100, 2, 3, 3), ops.NewMinibatch(2, panels(0)), panels(0), nil, 1) }},
		{"Forward: z is 3×3, want 2×3", func() { ops.Forward(mat(100, 3, 3, 3), images, panels(0), nil, 1) }},
		{"Forward: z is 2×2, want 2×3", func() { ops.Forward(mat(100, 2, 2, 3), images, panels(0), nil, 1) }},
		{"Forward: z overlaps w", func() { ops.Forward(mat(3, 2, 3, 3), images, panels(0), nil, 1) }},
		{"Forward: squares has 2 elements, want 3", func() { ops.Forward(mat(100, 2, 3, 3), images, panels(0), vec(200, 2), 1) }},
		{"Forward: squares overlaps w", func() { ops.Forward(mat(100, 2, 3, 3), images, panels(0), vec(11, 3), 1) }},
		{"Forward: squares overlaps z", func() { ops.Forward(mat(100, 2, 3, 3), images, panels(0), vec(105, 3), 1) }},
		{"Forward: the minibatch belongs to another set", func() { kernels.Of[float64](reference.New()).Forward(mat(100, 2, 3, 3), images, panels(0), nil, 1) }},
		{"Load: the minibatch belongs to another set", func() { kernels.Of[float64](reference.New()).Load(images, pixels, []int{0}, vec(0, 4)) }},
		{"SetLane: src has 3 elements, want 4", func() { panels(0).SetLane(0, vec(100, 3)) }},
		{"Lane: lane 3, want 0…2", func() { panels(0).Lane(vec(100, 4), 3) }},
		{"Forward: w has 11 elements for 4 rows of 3 lanes in rows of 3", func() {
			w := panels(0)
			w.Data = w.Data[:11]
			ops.Forward(mat(100, 2, 3, 3), images, w, nil, 1)
		}},
		{"Forward: w has 3 rows, an image has 4 pixels", func() {
			w := panels(0)
			w.Rows = 3
			ops.Forward(mat(100, 2, 3, 3), images, w, nil, 1)
		}},
		{"Update: d is 2×4, want 2×3", func() { ops.Update(panels(0), vec(200, 3), images, mat(100, 2, 4, 4), 1) }},
		{"Update: beta has 4 elements, want 3", func() { ops.Update(panels(0), vec(200, 4), images, mat(100, 2, 3, 3), 1) }},
		{"Update: w overlaps d", func() { ops.Update(panels(0), vec(200, 3), images, mat(11, 2, 3, 3), 1) }},
		{"Update: w overlaps beta", func() { ops.Update(panels(0), vec(11, 3), images, mat(100, 2, 3, 3), 1) }},
		{"LaneSquares: dst has 2 elements, want 3", func() { ops.LaneSquares(vec(100, 2), panels(0)) }},
		{"LaneSquares: dst overlaps w", func() { ops.LaneSquares(vec(11, 3), panels(0)) }},
		{"AxpbyPanels: alpha has 2 elements, want 3", func() { ops.AxpbyPanels(vec(200, 2), panels(0), vec(210, 3), panels(100)) }},
		{"RMSPropPanels: rates has 2 elements, want 3", func() {
			ops.RMSPropPanels(kernels.RMSPropFactors[float64]{}, vec(200, 2), panels(0), panels(30), panels(60))
		}},
		{"AdamPanels: m overlaps g", func() {
			ops.AdamPanels(kernels.AdamFactors[float64]{}, vec(200, 3), panels(0), panels(30), panels(60), panels(41))
		}},
		{"AdamPanels: v is 3×3 in rows of 3, w is 4×3 in rows of 3", func() {
			v := panels(60)
			v.Rows = 3
			ops.AdamPanels(kernels.AdamFactors[float64]{}, vec(200, 3), panels(0), panels(30), v, panels(90))
		}},
		{"AxpbyPanels: y overlaps x", func() { ops.AxpbyPanels(vec(200, 3), panels(0), vec(210, 3), panels(11)) }},
		{"AxpbyPanels: x is 4×3 in rows of 3, y is 3×3 in rows of 3", func() {
			y := panels(100)
			y.Rows = 3
			ops.AxpbyPanels(vec(200, 3), panels(0), vec(210, 3), y)
		}},
	} {
		got := panicOf(test.call)
		if want := "kernels: " + test.want; got != want {
			t.Errorf("panic %q\nwant  %q", got, want)
		}
		if !slices.Equal(buf, before) {
			t.Fatalf("%s: something was written before the panic", test.want)
		}
	}
}

// panicOf returns the message of the panic of f, or "no panic".
func panicOf(f func()) (msg string) {
	defer func() {
		if v := recover(); v != nil {
			msg = fmt.Sprint(v)
		}
	}()
	f()
	return "no panic"
}

func TestOpsAcceptWhatDoesNotOverlap(t *testing.T) {
	ops := kernels.Of[float32](reference.New())
	m := kernels.NewMat[float32](6, 12) // three blocks of columns side by side
	a, b, c := m.Slice(0, 4, 0, 4), m.Slice(0, 4, 4, 8), m.Slice(1, 5, 8, 12)
	for name, call := range map[string]func(){
		"Gemm on columns of one matrix": func() { ops.Gemm(kernels.Product[float32]{Alpha: 1, A: a, B: b, Beta: 1, C: c}) },
		"Gemm on rows of one matrix": func() {
			ops.Gemm(kernels.Product[float32]{Alpha: 1, A: m.Slice(0, 2, 0, 2), B: m.Slice(2, 4, 0, 2), C: m.Slice(4, 6, 0, 2)})
		},
		"AddBias with the bias in the padding": func() {
			x := kernels.Mat[float32]{Rows: 2, Cols: 3, Stride: 3, Data: m.Data} // Data is longer than the matrix
			ops.AddBias(x, x, m.Data[6:9])
		},
		"AddBias in place on one row of another stride": func() {
			x := kernels.Mat[float32]{Rows: 1, Cols: 3, Stride: 3, Data: m.Data[:3]}
			dst := kernels.Mat[float32]{Rows: 1, Cols: 3, Stride: 7, Data: m.Data[:3]}
			ops.AddBias(dst, x, []float32{1, 2, 3})
		},
		"ColSums into memory behind the matrix": func() {
			ops.ColSums(m.Data[6:9], kernels.Mat[float32]{Rows: 2, Cols: 3, Stride: 3, Data: m.Data})
		},
		"ReLU side by side": func() { ops.ReLU(m.Data[:4], m.Data[4:8]) },
	} {
		if got := panicOf(call); got != "no panic" {
			t.Errorf("%s: panic %q", name, got)
		}
	}
}

func TestOpsTakeNothing(t *testing.T) {
	ops := kernels.Of[float32](reference.New())
	for _, shape := range [][2]int{{0, 0}, {0, 3}, {3, 0}} {
		m, n := shape[0], shape[1]
		x := kernels.NewMat[float32](m, n)
		ops.AddBias(x, x, make([]float32, n))
		ops.BiasReLU(x, x, make([]float32, n))
		for k := range 3 {
			p := kernels.Product[float32]{Alpha: 1, A: kernels.NewMat[float32](m, k), B: kernels.NewMat[float32](k, n), C: kernels.NewMat[float32](m, n)}
			ops.Gemm(p)
			ops.GemmParallel(p, 2)
		}
		sums := []float32{1, 2, 3}[:n]
		ops.ColSums(sums, x)
		for _, v := range sums {
			if v != 0 {
				t.Errorf("ColSums of a %d×%d matrix is %v, want zeros", m, n, sums)
			}
		}
	}
	ops.ReLU(nil, nil)
	ops.ReLUGrad(nil, nil, nil)
	ops.ReLUGradMat(kernels.Mat[float32]{}, kernels.Mat[float32]{}, kernels.Mat[float32]{})
	ops.Axpby(1, nil, 1, nil)
	ops.SubMean(nil, nil, nil)
	if s := ops.SumSquares(nil); s != 0 || math.Signbit(float64(s)) {
		t.Errorf("SumSquares(nil) = %v, want +0", s)
	}
}

// packed is a layout of a set with a Layout function. It computes nothing.
type packed struct{ kernels.Layout[float64] }

func (packed) String() string                             { return "packed panels" }
func (packed) Size(rows, lanes int) int                   { return rows * lanes }
func (packed) NewImages(int, int) kernels.Images[float64] { return nil }

// TestRowsOfPackedWeights checks that Rows accepts only minibatches for weights in rows.
func TestRowsOfPackedWeights(t *testing.T) {
	set := reference.New()
	set.F64.Layout = func(int) kernels.Layout[float64] { return packed{} }
	ops := kernels.Of[float64](set)
	func() {
		const want = "kernels: Rows: the minibatch is for weights in packed panels, want rows"
		defer func() {
			if got := recover(); got != want {
				t.Errorf("panic %v, want %q", got, want)
			}
		}()
		ops.Rows(ops.NewMinibatch(3, ops.NewPanels(4, 2)), 2)
	}()
	if m := ops.Rows(ops.NewMinibatch(3, ops.NewRowMajor(4, 2)), 2); m.Rows != 2 || m.Cols != 4 {
		t.Errorf("%d×%d, want 2×4", m.Rows, m.Cols)
	}
}
