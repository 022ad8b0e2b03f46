package assignment

import (
	"fmt"
	"image"
	"slices"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/nn/nprand"
)

// Settings of the notebook's two-layer net for CIFAR-10.
const (
	hidden    = 50
	weightStd = 1e-4
	batchSize = 200
	decay     = 0.95
)

func cifarNet(set *kernels.Set, rng *nprand.State) *nn.Net[float64] {
	return nn.NewTwoLayer[float64](set, dataset.Dim, hidden, classes, weightStd, rng)
}

// trainCIFAR draws the net for CIFAR-10 from rng and trains it. It returns an error if the net diverges.
func (r *runner) trainCIFAR(im pixels, reg, rate float64, iterations int, rng *nprand.State, progress func(done float64)) (*nn.Net[float64], nn.History, error) {
	net := cifarNet(r.set, rng)
	net.Reg = reg
	hist, err := net.Train(r.ctx, im.train, im.val, nn.TrainConfig{
		LearningRate: rate, Decay: decay, Iterations: iterations, BatchSize: batchSize,
		OnStep: func(s nn.Step) { progress(float64(s.Iteration+1) / float64(iterations)) },
	}, rng)
	if err == nil && hist.Diverged {
		err = fmt.Errorf("diverged at iteration %d", hist.DivergedAt)
	}
	return net, hist, err
}

// firstRun runs the first training of section 2. Its random stream continues the stream of the
// toy training.
func (r *runner) firstRun() ([]Figure, error) {
	const iterations = 1000
	golden := parse[runGolden](runJSON)
	im, err := r.images(dataset.HWC)
	if err != nil {
		return nil, err
	}
	rng := afterToy(r.set)
	net, hist, err := r.trainCIFAR(im, 0.25, 1e-4, iterations, rng, r.progress)
	if err != nil {
		return nil, err
	}

	var figures []Figure
	for i, printed := range []string{
		"2.30275751861", "2.30212015921", "2.29561360074", "2.25182590432", "2.18899523505",
		"2.11625277919", "2.0646708277", "1.99016886231", "2.00282764012", "1.94651768179",
	} {
		figures = append(figures, number(fmt.Sprintf("loss at iteration %d", 100*i), printed, hist.Loss[100*i]))
	}
	figures = append(figures,
		below("1,000 losses, largest relative error", 1e-10, maxRelError(hist.Loss, golden.Loss)),
		numbers("training accuracy per epoch", "0.095 0.150 0.250 0.250 0.315", hist.TrainAcc),
		numbers("validation accuracy per epoch", "0.115 0.177 0.208 0.260 0.285", hist.ValAcc),
		number("validation accuracy", "0.283", nn.Accuracy(net, im.val)))
	r.report.Curves = []Curve{
		{"loss", hist.Loss}, {"training accuracy", hist.TrainAcc}, {"validation accuracy", hist.ValAcc},
	}
	r.report.Images["first-run"] = weightPicture(net)
	return figures, nil
}

// grid runs the search of section 2: two regularization strengths, each with seed 0.
func (r *runner) grid() ([]Figure, error) {
	const iterations = 3000
	im, err := r.images(dataset.HWC)
	if err != nil {
		return nil, err
	}
	var figures []Figure
	var best *nn.Net[float64]
	bestVal := 0.0
	for i, p := range []struct {
		reg        float64
		train, val string
	}{{0.85, "0.5400", "0.5040"}, {0.89, "0.5750", "0.5120"}} {
		golden := parse[gridGolden](gridJSON).Points[i]
		net, hist, err := r.trainCIFAR(im, p.reg, 1e-3, iterations, nprand.New(0), func(done float64) { r.progress((float64(i) + done) / 2) })
		if err != nil {
			return nil, fmt.Errorf("reg %v: %w", p.reg, err)
		}

		last := len(hist.ValAcc) - 1
		at := fmt.Sprintf("reg %v: ", p.reg)
		figures = append(figures,
			number(at+"training accuracy", p.train, hist.TrainAcc[last]),
			number(at+"validation accuracy", p.val, hist.ValAcc[last]),
			below(at+"training accuracy of all epochs, largest error", 1e-12, maxError(hist.TrainAcc, golden.TrainAcc)),
			below(at+"validation accuracy of all epochs, largest error", 1e-12, maxError(hist.ValAcc, golden.ValAcc)),
			below(at+"first 5 losses, largest relative error", 1e-10, maxRelError(hist.Loss[:5], golden.LossFirst5)),
			below(at+"every 100th loss, largest relative error", 1e-10, maxRelError(every(hist.Loss, 100), golden.LossEvery100)),
			number(at+"validation accuracy after the last iteration", fmt.Sprintf("%.3f", golden.FinalValAcc), nn.Accuracy(net, im.val)),
			number(at+"test accuracy", fmt.Sprintf("%.3f", golden.FinalTestAcc), nn.Accuracy(net, im.test)))
		if v := hist.ValAcc[last]; v > bestVal {
			best, bestVal = net, v
		}
	}
	figures = append(figures,
		number("best validation accuracy", "0.512", bestVal),
		number("test accuracy of the best net", "0.513", nn.Accuracy(best, im.test)))
	r.report.Images["best"] = weightPicture(best)
	return figures, nil
}

func every(v []float64, n int) []float64 {
	var w []float64
	for part := range slices.Chunk(v, n) {
		w = append(w, part[0])
	}
	return w
}

// weightPicture draws W1 with one tile per hidden unit.
func weightPicture(net *nn.Net[float64]) image.Image {
	return nn.WeightGrid(net.Params()[0].Value, dataset.Height, dataset.Width, 3)
}
