package dataset

import (
	"encoding/binary"
	"math"

	"fusegrid/nn/labelled"
)

// normalize returns the mean of samples (N, dim) and the factor of each number, as [Split] has them.
func normalize(s labelled.Samples, dim int, norm Norm) (mean, scale []float64) {
	switch {
	case norm == NoNorm:
		return make([]float64, dim), nil
	case s.F32 != nil:
		return standardize(s.F32, dim, norm)
	case s.F64 != nil:
		return standardize(s.F64, dim, norm)
	}
	return meanImage(s, dim), nil
}

// meanImage returns the mean image. The sums are exact integers, so each element is the correctly
// rounded quotient, as in NumPy.
func meanImage(im labelled.Samples, dim int) []float64 {
	s := newPixelSums(dim)
	for i := range im.Len() {
		s.add(im.Row(i))
	}
	return s.mean()
}

// A pixelSums is the sum of images.
type pixelSums struct {
	n         int      // images
	sums      []uint64 // of the images before the last ones
	even, odd []uint64 // of the last ones: each word has the sums of four pixels
}

func newPixelSums(dim int) *pixelSums {
	return &pixelSums{sums: make([]uint64, dim), even: make([]uint64, dim/8), odd: make([]uint64, dim/8)}
}

// add adds an image, eight pixels at a time.
func (s *pixelSums) add(row []uint8) {
	const most, low = 257, 0x00ff00ff00ff00ff // the sum of 257 bytes fits 16 bits
	even := s.even
	odd := s.odd[:len(even)]
	rest := row
	for w := 0; w < len(even) && len(rest) >= 8; w++ {
		v := binary.LittleEndian.Uint64(rest)
		even[w] += v & low
		odd[w] += v >> 8 & low
		rest = rest[8:]
	}
	for j := 8 * len(even); j < len(row); j++ {
		s.sums[j] += uint64(row[j])
	}
	if s.n++; s.n%most == 0 {
		s.flush()
	}
}

// flush adds the sums of the last images to the others.
func (s *pixelSums) flush() {
	for j := range s.sums[:8*len(s.even)] {
		half := s.even[j/8]
		if j%2 == 1 {
			half = s.odd[j/8]
		}
		s.sums[j] += half >> (j % 8 / 2 * 16) & 0xffff
	}
	clear(s.even)
	clear(s.odd)
}

// join adds the images of t.
func (s *pixelSums) join(t *pixelSums) {
	t.flush()
	for j, v := range t.sums {
		s.sums[j] += v
	}
	s.n += t.n
}

func (s *pixelSums) mean() []float64 {
	s.flush()
	mean := make([]float64, len(s.sums))
	for j, sum := range s.sums {
		mean[j] = float64(sum) / float64(s.n)
	}
	return mean
}

// standardize returns the mean of each feature of x (N, dim). For the normalization Standard, it
// also returns one over its standard deviation, with divisor N as in scikit-learn's StandardScaler,
// or 1 if all samples have the same value. Sums are taken in float64 in the order of the samples,
// so they are the same on every machine.
func standardize[E float32 | float64](x []E, dim int, norm Norm) (mean, scale []float64) {
	n := float64(len(x) / dim)
	mean = make([]float64, dim)
	eachRow(x, dim, func(row []E) {
		for j, v := range row {
			mean[j] += float64(v)
		}
	})
	for j := range mean {
		mean[j] /= n
	}
	if norm != Standard {
		return mean, nil
	}
	scale = make([]float64, dim)
	eachRow(x, dim, func(row []E) {
		for j, v := range row {
			d := float64(v) - mean[j]
			scale[j] += float64(d * d) // the conversion keeps compilers from fusing product and sum
		}
	})
	for j, sum := range scale {
		scale[j] = 1
		if deviation := math.Sqrt(sum / n); deviation > 0 {
			scale[j] = 1 / deviation
		}
	}
	return mean, scale
}

func eachRow[E any](x []E, dim int, f func(row []E)) {
	for ; len(x) > 0; x = x[dim:] {
		f(x[:dim])
	}
}
