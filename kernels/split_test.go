package kernels

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	ops := Of[float32](&Set{F32: Slots[float32]{Tile: Tile{MR: 6, NR: 32}}})
	for _, c := range []struct {
		m, n, k, workers int
		want             []int
	}{
		{200, 50, 3072, 1, []int{0, 200}},
		{200, 50, 3072, 2, []int{0, 96, 200}},
		{50, 200, 3072, 2, []int{0, 96, 200}},
		{200, 50, 3072, 100, []int{0, 32, 64, 96, 128, 160, 192, 200}},
		{200, 10, 50, 16, []int{0, 200}}, // too small to split
		{20, 30, 1 << 20, 16, []int{0, 30}},
		{2048, 2048, 1024, 2, []int{0, 1024, 2048}}, // 2³² multiply-adds: more than an int may hold
	} {
		units := ops.units(max(c.m, c.n))
		workers := worthWorkers(c.m, c.n, c.k, units, c.workers)
		var got []int
		for w := range workers + 1 {
			got = append(got, ops.bound(max(c.m, c.n), share(units, w, workers)))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("the split of (%d, %d, %d, %d) = %v, want %v", c.m, c.n, c.k, c.workers, got, c.want)
		}
	}
}
