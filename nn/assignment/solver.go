package assignment

import (
	"bytes"
	"fmt"
	"strings"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/nn/nprand"
)

// solver runs the training with the Solver in section 4.
func (r *runner) solver() ([]Figure, error) {
	im, err := images[float64](r, dataset.CHW)
	if err != nil {
		return nil, err
	}
	rng := nprand.New(0)
	net := nn.NewFullyConnected[float64](r.set, dataset.Dim, []int{200}, classes, 1e-3, rng)
	var log bytes.Buffer
	cfg := nn.DefaultSolver()
	cfg.Optim.LearningRate = 1e-3
	cfg.LRDecay = 0.95
	cfg.PrintEvery = 100
	cfg.Log = &log
	iterations := cfg.Epochs * (im.train.Len() / cfg.BatchSize)
	cfg.OnStep = func(s nn.Step) { r.progress(float64(s.Iteration+1) / float64(iterations)) }
	s, err := nn.NewSolver(r.set, net, im.train, im.val, cfg, rng)
	if err != nil {
		return nil, err
	}
	if err := s.Train(r.ctx); err != nil {
		return nil, err
	}

	hist := s.History()
	r.report.Diagrams = append(r.report.Diagrams, Diagram{
		Name: "solver", Title: "Solver", Loss: hist.Loss, Dots: true,
		Accuracies: []Curve{{"training", hist.TrainAcc}, {"validation", hist.ValAcc}},
	})
	figures := logFigures(log.String(), solverLog)
	return append(figures,
		number("best validation accuracy", "0.533", hist.BestValAcc),
		number("validation accuracy of the restored weights", "0.533", nn.Accuracy(net, im.val))), nil
}

// logFigures compares two logs line by line. It returns a figure for each line and one for all
// lines.
func logFigures(ours, want string) []Figure {
	o, w := lines(ours), lines(want)
	var figures []Figure
	same := 0
	for i := range max(len(o), len(w)) {
		f := Figure{Name: fmt.Sprintf("log line %d", i+1), Digits: -1, Must: true}
		if i < len(w) {
			f.Printed = w[i]
		}
		if i < len(o) {
			f.Ours = o[i]
		}
		if f.OK = i < len(o) && i < len(w) && o[i] == w[i]; f.OK {
			same++
		}
		figures = append(figures, f)
	}
	return append(figures, Figure{
		Name: "identical log lines", Printed: fmt.Sprint(len(w)), Ours: fmt.Sprintf("%d of %d", same, len(o)),
		Digits: -1, Must: true, OK: ours == want,
	})
}

func lines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }

// overfit trains a deep net on 50 images. The random stream of the notebook is unseeded; here
// the seed is 0.
func (r *runner) overfit() ([]Figure, error) {
	const n = 50
	im, err := images[float64](r, dataset.CHW)
	if err != nil {
		return nil, err
	}
	small := nn.Floats[float64]{X: kernels.NewMat[float64](n, dataset.Dim), Y: make([]int, n)}
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	im.train.Gather(small.X, small.Y, idx)

	rng := nprand.New(0)
	net := nn.NewFullyConnected[float64](r.set, dataset.Dim, []int{100, 100}, classes, 5e-2, rng)
	cfg := nn.DefaultSolver()
	cfg.Optim.LearningRate = 5e-4
	cfg.BatchSize = 25
	cfg.Epochs = 20
	s, err := nn.NewSolver[float64](r.set, net, small, im.val, cfg, rng)
	if err != nil {
		return nil, err
	}
	if err := s.Train(r.ctx); err != nil {
		return nil, err
	}
	hist := s.History()
	r.report.Diagrams = append(r.report.Diagrams, Diagram{Name: "overfitting", Title: "Overfitting 50 images", Loss: hist.Loss, Dots: true})
	acc := hist.TrainAcc
	f := number("overfitting 50 images: training accuracy by epoch 20", "1.000", acc[len(acc)-1])
	first := Figure{Name: "overfitting 50 images: first epoch at 1.0, unseeded in the notebook", Printed: "8", Ours: "none", Digits: -1}
	for i, a := range acc {
		if a == 1 {
			first.Ours = fmt.Sprint(i)
			first.OK = first.Ours == first.Printed
			break
		}
	}
	return []Figure{f, first}, nil
}
