package dataset

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"fusegrid/nn/labelled"
)

// numbered returns a set in which all images and pixels differ.
func numbered(train, test int) *Dataset {
	d := &Dataset{Name: "numbered", Shape: cifarShape(), Train: newImages(train), Test: newImages(test)}
	for _, im := range []labelled.Samples{d.Train, d.Test} {
		for i := range im.Len() {
			im.Y[i] = uint16(i % numClasses)
			for j := range Dim {
				im.X[i*Dim+j] = uint8(31*i + j + j/256)
			}
		}
	}
	return d
}

func TestSplit(t *testing.T) {
	d := numbered(12, 5)
	before := slices.Clone(d.Train.X)
	for _, order := range []Order{CHW, HWC} {
		s, err := d.Split(order, 7, 4, 3)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != "numbered" || s.Hash != d.Hash() || s.Order != order {
			t.Errorf("%v: name %q, hash %q, order %v", order, s.Name, s.Hash, s.Order)
		}
		for _, part := range []struct {
			name  string
			got   labelled.Samples
			from  labelled.Samples
			first int
			n     int
		}{{"train", s.Train, d.Train, 0, 7}, {"val", s.Val, d.Train, 8, 4}, {"test", s.Test, d.Test, 0, 3}} {
			if part.got.Len() != part.n || len(part.got.X) != part.n*Dim {
				t.Fatalf("%v %s: %d images, want %d", order, part.name, part.got.Len(), part.n)
			}
			for i := range part.n {
				if part.got.Y[i] != part.from.Y[part.first+i] {
					t.Errorf("%v %s: label %d differs", order, part.name, i)
				}
				for c := range Channels {
					for y := range Height {
						for x := range Width {
							at := (c*Height+y)*Width + x
							if order == HWC {
								at = (y*Width+x)*Channels + c
							}
							want := part.from.X[(part.first+i)*Dim+(c*Height+y)*Width+x]
							if got := part.got.Row(i)[at]; got != want {
								t.Fatalf("%v %s: image %d, channel %d, row %d, column %d: %d, want %d", order, part.name, i, c, y, x, got, want)
							}
						}
					}
				}
			}
		}
		for j, m := range s.Mean {
			sum := 0.0
			for i := range 7 {
				sum += float64(s.Train.Row(i)[j])
			}
			if m != sum/7 {
				t.Fatalf("%v: mean[%d] = %v, want %v", order, j, m, sum/7)
			}
		}
	}
	if !slices.Equal(d.Train.X, before) {
		t.Error("Split changed the set")
	}
}

// TestSplitMemory checks that CHW subsets share memory with the set and HWC subsets do not.
func TestSplitMemory(t *testing.T) {
	d := numbered(3, 1)
	chw, err := d.Split(CHW, 2, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	hwc, err := d.Split(HWC, 2, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	kept := hwc.Train.X[0]
	d.Train.X[0]++
	d.Train.Y[0]++
	if chw.Train.X[0] != d.Train.X[0] {
		t.Error("CHW: the pixels are a copy")
	}
	if hwc.Train.X[0] != kept || hwc.Train.Y[0] == d.Train.Y[0] {
		t.Error("HWC: memory is shared")
	}
}

func TestSplitRejects(t *testing.T) {
	for _, c := range []struct {
		order            Order
		train, val, test int
		want             string
	}{
		{CHW, 10, 3, 1, "10 training and 3 validation images, want at most 12 together"},
		{CHW, 13, 0, 1, "want at most 12 together"},
		{CHW, 1, math.MaxInt, 1, "want at most 12 together"},
		{CHW, 10, 2, 6, "6 test images, want at most 5"},
		{CHW, 0, 2, 1, "0 training"},
		{CHW, 1, -1, 1, "-1 validation"},
		{CHW, 1, 1, -1, "-1 test"},
		{Order(7), 1, 1, 1, "Order(7)"},
	} {
		_, err := numbered(12, 5).Split(c.order, c.train, c.val, c.test)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Split(%v, %d, %d, %d): error %v, want one with %q", c.order, c.train, c.val, c.test, err, c.want)
		}
	}
	d := numbered(12, 5)
	d.Train.X = d.Train.X[:Dim]
	if _, err := d.Split(CHW, 1, 1, 1); err == nil || !strings.Contains(err.Error(), "split of numbered: 3072 bytes for 12 images") {
		t.Errorf("short pixels: error %v", err)
	}
}

// synthetic returns the set of seed 0. Tests must not change it.
var synthetic = sync.OnceValue(func() *Dataset { return Synthetic(0) })

// TestSyntheticIsPinned pins the bytes of the synthetic set, because recorded results depend on them.
func TestSyntheticIsPinned(t *testing.T) {
	d := synthetic()
	const want = "2255a2f5058922499ff6f73fd66d73a5f34a19e0bd26443138072ea42a95fe7b"
	if d.Hash() != want {
		t.Errorf("hash %s, want %s", d.Hash(), want)
	}
	if d.Name != "synthetic" || len(d.Classes) != numClasses {
		t.Errorf("name %q, classes %v", d.Name, d.Classes)
	}
	s, err := d.DefaultSplit(HWC)
	if err != nil {
		t.Fatal(err)
	}
	if got := [3]int{s.Train.Len(), s.Val.Len(), s.Test.Len()}; got != [3]int{10000, 1000, 1000} {
		t.Errorf("default split %v", got)
	}
	if testing.Short() {
		return // drawing another set takes long
	}
	if other := Synthetic(1).Hash(); other == want {
		t.Error("seed 1 gives the set of seed 0")
	}
}

func TestSyntheticIsBalanced(t *testing.T) {
	d := synthetic()
	var train, test [numClasses]int
	for _, y := range d.Train.Y {
		train[y]++
	}
	for _, y := range d.Test.Y {
		test[y]++
	}
	for c := range numClasses {
		// The limit is five standard deviations of a fair draw.
		if math.Abs(float64(train[c]-1100)) > 5*math.Sqrt(990) || math.Abs(float64(test[c]-100)) > 5*math.Sqrt(90) {
			t.Errorf("class %s: %d training and %d test images", d.Classes[c], train[c], test[c])
		}
	}
}

func TestOrderString(t *testing.T) {
	if CHW.String() != "CHW" || HWC.String() != "HWC" || Order(-1).String() != "Order(-1)" {
		t.Errorf("%v %v %v", CHW, HWC, Order(-1))
	}
}

func BenchmarkSynthetic(b *testing.B) {
	for b.Loop() {
		Synthetic(0)
	}
}

// TestMeanOfMany sums white images, which give the largest sums. 1,000 of them need several turns.
func TestMeanOfMany(t *testing.T) {
	im := newImages(1000)
	for i := range im.X {
		im.X[i] = 255
		if i%Dim%2 == 1 {
			im.X[i] = uint8(uint32(i) * 2654435761 >> 24)
		}
	}
	want := make([]int, Dim)
	for i, v := range im.X {
		want[i%Dim] += int(v)
	}
	d := &Dataset{Name: "white", Shape: cifarShape(), Train: im, Test: newImages(1)}
	for _, n := range []int{256, 257, 258, 1000} {
		sums := want
		if n < 1000 {
			sums = make([]int, Dim)
			for i, v := range im.X[:n*Dim] {
				sums[i%Dim] += int(v)
			}
		}
		s, err := d.Split(CHW, n, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for j, m := range s.Mean {
			if m != float64(sums[j])/float64(n) {
				t.Fatalf("%d images: mean[%d] = %v, want %d/%d", n, j, m, sums[j], n)
			}
		}
	}
}
