package nn_test

import (
	"context"
	"fmt"
	"os"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/nprand"
)

// xor is four points that no linear classifier separates.
func xor() nn.Floats[float64] {
	return nn.Floats[float64]{
		X: kernels.MatOf(4, 2, []float64{0, 0, 0, 1, 1, 0, 1, 1}),
		Y: []int{0, 1, 1, 0},
	}
}

func ExampleNet_Train() {
	rng := nprand.New(0)
	net := nn.NewTwoLayer[float64](kernels.Reference(), 2, 16, 2, 0.5, rng)
	net.Reg = 1e-4
	cfg := nn.DefaultTrainConfig()
	cfg.LearningRate, cfg.Decay, cfg.Iterations, cfg.BatchSize = 1, 1, 500, 20
	history, err := net.Train(context.Background(), xor(), xor(), cfg, rng)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("diverged:", history.Diverged)
	fmt.Println("accuracy:", nn.Accuracy(net, xor()))
	// Output:
	// diverged: false
	// accuracy: 1
}

func ExampleSolver() {
	rng := nprand.New(0)
	set := kernels.Reference()
	net := nn.NewFullyConnected[float64](set, 2, []int{8, 8}, 2, 0.5, rng)
	cfg, err := nn.ParseSolverOptions(map[string]any{
		"update_rule":  "adam",
		"optim_config": map[string]any{"learning_rate": 0.02},
		"batch_size":   4,
		"num_epochs":   200,
		"verbose":      false,
	}, os.Stdout)
	if err != nil {
		fmt.Println(err)
		return
	}
	solver, err := nn.NewSolver(set, net, xor(), xor(), cfg, rng)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := solver.Train(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("best validation accuracy:", solver.History().BestValAcc)
	// Output: best validation accuracy: 1
}
