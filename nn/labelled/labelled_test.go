package labelled

import (
	"bytes"
	"slices"
	"testing"
)

func TestSamples(t *testing.T) {
	s := Samples{X: []uint8{1, 2, 3, 4, 5, 6}, Y: []uint16{7, 8, 9}}
	if s.Len() != 3 || s.Floats() || s.Bytes() != 12 || !bytes.Equal(s.Row(1), []uint8{3, 4}) || cap(s.Row(1)) != 2 {
		t.Errorf("length %d, row 1 %v with room for %d", s.Len(), s.Row(1), cap(s.Row(1)))
	}
	part := s.Slice(1, 3)
	if !bytes.Equal(part.X, []uint8{3, 4, 5, 6}) || !slices.Equal(part.Y, []uint16{8, 9}) || &part.X[0] != &s.X[2] {
		t.Errorf("images 1 and 2 are %v", part)
	}
	if none := s.Slice(2, 2); none.Len() != 0 || len(none.X) != 0 {
		t.Errorf("no images are %v", none)
	}
	if none := (Samples{}).Slice(0, 0); none.Len() != 0 {
		t.Errorf("no images of an empty list are %v", none)
	}
	if p := s.Pick([]int{2, 0, 2}); !bytes.Equal(p.X, []uint8{5, 6, 1, 2, 5, 6}) || !slices.Equal(p.Y, []uint16{9, 7, 9}) || p.Floats() {
		t.Errorf("images 2, 0 and 2 are %v", p)
	}
}

func TestFeatures(t *testing.T) {
	for _, s := range []Samples{
		{F32: []float32{1, 2, 3, 4, 5, 6}, Y: []uint16{7, 8, 9}},
		{F64: []float64{1, 2, 3, 4, 5, 6}, Y: []uint16{7, 8, 9}},
	} {
		part, p := s.Slice(1, 2), s.Pick([]int{2, 1})
		if !s.Floats() || part.X != nil || p.X != nil || len(part.F32)+len(part.F64) != 2 {
			t.Errorf("%v has the part %v", s, part)
		}
		if s.F32 != nil && (part.F32[0] != 3 || !slices.Equal(p.F32, []float32{5, 6, 3, 4})) ||
			s.F64 != nil && (part.F64[0] != 3 || !slices.Equal(p.F64, []float64{5, 6, 3, 4})) {
			t.Errorf("%v has the parts %v and %v", s, part, p)
		}
		if err := s.Check(2); err != nil {
			t.Error(err)
		}
		if err := s.Check(3); err == nil || err.Error() != "6 numbers for 3 samples of 3 features, want 9 numbers" {
			t.Errorf("error %v", err)
		}
	}
}

func TestCheck(t *testing.T) {
	s := Samples{X: make([]uint8, 6), Y: make([]uint16, 3)}
	for _, err := range []error{s.Check(2), Samples{}.Check(2)} {
		if err != nil {
			t.Error(err)
		}
	}
	s.X = s.X[1:]
	if err := s.Check(2); err == nil || err.Error() != "5 bytes for 3 images of 2 pixels, want 6 bytes" {
		t.Errorf("error %v", err)
	}
	s.F32 = make([]float32, 1)
	if err := s.Check(2); err == nil || err.Error() != "samples of 2 types, want one" {
		t.Errorf("error %v", err)
	}
}
