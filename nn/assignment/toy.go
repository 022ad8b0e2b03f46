package assignment

import (
	"math"
	"slices"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/nprand"
)

// Sizes of the toy net and its training.
const (
	toyInputs  = 4
	toyHidden  = 10
	toyClasses = 3
	toySamples = 5

	toyIterations = 100
	toyBatch      = 200
)

func toyNet(set *kernels.Set) (*nn.Net[float64], *nprand.State) {
	rng := nprand.New(0)
	return nn.NewTwoLayer[float64](set, toyInputs, toyHidden, toyClasses, 0.1, rng), rng
}

func toyData() nn.Floats[float64] {
	rng := nprand.New(1)
	x := kernels.NewMat[float64](toySamples, toyInputs)
	for i := range x.Data {
		x.Data[i] = 10 * rng.Randn()
	}
	return nn.Floats[float64]{X: x, Y: []int{0, 1, 2, 2, 1}}
}

// toy runs section 1 of the two-layer notebook: scores, loss, gradients and a training.
func (r *runner) toy() ([]Figure, error) {
	set := r.set
	golden := parse[toyGolden](toyJSON)
	net, _ := toyNet(set)
	data := toyData()
	params := net.Params()
	figures := []Figure{
		below("W1 and W2 as drawn, largest error", 1e-17,
			maxError(slices.Concat(params[0].Value.Data, params[2].Value.Data), slices.Concat(append(golden.W1, golden.W2...)...))),
		below("X as drawn, largest error", 1e-15, maxError(data.X.Data, slices.Concat(golden.X...))),
	}

	scores := net.Scores(data.X)
	for i, printed := range []string{
		"-1.07260209 0.05083871 -0.87253915",
		"-2.02778743 -0.10832494 -1.52641362",
		"-0.74225908 0.15259725 -0.39578548",
		"-0.38172726 0.10835902 -0.17328274",
		"-0.64417314 -0.18886813 -0.41106892",
	} {
		figures = append(figures, numbers("scores of sample "+string(rune('0'+i)), printed, scores.Row(i)))
	}
	figures = append(figures, below("scores, largest error", 1e-8, maxError(scores.Data, slices.Concat(golden.Scores...))))

	net.Reg = 0.05
	loss := net.Loss(data.X, data.Y)
	figures = append(figures, exact("loss at reg 0.05", golden.Loss, loss, 1e-15))
	for i, want := range [][]float64{slices.Concat(golden.Grads.W1...), golden.Grads.B1, slices.Concat(golden.Grads.W2...), golden.Grads.B2} {
		figures = append(figures, below("gradient of "+params[i].Name+", error against NumPy", 1e-12, nn.RelError(params[i].Grad.Data, want)))
	}
	figures = append(figures, gradientFigures(set, net, data, "", 1e-8)...)

	net, rng := toyNet(set)
	net.Reg = 5e-6
	hist, err := net.Train(r.ctx, data, data, nn.TrainConfig{LearningRate: 0.1, Decay: 0.95, Iterations: toyIterations, BatchSize: toyBatch}, rng)
	if err != nil {
		return nil, err
	}
	r.report.Diagrams = append(r.report.Diagrams, Diagram{Name: "toy", Title: "Toy net", Loss: hist.Loss})
	figures = append(figures,
		exact("last loss of the training", 0.014497864587765906, hist.Loss[len(hist.Loss)-1], 1e-14),
		below("100 losses of the training, largest relative error", 1e-13, maxRelError(hist.Loss, golden.Train.Loss)))
	return figures, nil
}

// afterToy returns the random stream in its state after the toy training.
func afterToy(set *kernels.Set) *nprand.State {
	_, rng := toyNet(set)
	idx := make([]int, toyBatch)
	for range toyIterations {
		rng.Choice(idx, toySamples)
	}
	return rng
}

// gradientFigures compares each gradient of the net's loss with central differences. If the
// products of a set are not stable, their rounding depends on the architecture. For such a set,
// the bound applies to the part of the error that rounding does not explain.
func gradientFigures(set *kernels.Set, net *nn.Net[float64], data nn.Floats[float64], suffix string, bound float64) []Figure {
	weights := 0
	for _, p := range net.Params() {
		weights += len(p.Value.Data)
	}
	var figures []Figure
	for _, p := range net.Params() {
		loss := net.Loss(data.X, data.Y)
		grad := slices.Clone(p.Grad.Data)
		num := nn.NumericGradient(func() float64 { return net.Loss(data.X, data.Y) }, p.Value.Data, nn.GradStep)
		f := below("gradient of "+p.Name+suffix+", error against differences", bound, nn.RelError(num, grad))
		if !set.Stable {
			f.Printed += " beyond rounding"
			f.OK = beyond(num, grad, differenceNoise(weights, loss)) < bound
		}
		figures = append(figures, f)
	}
	return figures
}

// differenceNoise returns a bound on the rounding error of a central difference of the loss. Each
// weight enters the loss by one multiply-add. Each of the two losses therefore has, to first order,
// an error of at most weights·u·loss (Higham, "Accuracy and Stability of Numerical Algorithms",
// section 3.1).
func differenceNoise(weights int, loss float64) float64 {
	const u = 0x1p-53
	return 2 * float64(weights) * u * loss / (2 * nn.GradStep)
}

// beyond is like [nn.RelError], but subtracts noise from each difference of x and y.
func beyond(x, y []float64, noise float64) float64 {
	near := slices.Clone(x)
	for i := range near {
		if d := y[i] - x[i]; math.Abs(d) <= noise {
			near[i] = y[i]
		} else {
			near[i] += math.Copysign(noise, d)
		}
	}
	return nn.RelError(near, y)
}
