package train

import "fusegrid/kernels"

// Hits counts, for each net, the samples at idx whose class it predicts; see [CountHits].
func (b *Block[T]) Hits(s Source, idx []int) []int {
	hits := make([]int, len(b.nets))
	b.countHits(hits, s, idx)
	return hits
}

// countHits does what [Block.Hits] does and stores the counts in hits.
func (b *Block[T]) countHits(hits []int, s Source, idx []int) {
	clear(hits)
	b.Scores(s, idx, func(k, _ int, scores kernels.Mat[T]) { hits[k] += CountHits(scores, b.y[:scores.Rows]) })
}

// Scores calls f with the scores (n, C) of each net k for the samples at idx[at:at+n], where n is at most the batch of
// the shape. The next call of f overwrites the scores.
func (b *Block[T]) Scores(s Source, idx []int, f func(k, at int, scores kernels.Mat[T])) {
	for at := 0; at < len(idx); at += b.shape.Batch {
		part := idx[at:min(at+b.shape.Batch, len(idx))]
		b.load(s, part)
		h := b.forward(len(part), nil)
		for k := range b.nets {
			f(k, at, b.forwardDeep(k, h.Slice(0, h.Rows, b.off[k], b.off[k+1])))
		}
	}
}

// CountHits returns the number of rows of scores (N, C) in which the class y (N) is predicted; see [Argmax].
func CountHits[T kernels.Float](scores kernels.Mat[T], y []int) int {
	hits := 0
	for i, c := range y {
		if Argmax(scores.Row(i)) == c {
			hits++
		}
	}
	return hits
}

// Argmax returns the index of the first of the largest elements of x. As in NumPy, a NaN counts as largest.
func Argmax[T kernels.Float](x []T) int {
	best := 0
	for i, v := range x {
		if v != v {
			return i
		}
		if v > x[best] {
			best = i
		}
	}
	return best
}
