// Package labelled holds lists of labelled samples. Data sets, their splits and the minibatches of a
// training share this type and its memory.
package labelled

import "fmt"

// MaxClasses is the maximum number of classes.
const MaxClasses = 10_000

// A Samples value is a list of N samples of D numbers each, with their labels. The numbers are the
// bytes of 8-bit images, or features in float32 or float64. All samples have the same order of
// numbers, which the owner of the list knows. The lists are read concurrently, so they must not
// change while a net trains.
type Samples struct {
	X   []uint8   // (N, D) pixels, image by image; nil for features
	F32 []float32 // (N, D) features, sample by sample; nil for other samples
	F64 []float64 // (N, D) features, sample by sample; nil for other samples
	Y   []uint16  // (N) labels, each from 0 to C−1 for C classes
}

// Len returns N.
func (s Samples) Len() int { return len(s.Y) }

// Floats reports whether the samples are features.
func (s Samples) Floats() bool { return s.F32 != nil || s.F64 != nil }

// numbers returns N·D.
func (s Samples) numbers() int { return len(s.X) + len(s.F32) + len(s.F64) }

// size returns D.
func (s Samples) size() int { return s.numbers() / max(len(s.Y), 1) }

// Row returns the pixels of image i, which share memory with s.
func (s Samples) Row(i int) []uint8 { return rows(s.X, s.size(), i, i+1) }

// Bytes returns the memory of the samples in bytes.
func (s Samples) Bytes() int { return len(s.X) + 4*len(s.F32) + 8*len(s.F64) + 2*len(s.Y) }

// Slice returns samples lo to hi−1, which share memory with s.
func (s Samples) Slice(lo, hi int) Samples {
	d := s.size()
	return Samples{X: rows(s.X, d, lo, hi), F32: rows(s.F32, d, lo, hi), F64: rows(s.F64, d, lo, hi), Y: s.Y[lo:hi:hi]}
}

// rows returns rows lo to hi−1 of x (N, d), or nil if x is nil.
func rows[E any](x []E, d, lo, hi int) []E {
	if x == nil {
		return nil
	}
	return x[lo*d : hi*d : hi*d]
}

// Pick returns copies of the samples at the indices.
func (s Samples) Pick(idx []int) Samples {
	d := s.size()
	p := Samples{X: pick(s.X, d, idx), F32: pick(s.F32, d, idx), F64: pick(s.F64, d, idx), Y: make([]uint16, len(idx))}
	for i, j := range idx {
		p.Y[i] = s.Y[j]
	}
	return p
}

func pick[E any](x []E, d int, idx []int) []E {
	if x == nil {
		return nil
	}
	p := make([]E, 0, len(idx)*d)
	for _, j := range idx {
		p = append(p, x[j*d:(j+1)*d]...)
	}
	return p
}

// Check returns an error if s is not a list of samples of d numbers of one type. An empty list has no error.
func (s Samples) Check(d int) error {
	types := 0
	for _, has := range []bool{s.X != nil, s.F32 != nil, s.F64 != nil} {
		if has {
			types++
		}
	}
	switch n := s.numbers(); {
	case types > 1:
		return fmt.Errorf("samples of %d types, want one", types)
	case n == s.Len()*d:
		return nil
	case s.Floats():
		return fmt.Errorf("%d numbers for %d samples of %d features, want %d numbers", n, s.Len(), d, s.Len()*d)
	}
	return fmt.Errorf("%d bytes for %d images of %d pixels, want %d bytes", len(s.X), s.Len(), d, s.Len()*d)
}
