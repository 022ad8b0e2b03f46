package nn_test

import (
	"context"
	"fmt"
	"os"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
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
	net := nn.NewTwoLayer[float64](reference.New(), 2, 16, 2, 0.5, rng)
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
	set := reference.New()
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

// This is the course's check of Adam. It sets m, v and t and prints the state after one update.
func ExampleOptimizer_SetState() {
	cfg := nn.DefaultOptim(nn.Adam)
	cfg.LearningRate = 1e-2
	adam, err := nn.NewOptimizer[float64](reference.New(), cfg, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = adam.SetState(nn.OptimState[float64]{M: []float64{0.6, 0.9}, V: []float64{0.7, 0.5}, Steps: 5})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := []float64{-0.4, 0.6}
	adam.Update(w, []float64{-0.6, 0.4})
	state := adam.State()
	fmt.Printf("w %.8f\nm %.5f\nv %.5f\nt %d\n", w, state.M, state.V, state.Steps)
	// Output:
	// w [-0.40094747 0.59801459]
	// m [0.48000 0.85000]
	// v [0.69966 0.49966]
	// t 6
}
