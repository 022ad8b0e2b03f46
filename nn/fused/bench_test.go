package fused_test

import (
	"fmt"
	"testing"
	"time"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/nn/fused"
	"fusegrid/nn/nprand"
)

// BenchmarkStep is one step of a block of 3072-50-10 nets on a minibatch of 200: gathering, forward,
// loss, backward and update. FLOP/s counts the 4·N·D·H of the first layers alone; the share is of
// what one core reaches with multiply-adds in registers, the larger of before and after.
func BenchmarkStep(b *testing.B) {
	for _, set := range fusegrid.All() {
		for _, nets := range []int{1, 8, 32} {
			b.Run(fmt.Sprintf("dtype=f32/nets=%d/impl=%s", nets, set.Name), func(b *testing.B) { benchStep[float32](b, set, nets) })
			b.Run(fmt.Sprintf("dtype=f64/nets=%d/impl=%s", nets, set.Name), func(b *testing.B) { benchStep[float64](b, set, nets) })
		}
	}
}

func benchStep[T kernels.Float](b *testing.B, set *kernels.Set, count int) {
	const d, hidden, batch = 3072, 50, 200
	data := images(1, 5000, d)
	nets := make([]fused.Net, count)
	for i := range nets {
		nets[i] = fused.Net{Hidden: []int{hidden}, LR: 1e-4, Reg: 0.25, Decay: 0.95, Scale: 1e-4}
	}
	block, err := fused.New(set, fused.Shape{Inputs: d, Classes: 10, Batch: batch}, nets, meanOf[T](data, d), 1)
	if err != nil {
		b.Fatal(err)
	}
	for k := range nets {
		block.Init(k, nprand.New(0))
	}
	rng := nprand.New(0)
	idx := make([]int, batch)
	step := func() {
		rng.Choice(idx, data.Len())
		block.Step(data, idx)
	}
	step()
	const moment = 10 * time.Millisecond
	before, _ := fusegrid.Peak[T](set, moment)
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	after, _ := fusegrid.Peak[T](set, moment)
	flops := 4 * float64(batch) * d * hidden * float64(count) * float64(b.N)
	b.ReportMetric(flops/b.Elapsed().Seconds(), "FLOP/s")
	if peak := max(before, after); peak > 0 { // an interrupted one is too low
		b.ReportMetric(flops/b.Elapsed().Seconds()/peak, "peak-share")
	}
	b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "model-iterations/s")
}
