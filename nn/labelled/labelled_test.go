package labelled

import (
	"bytes"
	"testing"
)

func TestImages(t *testing.T) {
	im := Images{X: []uint8{1, 2, 3, 4, 5, 6}, Y: []uint8{7, 8, 9}}
	if im.Len() != 3 || !bytes.Equal(im.Row(1), []uint8{3, 4}) || cap(im.Row(1)) != 2 {
		t.Errorf("length %d, row 1 %v with room for %d", im.Len(), im.Row(1), cap(im.Row(1)))
	}
	part := im.Slice(1, 3)
	if !bytes.Equal(part.X, []uint8{3, 4, 5, 6}) || !bytes.Equal(part.Y, []uint8{8, 9}) || &part.X[0] != &im.X[2] {
		t.Errorf("images 1 and 2 are %v", part)
	}
	if none := im.Slice(2, 2); none.Len() != 0 || len(none.X) != 0 {
		t.Errorf("no images are %v", none)
	}
	if none := (Images{}).Slice(0, 0); none.Len() != 0 {
		t.Errorf("no images of an empty list are %v", none)
	}
}

func TestCheck(t *testing.T) {
	im := Images{X: make([]uint8, 6), Y: make([]uint8, 3)}
	for _, err := range []error{im.Check(2), Images{}.Check(2)} {
		if err != nil {
			t.Error(err)
		}
	}
	im.X = im.X[1:]
	if err := im.Check(2); err == nil || err.Error() != "5 bytes for 3 images of 2 pixels, want 6 bytes" {
		t.Errorf("error %v", err)
	}
}
