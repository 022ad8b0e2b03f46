package nn

import (
	"testing"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// BenchmarkStep is one SGD step of the course's net on a gathered minibatch. Its rate
// counts the first layer's two products, 4·N·D·H operations.
func BenchmarkStep(b *testing.B) {
	for _, set := range fusegrid.All() {
		b.Run("dtype=f32/shape=200x3072x50x10/impl="+set.Name, func(b *testing.B) { benchmarkStep[float32](b, set) })
		b.Run("dtype=f64/shape=200x3072x50x10/impl="+set.Name, func(b *testing.B) { benchmarkStep[float64](b, set) })
	}
}

func benchmarkStep[T kernels.Float](b *testing.B, set *kernels.Set) {
	const n, d, h, c, images = 200, 3072, 50, 10, 3000
	rng := nprand.New(0)
	x, y := make([]uint8, images*d), make([]uint8, images)
	for i := range x {
		x[i] = uint8(rng.Uint32())
	}
	for i := range y {
		y[i] = uint8(rng.Intn(c))
	}
	mean := make([]float64, d)
	for i := range mean {
		mean[i] = 127.5
	}
	data, err := NewPixels[T](set, x, y, mean)
	if err != nil {
		b.Fatal(err)
	}
	net := NewTwoLayer[T](set, d, h, c, 1e-4, rng)
	net.Reg = 0.25
	room := newBatch[T](n, d)
	b.ReportAllocs()
	for b.Loop() {
		rng.Choice(room.idx, images)
		if err := room.gather(data, c); err != nil {
			b.Fatal(err)
		}
		net.Step(room.x, room.y, 1e-4)
	}
	b.ReportMetric(4*n*d*h*float64(b.N)/b.Elapsed().Seconds(), "FLOP/s")
}
