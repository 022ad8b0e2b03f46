package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fusegrid/nn/labelled"
)

// TestPart compares parts with the subsets of the split, and checks the places of their samples.
func TestPart(t *testing.T) {
	d := &Dataset{Name: "made-up", Shape: Shape{2, 1, 3}, Classes: []string{"a", "b"}}
	for i := range 30 {
		s := &d.Train
		if i >= 20 {
			s = &d.Test
		}
		for j := range 6 {
			s.X = append(s.X, uint8(6*i+j))
		}
		s.Y = append(s.Y, uint16(i%2))
	}
	alone := *d
	alone.Test = labelled.Samples{}
	for _, set := range []*Dataset{d, &alone} {
		for _, o := range []SplitOptions{{}, {Order: HWC}, {Order: HWC, Draw: Random, Seed: 4}, {Draw: Ordered}} {
			split, err := set.SplitWith(o)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]labelled.Samples{"train": split.Train, "val": split.Val, "test": split.Test} {
				p, err := set.Part(o, name)
				if err != nil || !slices.Equal(p.Samples.X, want.X) || !slices.Equal(p.Samples.Y, want.Y) {
					t.Errorf("%+v, %s: got %+v, error %v, want %+v", o, name, p.Samples, err, want)
				}
				for i := range p.Samples.Len() {
					sample, from := int(p.Samples.X[6*i]/6), "training"
					if sample >= 20 && set.Test.Len() > 0 {
						sample, from = sample-20, "test"
					}
					if got, want := p.Place(i), fmt.Sprintf("image %d of the %s part", sample, from); got != want {
						t.Errorf("%+v, %s: sample %d is %s, want %s", o, name, i, got, want)
					}
				}
			}
			all, err := set.Part(o, "all")
			if n := set.Train.Len() + set.Test.Len(); err != nil || all.Samples.Len() != n || int(all.Samples.X[6*(n-1)]) != 6*(n-1) {
				t.Errorf("%+v: all has %d samples, want %d; error %v", o, all.Samples.Len(), n, err)
			}
		}
	}
	if p, _ := d.Part(SplitOptions{}, "all"); p.Place(0) != "image 0 of the training part" || p.Place(29) != "image 9 of the test part" {
		t.Errorf("all has samples from %s to %s", p.Place(0), p.Place(29))
	}
	if _, err := d.Part(SplitOptions{}, "valid"); err == nil || !strings.Contains(err.Error(), "the parts are train, val, test and all") {
		t.Errorf("error %v", err)
	}
	if _, err := d.Part(SplitOptions{Sizes: Sizes{Train: Amount{N: 31, IsSet: true}}}, "train"); err == nil {
		t.Error("there are not 31 training samples")
	}
}
