package assignment

import (
	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/nprand"
)

// layers runs section 3, the modular layers. The gradient checks of the notebook use an unseeded
// random stream; here each check uses seed 0.
func layers(set *kernels.Set) []Figure {
	ops := kernels.Of[float64](set)
	var figures []Figure

	// x has shape (2, 4, 5, 6) in the notebook.
	x := kernels.MatOf(2, 120, linspace(-0.1, 0.5, 240))
	y := kernels.NewMat[float64](2, 3)
	nn.Affine[float64]{Ops: ops, W: kernels.MatOf(120, 3, linspace(-0.2, 0.3, 360)), B: linspace(-0.3, 0.1, 3)}.Forward(y, x)
	figures = append(figures,
		numbers("affine forward, row 0", "1.49834967 1.70660132 1.91485297", y.Row(0)),
		numbers("affine forward, row 1", "3.25553199 3.51413270 3.77273342", y.Row(1)))

	relu := make([]float64, 12)
	nn.ReLU[float64]{Ops: ops}.Forward(relu, linspace(-0.5, 0.5, 12))
	figures = append(figures, numbers("ReLU forward",
		"0 0 0 0 0 0 0.04545455 0.13636364 0.22727273 0.31818182 0.40909091 0.5", relu))

	figures = append(figures, affineGradients(ops)...)
	figures = append(figures, reluGradient(ops))
	figures = append(figures, affineReLUGradients(ops)...)
	return append(figures, lossGradients(ops)...)
}

// A check holds the arrays of the gradient check of a layer y = f(x, w, b).
type check struct {
	x, w, y, dx, dw, dy kernels.Mat[float64]
	b, db               []float64
}

func newCheck(n, d, m int, rng *nprand.State) check {
	return check{
		x: randn(n, d, rng), w: randn(d, m, rng), b: randn(1, m, rng).Data, dy: randn(n, m, rng),
		y: kernels.NewMat[float64](n, m), dx: kernels.NewMat[float64](n, d), dw: kernels.NewMat[float64](d, m),
		db: make([]float64, m),
	}
}

// figures compares the gradients with central differences of forward, which must fill c.y.
func (c check) figures(layer string, bound float64, dy []float64, forward func()) []Figure {
	f := func() []float64 { forward(); return c.y.Data }
	var figures []Figure
	for _, v := range []struct {
		name    string
		x, grad []float64
	}{{"dx", c.x.Data, c.dx.Data}, {"dw", c.w.Data, c.dw.Data}, {"db", c.b, c.db}} {
		num := nn.NumericGradientArray(f, v.x, dy, nn.GradStep)
		figures = append(figures, below(layer+" backward, error of "+v.name, bound, nn.RelError(num, v.grad)))
	}
	return figures
}

func affineGradients(ops kernels.Ops[float64]) []Figure {
	c := newCheck(10, 6, 5, nprand.New(0))
	l := nn.Affine[float64]{Ops: ops, W: c.w, B: c.b}
	l.Forward(c.y, c.x).Backward(c.dx, c.dw, c.db, c.dy)
	return c.figures("affine", 1e-9, c.dy.Data, func() { l.Forward(c.y, c.x) })
}

func affineReLUGradients(ops kernels.Ops[float64]) []Figure {
	c := newCheck(2, 12, 10, nprand.New(0))
	l := nn.AffineReLU[float64]{Affine: nn.Affine[float64]{Ops: ops, W: c.w, B: c.b}}
	dy := append([]float64(nil), c.dy.Data...) // Backward overwrites c.dy
	l.Forward(c.y, c.x).Backward(c.dx, c.dw, c.db, c.dy)
	return c.figures("affine-ReLU", 1e-9, dy, func() { l.Forward(c.y, c.x) })
}

func reluGradient(ops kernels.Ops[float64]) Figure {
	rng := nprand.New(0)
	x, dy := randn(10, 10, rng).Data, randn(10, 10, rng).Data
	y, dx := make([]float64, len(x)), make([]float64, len(x))
	l := nn.ReLU[float64]{Ops: ops}
	l.Forward(y, x).Backward(dx, dy)
	num := nn.NumericGradientArray(func() []float64 { l.Forward(y, x); return y }, x, dy, nn.GradStep)
	return below("ReLU backward, error of dx", 1e-11, nn.RelError(num, dx))
}

func lossGradients(ops kernels.Ops[float64]) []Figure {
	rng := nprand.New(0)
	x := randn(50, 10, rng)
	for i := range x.Data {
		x.Data[i] *= 0.001
	}
	y := make([]int, 50)
	rng.RandintSlice(y, 0, 10)
	dx, scratch := kernels.NewMat[float64](50, 10), kernels.NewMat[float64](50, 10)

	var figures []Figure
	for _, l := range []struct {
		name    string
		printed string
		bound   float64
		loss    func(dx kernels.Mat[float64]) float64
	}{
		{"SVM", "9.0", 1e-8, func(dx kernels.Mat[float64]) float64 { return nn.SVMLoss(dx, x, y) }},
		{"softmax", "2.3", 1e-7, func(dx kernels.Mat[float64]) float64 { return nn.SoftmaxLoss(ops, dx, x, y) }},
	} {
		figures = append(figures, number(l.name+" loss, about", l.printed, l.loss(dx)))
		num := nn.NumericGradient(func() float64 { return l.loss(scratch) }, x.Data, nn.GradStep)
		figures = append(figures, below(l.name+" loss, error of dx", l.bound, nn.RelError(num, dx.Data)))
	}
	return figures
}

// linspace is NumPy's linspace: n evenly spaced numbers from start to stop, both included.
func linspace(start, stop float64, n int) []float64 {
	v := make([]float64, n)
	step := (stop - start) / float64(n-1)
	for i := range v {
		v[i] = float64(float64(i)*step) + start
	}
	v[n-1] = stop
	return v
}

func randn(rows, cols int, rng *nprand.State) kernels.Mat[float64] {
	m := kernels.NewMat[float64](rows, cols)
	rng.FillRandn(m.Data)
	return m
}
