package nn

import (
	"context"
	"errors"
	"math"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
)

func TestAutoencoderGradient(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		rng := nprand.New(1)
		x := randMat[float64](12, 6, rng)
		a := NewAutoencoder[float64](set, 6, 2, 0.4, rng)
		dw, scratch := kernels.NewMat[float64](2, 6), kernels.NewMat[float64](2, 6)
		loss := a.Loss(dw, x)
		num := NumericGradient(func() float64 { return a.Loss(scratch, x) }, a.W.Data, GradStep)
		if e := RelError(num, dw.Data); !(e < 1e-8) {
			t.Errorf("relative error %g", e)
		}

		// Training computes the same from the covariance.
		s := kernels.NewMat[float64](6, 6)
		a.ops.Gemm(kernels.Product[float64]{Alpha: 1.0 / 12, A: x, TransA: true, B: x, C: s})
		d := newDescent(a, s, 0.1)
		near(t, "loss by the covariance", []float64{d.at()}, []float64{loss}, 1e-13)
		near(t, "gradient by the covariance", d.dw.Data, dw.Data, 1e-12)

		// This is the loss by its definition.
		want := 0.0
		for i := range 12 {
			code := make([]float64, 2)
			for k := range code {
				for j, v := range x.Row(i) {
					code[k] += float64(a.W.Row(k)[j] * v)
				}
			}
			for j, v := range x.Row(i) {
				r := float64(a.W.Row(0)[j]*code[0]) + float64(a.W.Row(1)[j]*code[1]) - v
				want += float64(r * r / 24)
			}
		}
		near(t, "loss", []float64{loss}, []float64{want}, 1e-13)
	})
}

// lowRank returns data of a given rank with some noise and a mean.
func lowRank[T kernels.Float](n, d, rank int, noise float64) Floats[T] {
	rng := nprand.New(3)
	basis := randMat[float64](rank, d, rng)
	f := Floats[T]{X: kernels.NewMat[T](n, d), Y: make([]int, n)}
	for i := range n {
		row := f.X.Row(i)
		for k := range rank {
			c := rng.Randn() / float64(1+k)
			for j, v := range basis.Row(k) {
				row[j] += T(c * v)
			}
		}
		for j := range row {
			row[j] += T(float64(noise*rng.Randn()) + 5)
		}
	}
	return f
}

func TestAutoencoderReachesPCA(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		testReachesPCA[float32](t, set)
		testReachesPCA[float64](t, set)
	})
}

func testReachesPCA[T kernels.Float](t *testing.T, set *kernels.Set) {
	const n, d, m = 600, 12, 4
	data := lowRank[T](n, d, 6, 0.1)
	a := NewAutoencoder[T](set, d, m, 0.3, nprand.New(1))
	res, err := a.Train(t.Context(), data, DefaultAutoencoder())
	if err != nil {
		t.Fatal(err)
	}
	if !res.Converged || res.Loss > 1.01*res.Optimum || res.Loss < res.Optimum*(1-1e-4) {
		t.Errorf("%+v", res)
	}
	// Loss needs centred data.
	mean := make([]float64, d)
	for i := range n {
		for j, v := range data.X.Row(i) {
			mean[j] += float64(v) / n
		}
	}
	for i := range n {
		for j := range mean {
			data.X.Row(i)[j] -= T(mean[j])
		}
	}
	near(t, "loss", []float64{a.Loss(kernels.NewMat[T](m, d), data.X)}, []float64{res.Loss}, 1e-4)
}

// TestAutoencoderFullRank trains with as many components as the data have dimensions. The optimum
// is then 0.
func TestAutoencoderFullRank(t *testing.T) {
	a := NewAutoencoder[float64](reference.New(), 12, 6, 0.3, nprand.New(1))
	res, err := a.Train(t.Context(), lowRank[float64](600, 12, 6, 0), DefaultAutoencoder())
	if err != nil {
		t.Fatal(err)
	}
	if !res.Converged || res.Optimum > 1e-10 {
		t.Errorf("%+v", res)
	}
}

func TestAutoencoderStops(t *testing.T) {
	data := lowRank[float64](100, 12, 6, 0.1)
	cfg := DefaultAutoencoder()
	cfg.Iterations = 3
	losses := 0
	cfg.OnStep = func(int, float64) { losses++ }
	a := NewAutoencoder[float64](reference.New(), 12, 4, 0.01, nprand.New(1))
	res, err := a.Train(t.Context(), data, cfg)
	if err != nil || res.Converged || res.Iterations != 3 || losses != 4 {
		t.Errorf("%+v, %v, %d losses; want 3 steps, not converged", res, err, losses)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Train(ctx, data, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestAutoencoderRefuses(t *testing.T) {
	set := reference.New()
	wantPanic(t, "7 components of 6 inputs", func() { NewAutoencoder[float64](set, 6, 7, 1, nprand.New(0)) })
	wantPanic(t, "0 components", func() { NewAutoencoder[float64](set, 6, 0, 1, nprand.New(0)) })

	train := func(std float64, data Floats[float64]) error {
		_, err := NewAutoencoder[float64](set, 6, 2, std, nprand.New(1)).Train(t.Context(), data, DefaultAutoencoder())
		return err
	}
	wantError(t, train(0.1, blobs[float64](9, 5, 2, 1)), "9 samples with 5 inputs, want at least 1 with 6")
	wantError(t, train(0.1, blobs[float64](0, 6, 2, 1)), "0 samples")
	wantError(t, train(1e3, blobs[float64](9, 6, 2, 1)), "diverged", "smaller weights")
	constant := Floats[float64]{X: kernels.NewMat[float64](9, 6), Y: make([]int, 9)}
	wantError(t, train(0.1, constant), "variance 0, want a positive number")
	constant.X.Data[3] = math.NaN()
	wantError(t, train(0.1, constant), "autoencoder")
}

// TestReconstruct compares the loss with half the mean squared distance of the reconstructions.
func TestReconstruct(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		rng := nprand.New(0)
		a := NewAutoencoder[float64](set, 7, 3, 0.5, rng)
		x := randMat[float64](20, 7, rng)
		r, sum := a.Reconstruct(x), 0.0
		for i := range x.Rows {
			for j, v := range x.Row(i) {
				d := r.Row(i)[j] - v
				sum += float64(d * d)
			}
		}
		near(t, "half the mean squared distance", []float64{sum / 40}, []float64{a.Loss(kernels.NewMat[float64](3, 7), x)}, 1e-12)
	})
}
