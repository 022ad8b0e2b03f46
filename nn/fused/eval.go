package fused

import "fusegrid/kernels"

// Hits counts, for each net, the samples at idx whose class it predicts: the first of the largest
// scores, or the first NaN where there is one, as np.argmax chooses.
func (b *Block[T]) Hits(s Source, idx []int) []int {
	hits := make([]int, len(b.nets))
	for lo := 0; lo < len(idx); lo += b.shape.Batch {
		part := idx[lo:min(lo+b.shape.Batch, len(idx))]
		b.load(s, part)
		h := b.forward(len(part), nil)
		for k := range b.nets {
			scores := b.forwardDeep(k, h.Slice(0, h.Rows, b.off[k], b.off[k+1]))
			for i := range part {
				if argmax(scores.Row(i)) == b.y[i] {
					hits[k]++
				}
			}
		}
	}
	return hits
}

func argmax[T kernels.Float](x []T) int {
	best := 0
	for i, v := range x {
		if x[best] != x[best] {
			return best
		}
		if v > x[best] || v != v {
			best = i
		}
	}
	return best
}
