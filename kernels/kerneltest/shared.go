package kerneltest

import (
	"cmp"
	"fmt"
	"sync"
	"testing"

	"fusegrid/kernels"
)

// A step is one call of a kernel on separate operands.
type step[T kernels.Float] struct {
	name string
	run  func()
	out  []T // the results, including a loss or sums
}

// steps returns a call of every kernel. Repeated calls give the same result.
func (fx *fixture[T]) steps(m, n, k int) []step[T] {
	vec := func(n int) []T {
		x := make([]T, n)
		randomize(fx.rng, x, 0)
		return x
	}
	mat := func(rows, cols int) kernels.Mat[T] { return kernels.MatOf(rows, cols, vec(rows*cols)) }
	var all []step[T]
	add := func(name string, out []T, run func()) { all = append(all, step[T]{name, run, out}) }
	for bits := range 4 {
		p := kernels.Product[T]{Alpha: 0.5, A: mat(m, k), B: mat(k, n), C: mat(m, n)}
		if p.TransA = bits&1 != 0; p.TransA {
			p.A = mat(k, m)
		}
		if p.TransB = bits&2 != 0; p.TransB {
			p.B = mat(n, k)
		}
		if bits == 3 {
			p.BetaRow = make([]T, m)
		}
		add(fmt.Sprintf("Gemm (transA=%t transB=%t)", p.TransA, p.TransB), p.C.Data, func() { fx.ops.Gemm(p) })
	}
	x, y, z, dst := mat(m, n), vec(m*n), vec(n), mat(m, n)
	add("ReLU", dst.Data, func() { fx.ops.ReLU(dst.Data, x.Data) })
	add("ReLUGrad", dst.Data, func() { fx.ops.ReLUGrad(dst.Data, y, x.Data) })
	add("AddBias", dst.Data, func() { fx.ops.AddBias(dst, x, z) })
	add("BiasReLU", dst.Data, func() { fx.ops.BiasReLU(dst, x, z) })
	loss, labels := make([]T, 1), fx.labels(m, n)
	add("SoftmaxLoss", dst.Data, func() { fx.ops.SoftmaxLoss(dst, x, labels) })
	add("the loss", loss, func() { loss[0] = T(fx.ops.SoftmaxLoss(dst, x, labels)) })
	add("Axpby", dst.Data, func() { fx.ops.Axpby(0.5, y, 0, dst.Data) })
	add("SumSquares", loss, func() { loss[0] = fx.ops.SumSquares(y) })
	sums, src := vec(n), make([]uint8, n)
	add("ColSums", sums, func() { fx.ops.ColSums(sums, x) })
	add("SubMean", sums, func() { fx.ops.SubMean(sums, src, z) })
	add("AddSquares", sums, func() { clear(sums); fx.ops.AddSquares(sums, z) })
	w, v := fx.ops.NewPanels(k, n), fx.ops.NewPanels(k, n)
	images, idx, pixels := fx.ops.NewMinibatch(m, w), make([]int, m), make([]uint8, m*k)
	for i := range idx {
		idx[i] = fx.rng.IntN(m)
	}
	mean, h, squares, zeros := vec(k), mat(m, n), vec(n), make([]T, n)
	if fx.pixelMean {
		fx.drawMean(mean, 0)
	}
	for l := range n {
		w.SetLane(l, vec(k))
	}
	lanes := vec(n * k) // of v, in any layout
	read := func() {
		for l := range n {
			v.Lane(lanes[l*k:(l+1)*k], l)
		}
	}
	load := func() { fx.ops.Load(images, pixels, idx, mean) }
	load()
	add("Forward", h.Data, func() { load(); fx.ops.Forward(h, images, w, squares, 1) })
	add("the squares", squares, func() { fx.ops.Forward(h, images, w, squares, 1) })
	add("Update", lanes, func() { fx.ops.Update(v, zeros, images, x, 1); read() })
	add("AxpbyPanels", lanes, func() { fx.ops.AxpbyPanels(z, w, zeros, v); read() })
	rmsProp, adam := rmsPropFactors[T](), adamFactors[T]()
	first, second, start := vec(n), vec(n), vec(n)
	grad, moved := vec(n), make([]T, n)
	reset := func() {
		copy(moved, start)
		clear(first)
		clear(second)
	}
	add("RMSProp", moved, func() { reset(); fx.ops.RMSProp(rmsProp, moved, first, grad) })
	add("Adam", moved, func() { reset(); fx.ops.Adam(adam, moved, first, second, grad) })
	m1, m2 := fx.ops.NewPanels(k, n), fx.ops.NewPanels(k, n)
	rates := vec(n)
	anew := func() {
		clear(v.Data)
		clear(m1.Data)
		clear(m2.Data)
	}
	add("RMSPropPanels", lanes, func() { anew(); fx.ops.RMSPropPanels(rmsProp, rates, v, m1, w); read() })
	add("AdamPanels", lanes, func() { anew(); fx.ops.AdamPanels(adam, rates, v, m1, m2, w); read() })
	return all
}

// allocations checks that no kernel allocates after its first call.
func (fx *fixture[T]) allocations() error {
	if raceEnabled {
		return nil
	}
	for _, shape := range [][3]int{{5, 7, 6}, {100, 50, 300}} {
		for _, s := range fx.steps(shape[0], shape[1], shape[2]) {
			if n := testing.AllocsPerRun(5, s.run); n != 0 {
				return fmt.Errorf("%s allocates %v times per call", s.name, n)
			}
		}
	}
	return nil
}

// concurrency runs all kernels on many goroutines at once. Each result must have the bits of a run
// on one goroutine.
func (fx *fixture[T]) concurrency() error {
	const goroutines, rounds = 8, 5
	work := make([][]step[T], goroutines)
	want := make([][][]T, goroutines)
	for g := range work {
		work[g] = fx.steps(20+7*g, 10+g, 60+50*(g%3))
		for _, s := range work[g] {
			s.run()
			want[g] = append(want[g], append([]T(nil), s.out...))
		}
	}
	errs := make([]error, goroutines)
	var wg sync.WaitGroup
	for g := range work {
		wg.Go(func() {
			for range rounds {
				for i, s := range work[g] {
					s.run()
					if err := compare("the result", s.out, want[g][i]); err != nil && errs[g] == nil {
						errs[g] = fmt.Errorf("%s on %d goroutines: %w", s.name, goroutines, err)
					}
				}
			}
		})
	}
	wg.Wait()
	return cmp.Or(errs...)
}
