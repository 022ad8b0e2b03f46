package dataset

import (
	"fmt"

	"fusegrid/nn/labelled"
)

// A Part is a list of samples of a data set, with their places in the files.
type Part struct {
	Samples labelled.Samples // in the order of pixels of the options
	set     *Dataset
	subsets []subset
}

// Parts returns the names of parts for [Dataset.Part].
func Parts() []string { return []string{"train", "val", "test", "all"} }

// Part returns a part of the split that the options describe: train, val or test. The part all has all samples of the
// files, first those of Train and then those of Test, whatever the split.
func (d *Dataset) Part(o SplitOptions, name string) (Part, error) {
	part := Part{set: d}
	if name == "all" {
		part.subsets = []subset{{hi: d.Train.Len()}, {test: true, hi: d.Test.Len()}}
	} else {
		p, err := d.partition(o)
		if err != nil {
			return Part{}, err
		}
		subsets := map[string]subset{"train": p.train, "val": p.val, "test": p.test}
		u, ok := subsets[name]
		if !ok {
			return Part{}, fmt.Errorf("dataset: there is no part %q; the parts are train, val, test and all", name)
		}
		part.subsets = []subset{u}
	}
	part.Samples = d.inOrder(part.subsets[0], o.Order)
	for _, u := range part.subsets[1:] {
		part.Samples = join(part.Samples, d.inOrder(u, o.Order))
	}
	return part, nil
}

// Place names the place of sample i in the files.
func (p Part) Place(i int) string {
	for _, u := range p.subsets {
		if i < u.len() {
			return p.set.placeOf(u, i)
		}
		i -= u.len()
	}
	panic("dataset: Place of a sample that the part does not have")
}
