package train

import "fusegrid/kernels"

// Hits counts, for each net, the samples at idx whose class it predicts. As in np.argmax, a net predicts
// the first of the largest scores, or the first NaN if there is one.
func (b *Block[T]) Hits(s Source, idx []int) []int {
	hits := make([]int, len(b.nets))
	b.countHits(hits, s, idx)
	return hits
}

// countHits does what [Block.Hits] does and stores the counts in hits.
func (b *Block[T]) countHits(hits []int, s Source, idx []int) {
	clear(hits)
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
