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

func cifarNet[T kernels.Float](set *kernels.Set, rng *nprand.State) *nn.Net[T] {
	return nn.NewTwoLayer[T](set, dataset.Dim, hidden, classes, weightStd, rng)
}

// A trained value is what the figures of a trained net for CIFAR-10 need.
type trained struct {
	nn.History
	val, test float64 // accuracies
	weights   image.Image
}

// trainCIFAR draws the net for CIFAR-10 from rng and trains it. It returns an error if the net diverges.
func (r *runner) trainCIFAR(reg, rate float64, iterations int, rng *nprand.State, progress func(done float64)) (trained, error) {
	if r.set.Class.Integers() {
		return trainCIFAR[float32](r, reg, rate, iterations, rng, progress)
	}
	return trainCIFAR[float64](r, reg, rate, iterations, rng, progress)
}

func trainCIFAR[T kernels.Float](r *runner, reg, rate float64, iterations int, rng *nprand.State, progress func(done float64)) (trained, error) {
	im, err := images[T](r, dataset.HWC)
	if err != nil {
		return trained{}, err
	}
	net := cifarNet[T](r.set, rng)
	net.Reg = reg
	hist, err := net.Train(r.ctx, im.train, im.val, nn.TrainConfig{
		LearningRate: rate, Decay: decay, Iterations: iterations, BatchSize: batchSize,
		OnStep: func(s nn.Step) { progress(float64(s.Iteration+1) / float64(iterations)) },
	}, rng)
	if err == nil && hist.Diverged {
		err = fmt.Errorf("diverged at iteration %d", hist.DivergedAt)
	}
	if err != nil {
		return trained{}, err
	}
	return trained{hist, nn.Accuracy(net, im.val), nn.Accuracy(net, im.test), weightPicture(net)}, nil
}

// firstRun runs the first training of section 2. Its random stream continues the stream of the
// toy training.
func (r *runner) firstRun() ([]Figure, error) {
	const iterations = 1000
	golden := parse[runGolden](runJSON)
	net, err := r.trainCIFAR(0.25, 1e-4, iterations, afterToy(r.set), r.progress)
	if err != nil {
		return nil, err
	}

	var figures []Figure
	for i, printed := range []string{
		"2.30275751861", "2.30212015921", "2.29561360074", "2.25182590432", "2.18899523505",
		"2.11625277919", "2.0646708277", "1.99016886231", "2.00282764012", "1.94651768179",
	} {
		figures = append(figures, number(fmt.Sprintf("loss at iteration %d", 100*i), printed, net.Loss[100*i]))
	}
	figures = append(figures,
		below("1,000 losses, largest relative error", 1e-10, maxRelError(net.Loss, golden.Loss)),
		numbers("training accuracy per epoch", "0.095 0.150 0.250 0.250 0.315", net.TrainAcc),
		numbers("validation accuracy per epoch", "0.115 0.177 0.208 0.260 0.285", net.ValAcc),
		number("validation accuracy", "0.283", net.val))
	r.report.Diagrams = append(r.report.Diagrams, Diagram{
		Name: "first-run", Title: "First run", Loss: net.Loss,
		Accuracies: []Curve{{"training", net.TrainAcc}, {"validation", net.ValAcc}},
	})
	r.report.Pictures = append(r.report.Pictures, Picture{"weights-first-run", []PicturePart{{Image: net.weights}}})
	return figures, nil
}

// grid runs the search of section 2: two regularization strengths, each with seed 0.
func (r *runner) grid() ([]Figure, error) {
	const iterations = 3000
	var figures []Figure
	var best trained
	bestVal := 0.0
	for i, p := range []struct {
		reg        float64
		train, val string
	}{{0.85, "0.5400", "0.5040"}, {0.89, "0.5750", "0.5120"}} {
		golden := parse[gridGolden](gridJSON).Points[i]
		net, err := r.trainCIFAR(p.reg, 1e-3, iterations, nprand.New(0), func(done float64) { r.progress((float64(i) + done) / 2) })
		if err != nil {
			return nil, fmt.Errorf("reg %v: %w", p.reg, err)
		}

		last := len(net.ValAcc) - 1
		at := fmt.Sprintf("reg %v: ", p.reg)
		figures = append(figures,
			number(at+"training accuracy", p.train, net.TrainAcc[last]),
			number(at+"validation accuracy", p.val, net.ValAcc[last]),
			below(at+"training accuracy of all epochs, largest error", 1e-12, maxError(net.TrainAcc, golden.TrainAcc)),
			below(at+"validation accuracy of all epochs, largest error", 1e-12, maxError(net.ValAcc, golden.ValAcc)),
			below(at+"first 5 losses, largest relative error", 1e-10, maxRelError(net.Loss[:5], golden.LossFirst5)),
			below(at+"every 100th loss, largest relative error", 1e-10, maxRelError(every(net.Loss, 100), golden.LossEvery100)),
			number(at+"validation accuracy after the last iteration", fmt.Sprintf("%.3f", golden.FinalValAcc), net.val),
			number(at+"test accuracy", fmt.Sprintf("%.3f", golden.FinalTestAcc), net.test))
		if v := net.ValAcc[last]; v > bestVal {
			best, bestVal = net, v
		}
	}
	figures = append(figures,
		number("best validation accuracy", "0.512", bestVal),
		number("test accuracy of the best net", "0.513", best.test))
	r.report.Pictures = append(r.report.Pictures, Picture{"weights-best", []PicturePart{{Image: best.weights}}})
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
func weightPicture[T kernels.Float](net *nn.Net[T]) image.Image {
	return nn.WeightGrid(net.Params()[0].Value, dataset.Height, dataset.Width, 3)
}
