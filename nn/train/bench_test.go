package train_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/nn/nprand"
	"fusegrid/nn/train"
)

// BenchmarkStep measures one step of a block of 3072-50-10 nets on a minibatch of 200: gathering,
// forward, loss, backward and update. FLOP/s counts only the 4·N·D·H operations of the first
// layers. The share is relative to the peak of one core. The peak is measured just before and after
// each step, because it varies on a shared machine. All results are medians over the steps.
func BenchmarkStep(b *testing.B) {
	for _, set := range fusegrid.All() {
		for _, nets := range []int{1, 8, 32} {
			b.Run(fmt.Sprintf("dtype=f32/nets=%d/impl=%s", nets, set.Name), func(b *testing.B) { benchStep[float32](b, set, nets) })
			b.Run(fmt.Sprintf("dtype=f64/nets=%d/impl=%s", nets, set.Name), func(b *testing.B) { benchStep[float64](b, set, nets) })
			for _, dtype := range []string{"bfp16", "bfp16d8"} {
				if made, err := fusegrid.ForType(set, dtype); err == nil {
					b.Run(fmt.Sprintf("dtype=%s/nets=%d/impl=%s", dtype, nets, set.Name), func(b *testing.B) { benchStep[float32](b, made, nets) })
				}
			}
		}
	}
}

func benchStep[T kernels.Float](b *testing.B, set *kernels.Set, count int) {
	const d, hidden, batch = 3072, 50, 200
	data := images(1, 5000, d)
	var source train.Source = data
	nets := make([]train.Net, count)
	for i := range nets {
		nets[i] = train.Net{Hidden: []int{hidden}, LR: 1e-4, Reg: 0.25, Decay: 0.95, Scale: 1e-4}
	}
	block, err := train.New(set, train.Shape{Inputs: d, Classes: 10, Batch: batch}, nets, meanOf[T](data, d), 1)
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
		block.Step(source, idx)
	}
	step()
	const flops = 4 * float64(batch) * d * hidden
	var times, shares []float64
	before, ok := fusegrid.Peak[T](set, 0)
	for b.Loop() {
		start := time.Now()
		step()
		t := time.Since(start).Seconds()
		after, _ := fusegrid.Peak[T](set, 0)
		times = append(times, t)
		shares = append(shares, flops*float64(count)/t*2/(before+after))
		before = after
	}
	b.ReportMetric(median(times)*1e9, "ns/op")
	b.ReportMetric(flops*float64(count)/median(times), "FLOP/s")
	if ok {
		b.ReportMetric(median(shares), "peak-share")
	}
	b.ReportMetric(float64(count)/median(times), "model-iterations/s")
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
