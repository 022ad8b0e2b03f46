package fused_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/fused"
	"fusegrid/nn/nprand"
)

// TestSameBitsAsNet trains nets one by one with package nn, which reads as the assignment does, and
// together in a block: losses, accuracies and weights have the same bits.
func TestSameBitsAsNet(t *testing.T) {
	for _, set := range sets() {
		t.Run(fmt.Sprintf("impl=%s/dtype=f32", set.Name), func(t *testing.T) { testAsNet[float32](t, set) })
		t.Run(fmt.Sprintf("impl=%s/dtype=f64", set.Name), func(t *testing.T) { testAsNet[float64](t, set) })
	}
}

func testAsNet[T kernels.Float](t *testing.T, set *kernels.Set) {
	const seed, iterations, batch, hidden = 5, 50, 20, 11
	train, val := images(1, 120, pixels), images(2, 30, pixels)
	mean := meanOf[float64](train, pixels)
	lrs, regs := []float64{1e-3, 3e-3, 1e-2}, []float64{0, 0.3, 0.85}

	var nets []fused.Net
	for i := range lrs {
		nets = append(nets, fused.Net{Hidden: []int{hidden}, LR: lrs[i], Reg: regs[i], Decay: 0.95, Scale: 1e-2})
	}
	block, err := fused.New(set, fused.Shape{Inputs: pixels, Classes: 10, Batch: batch}, nets, meanOf[T](train, pixels), 1)
	if err != nil {
		t.Fatal(err)
	}
	var stream *nprand.State
	for k := range nets {
		stream = nprand.New(seed) // weights and batches come from one stream
		block.Init(k, stream)
	}
	schedule := fused.Schedule{Iterations: iterations, Batch: batch, Train: train, Val: val}
	together, err := fused.NewTrainer(block, schedule, stream)
	if err != nil {
		t.Fatal(err)
	}
	for !together.Finished() {
		together.Step()
	}

	pixelsOf := func(s fused.Images) *nn.Pixels[T] {
		p, err := nn.NewPixels[T](set, s.X, s.Y, mean)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for k := range nets {
		rng := nprand.New(seed)
		net := nn.NewTwoLayer[T](set, pixels, hidden, 10, 1e-2, rng)
		net.Reg = regs[k]
		h, err := net.Train(context.Background(), pixelsOf(train), pixelsOf(val), nn.TrainConfig{
			LearningRate: lrs[k], Decay: 0.95, Iterations: iterations, BatchSize: batch,
		}, rng)
		if err != nil {
			t.Fatal(err)
		}
		curve := together.Curve(k)
		if !slices.Equal(h.Loss, curve.Loss) {
			t.Errorf("net %d: losses differ: %v, alone %v", k, curve.Loss, h.Loss)
		}
		if !slices.Equal(h.TrainAcc, curve.TrainAcc) || !slices.Equal(h.ValAcc, curve.ValAcc) {
			t.Errorf("net %d: accuracies differ", k)
		}
		var weights [][]T
		for _, p := range net.Params() {
			weights = append(weights, p.Value.Data)
		}
		if !sameBits(weights, block.Weights(k)) {
			t.Errorf("net %d: weights differ", k)
		}
	}
}
