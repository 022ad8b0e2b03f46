package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
)

// A Draw is a way to choose the samples of a split.
type Draw string

const (
	// Ordered takes the first samples for training and the last ones for validation. If the set has
	// no test samples, the last ones are for the test, and those before them for validation.
	Ordered Draw = "ordered"
	// Random draws samples without replacement.
	Random Draw = "random"
	// Stratified draws samples of each class separately, so that all classes have nearly the same
	// share in each subset as in the set.
	Stratified Draw = "stratified"
)

// An Amount is a number of samples, or a share of them.
type Amount struct {
	N     int
	Share float64
	IsSet bool
}

// of returns the number of samples out of n.
func (a Amount) of(n int) int {
	if a.Share > 0 {
		return int(math.Round(a.Share * float64(n)))
	}
	return a.N
}

// Sizes are the amounts of training, validation and test samples. An amount that is not set has its
// default. If a set has test samples of its own, the first two amounts are of its training samples,
// and the third is of its test samples. Otherwise all three are of all samples, and the default of
// the third is what the first two leave. If the first amount is set, the second must be set, too.
type Sizes struct{ Train, Val, Test Amount }

// ParseSplit reads [DRAW:]TRAIN,VAL[,TEST], such as 50000,10000,10000 or stratified:0.8,0.1,0.1.
// The amounts are all numbers of samples, or all shares below 1.
func ParseSplit(text string) (Draw, Sizes, error) {
	const example = "write TRAIN,VAL,TEST as numbers or shares, such as 50000,10000,10000 or 0.8,0.1,0.1"
	var draw Draw
	list := text
	if word, rest, ok := strings.Cut(text, ":"); ok {
		draw, list = Draw(word), rest
		if !slices.Contains([]Draw{Ordered, Random, Stratified}, draw) {
			return "", Sizes{}, fmt.Errorf("there is no draw %q; the choices are ordered, random and stratified", word)
		}
	}
	parts := strings.Split(list, ",")
	if len(parts) != 2 && len(parts) != 3 {
		return "", Sizes{}, fmt.Errorf("%d amounts, want 2 or 3; %s", len(parts), example)
	}
	var s Sizes
	shares := 0
	for i, p := range parts {
		a := []*Amount{&s.Train, &s.Val, &s.Test}[i]
		a.IsSet = true
		p = strings.TrimSpace(p)
		n, err := strconv.Atoi(p)
		share, notShare := strconv.ParseFloat(p, 64)
		switch {
		case err == nil && n > 0:
			a.N = n
		case notShare == nil && share > 0 && share < 1:
			a.Share = share
			shares++
		default:
			return "", Sizes{}, fmt.Errorf("the amount %q is neither a number of samples, 1 or more, nor a share below 1; %s", p, example)
		}
	}
	if shares > 0 && shares < len(parts) {
		return "", Sizes{}, fmt.Errorf("it mixes numbers and shares; %s", example)
	}
	return draw, s, nil
}

// A subset is a list of samples of a data set: those at idx or, if idx is nil, lo to hi−1.
type subset struct {
	test   bool // of Dataset.Test
	lo, hi int
	idx    []int
}

func (u subset) len() int {
	if u.idx != nil {
		return len(u.idx)
	}
	return u.hi - u.lo
}

// at returns the index of sample i in the data set.
func (u subset) at(i int) int {
	if u.idx != nil {
		return u.idx[i]
	}
	return u.lo + i
}

// list returns the part of the data set that the subset is from.
func (d *Dataset) list(u subset) labelled.Samples {
	if u.test {
		return d.Test
	}
	return d.Train
}

// samples returns the samples of a subset. They share memory with d, unless the subset has indices.
func (d *Dataset) samples(u subset) labelled.Samples {
	if u.idx != nil {
		return d.list(u).Pick(u.idx)
	}
	return d.list(u).Slice(u.lo, u.hi)
}

// A partition says which samples of a data set are for training, validation and test.
type partition struct {
	name             string // see Split.Partition
	train, val, test subset
}

// ordered returns the partition of the assignment, or for a set without test samples its Ordered
// one.
func (d *Dataset) ordered(train, val, test int) (partition, error) {
	n, own := d.Train.Len(), d.Test.Len() > 0 || test == 0
	fail := func(format string, args ...any) (partition, error) {
		return partition{}, fmt.Errorf("dataset: split of %s: %s", d.title(), fmt.Sprintf(format, args...))
	}
	switch {
	case train < 1 || val < 0 || test < 0:
		return fail("%d training, %d validation and %d test %s, want at least 1, 0 and 0", train, val, test, d.Shape.noun())
	case own && (train > n || val > n-train):
		return fail("%d training and %d validation %s, want at most %d together", train, val, d.Shape.noun(), n)
	case own && test > d.Test.Len():
		return fail("%d test %s, want at most %d", test, d.Shape.noun(), d.Test.Len())
	case own:
		return partition{"", subset{lo: 0, hi: train}, subset{lo: n - val, hi: n}, subset{test: true, lo: 0, hi: test}}, nil
	case train > n || val > n-train || test > n-train-val:
		return fail("%d training, %d validation and %d test %s, want at most %d together", train, val, test, d.Shape.noun(), n)
	}
	return partition{"", subset{lo: 0, hi: train}, subset{lo: n - test - val, hi: n - test}, subset{lo: n - test, hi: n}}, nil
}

// sizes returns the numbers of samples.
func (d *Dataset) sizes(s Sizes) (train, val, test int) {
	n, own := d.Train.Len(), d.Test.Len() > 0
	if own {
		train, val, test = defaultSizes(n, d.Test.Len())
		if d.val > 0 {
			train, val = n-d.val, d.val
		}
	} else {
		val = max(n/10, 1)
		test = val
		train = n - val - test
	}
	if s.Train.IsSet { // then the amount of validation samples is set, too
		train, val = s.Train.of(n), s.Val.of(n)
		if !own {
			test = max(n-train-val, 0)
		}
	}
	switch {
	case s.Test.IsSet && own:
		test = s.Test.of(d.Test.Len())
	case s.Test.IsSet:
		test = s.Test.of(n)
	}
	if s.Train.Share > 0 && train+val+test == n+1 && !own || s.Train.Share > 0 && train+val == n+1 && own {
		train-- // rounded shares may add up to one sample too many
	}
	return train, val, test
}

// Largest sizes of DefaultSplit, as in the assignment.
const (
	defaultVal  = 1000
	defaultTest = 1000
)

// defaultSizes returns the sizes of DefaultSplit for a set with the given numbers of images.
func defaultSizes(images, tests int) (train, val, test int) {
	val = min(defaultVal, max(images/10, 1))
	return images - val, val, min(defaultTest, tests)
}

// partition returns the partition that the options describe.
func (d *Dataset) partition(o SplitOptions) (partition, error) {
	own := d.Test.Len() > 0
	draw := o.Draw
	if draw == "" {
		draw = d.defaultDraw()
	}
	train, val, test := d.sizes(o.Sizes)
	p, err := d.ordered(train, val, test)
	if err != nil || draw == Ordered {
		return p, err
	}
	p.name = fmt.Sprintf("%s:%d", draw, o.Seed)
	rng := nprand.New(o.Seed)
	var groups [][]int
	if draw == Stratified {
		groups = byClass(rng, d.Train.Y, len(d.Classes))
	} else {
		groups = [][]int{rng.Permutation(d.Train.Len())}
	}
	if !own {
		p.test.idx = deal(groups, test)
	}
	p.val.idx = deal(groups, val)
	p.train.idx = deal(groups, train)
	return p, nil
}

// defaultDraw returns Ordered for sets that are published with their classes mixed, and for sets whose
// files set validation and test samples apart. Other sets may have their samples in the order of the
// classes, so the default is Stratified.
func (d *Dataset) defaultDraw() Draw {
	if d.Test.Len() > 0 && (!d.sorted || d.val > 0) {
		return Ordered
	}
	return Stratified
}

// byClass returns the indices of the samples of each class, in random order.
func byClass(rng *nprand.State, labels []uint16, classes int) [][]int {
	groups := make([][]int, classes)
	for i, y := range labels {
		groups[y] = append(groups[y], i)
	}
	for _, g := range groups {
		rng.Shuffle(g)
	}
	return groups
}

// deal takes n indices from the groups, in proportion to their lengths, and returns them in
// ascending order. Numbers are rounded down, and the groups with the largest remainders give one
// index more. The groups must have at least n indices.
func deal(groups [][]int, n int) []int {
	total := 0
	for _, g := range groups {
		total += len(g)
	}
	taken, rest, order := make([]int, len(groups)), make([]int64, len(groups)), make([]int, len(groups))
	left := n
	for k, g := range groups {
		product := int64(n) * int64(len(g))
		taken[k], rest[k], order[k] = int(product/int64(max(total, 1))), product%int64(max(total, 1)), k
		left -= taken[k]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, k := range order[:left] {
		taken[k]++
	}
	idx := make([]int, 0, n)
	for k, m := range taken {
		idx = append(idx, groups[k][:m]...)
		groups[k] = groups[k][m:]
	}
	slices.Sort(idx)
	return idx
}
