package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
)

func TestParseSplit(t *testing.T) {
	n := func(n int) Amount { return Amount{N: n, IsSet: true} }
	share := func(s float64) Amount { return Amount{Share: s, IsSet: true} }
	for text, want := range map[string]SplitOptions{
		"50000,10000,10000":         {Sizes: Sizes{n(50000), n(10000), n(10000)}},
		"0.8, 0.1":                  {Sizes: Sizes{share(0.8), share(0.1), Amount{}}},
		"ordered:5,4":               {Draw: Ordered, Sizes: Sizes{n(5), n(4), Amount{}}},
		"stratified:0.5,0.25,1e-1":  {Draw: Stratified, Sizes: Sizes{share(0.5), share(0.25), share(0.1)}},
		"random:100,100,1000000000": {Draw: Random, Sizes: Sizes{n(100), n(100), n(1000000000)}},
	} {
		draw, sizes, err := ParseSplit(text)
		if err != nil || draw != want.Draw || sizes != want.Sizes {
			t.Errorf("%q is %q %v, error %v", text, draw, sizes, err)
		}
	}
	for text, want := range map[string]string{
		"":              "1 amounts, want 2 or 3",
		"1,2,3,4":       "4 amounts, want 2 or 3",
		"0.8,10":        "mixes numbers and shares",
		"0,1":           `the amount "0" is neither`,
		"1.5,2":         `the amount "1.5" is neither`,
		"-1,2":          `the amount "-1" is neither`,
		"NaN,0.1":       `the amount "NaN" is neither`,
		"shuffle:8,1,1": `no draw "shuffle"; the choices are ordered, random and stratified`,
	} {
		if _, _, err := ParseSplit(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func FuzzParseSplit(f *testing.F) {
	f.Add("0.8,0.1,0.1", 100, 0)
	f.Add("random:50,10,10", 60, 20)
	f.Fuzz(func(t *testing.T, text string, train, test int) {
		draw, sizes, err := ParseSplit(text)
		if err != nil || train < 1 || train > 1000 || test < 0 || test > 1000 {
			return
		}
		d := features(train, test)
		s, err := d.SplitWith(SplitOptions{Sizes: sizes, Draw: draw})
		if err != nil {
			return
		}
		if n := s.Sizes(); n[0]+n[1]+n[2] > train+test || n[0] < 1 || n[1] < 0 || n[2] < 0 {
			t.Errorf("%q of %d and %d: %v", text, train, test, n)
		}
	})
}

// features returns a set of three classes whose samples are numbered. The test samples go on from
// the training samples.
func features(train, test int) *Dataset {
	all := labelled.Samples{F32: make([]float32, train+test), Y: make([]uint16, train+test)}
	for i := range all.Y {
		all.F32[i], all.Y[i] = float32(i), uint16(i%3)
	}
	d := &Dataset{Name: "numbers", Shape: Shape{Channels: 1}, Classes: []string{"a", "b", "c"}, Train: all.Slice(0, train)}
	if test > 0 {
		d.Test = all.Slice(train, train+test)
	}
	d.place = func(test bool, i int) string { return fmt.Sprint(test, i) }
	return d
}

// TestDrawsAreNumPys compares draws with permutations that NumPy made.
func TestDrawsAreNumPys(t *testing.T) {
	want := readDraws(t)
	if got := nprand.New(5).Permutation(20); !slices.Equal(got, want.Random) {
		t.Errorf("permutation %v, want %v", got, want.Random)
	}
	y := make([]uint16, 20)
	for i := range y {
		y[i] = uint16(i % 3)
	}
	for k, got := range byClass(nprand.New(5), y, 3) {
		if !slices.Equal(got, want.Classes[k]) {
			t.Errorf("class %d is %v, want %v", k, got, want.Classes[k])
		}
	}
}

func TestPartition(t *testing.T) {
	amount := func(n int) Amount { return Amount{N: n, IsSet: true} }
	ten := Sizes{amount(10), amount(4), amount(3)}
	numbers := func(s labelled.Samples) (all []int) {
		for _, v := range s.F32 {
			all = append(all, int(v))
		}
		return all
	}
	for _, c := range []struct {
		name             string
		train, test      int // of the set
		o                SplitOptions
		partition        string
		wantTrain        []int
		wantVal, wantTst []int
	}{
		{"own test", 20, 6, SplitOptions{Sizes: ten}, "", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []int{16, 17, 18, 19}, []int{20, 21, 22}},
		{"no test, ordered", 20, 0, SplitOptions{Sizes: ten, Draw: Ordered}, "", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []int{13, 14, 15, 16}, []int{17, 18, 19}},
		// The permutation of make.py is 2 5 17 | 19 12 1 11 | 10 13 18 7 4 8 9 0 16 6.
		{"no test, random", 20, 0, SplitOptions{Sizes: ten, Draw: Random, Seed: 5}, "random:5", []int{0, 4, 6, 7, 8, 9, 10, 13, 16, 18}, []int{1, 11, 12, 19}, []int{2, 5, 17}},
		{"own test, random", 20, 6, SplitOptions{Sizes: ten, Draw: Random, Seed: 5}, "random:5", []int{1, 4, 7, 8, 9, 10, 11, 12, 13, 18}, []int{2, 5, 17, 19}, []int{20, 21, 22}},
		// Classes of 7, 7 and 6 give 1, 1 and 1 of 3; then 6, 6 and 5 give 2, 1 and 1 of 4.
		{"no test", 20, 0, SplitOptions{Sizes: ten, Seed: 5}, "stratified:5", []int{0, 1, 2, 3, 5, 7, 10, 13, 15, 17}, []int{4, 6, 11, 12}, []int{8, 16, 18}},
	} {
		s, err := features(c.train, c.test).SplitWith(c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := numbers(s.Train); !slices.Equal(got, c.wantTrain) {
			t.Errorf("%s: training %v, want %v", c.name, got, c.wantTrain)
		}
		if got := numbers(s.Val); !slices.Equal(got, c.wantVal) {
			t.Errorf("%s: validation %v, want %v", c.name, got, c.wantVal)
		}
		if got := numbers(s.Test); !slices.Equal(got, c.wantTst) {
			t.Errorf("%s: test %v, want %v", c.name, got, c.wantTst)
		}
		if s.Partition != c.partition || s.PixelOrder() != "" {
			t.Errorf("%s: partition %q", c.name, s.Partition)
		}
	}
}

// TestSortedSets checks the default draw of sets whose samples may be in the order of their classes.
func TestSortedSets(t *testing.T) {
	for _, c := range []struct {
		sorted bool
		val    int
		want   string
	}{{false, 0, ""}, {true, 0, "stratified:0"}, {true, 4, ""}} {
		d := features(20, 6)
		d.sorted, d.val = c.sorted, c.val
		s, err := d.DefaultSplit(CHW)
		if err != nil || s.Partition != c.want || c.val > 0 && s.Val.Len() != c.val {
			t.Errorf("sorted %t with %d validation samples: %q, error %v", c.sorted, c.val, s.Partition, err)
		}
	}
	// Without a draw, the validation samples of a set in the order of its classes are all of the last class.
	d := features(20, 6)
	slices.Sort(d.Train.Y)
	s, err := d.SplitWith(SplitOptions{Draw: Ordered})
	if want := []string{"2 of 3 classes have no validation samples: a, b"}; err != nil || !slices.Equal(s.Notes, want) {
		t.Errorf("notes %q, want %q, error %v", s.Notes, want, err)
	}
}

// TestDefaultShares checks the sizes of a set without test samples, and shares of all sets.
func TestDefaultShares(t *testing.T) {
	share := func(a, b, c float64) Sizes {
		s := Sizes{Amount{Share: a, IsSet: true}, Amount{Share: b, IsSet: true}, Amount{}}
		if c > 0 {
			s.Test = Amount{Share: c, IsSet: true}
		}
		return s
	}
	for _, c := range []struct {
		train, test int
		sizes       Sizes
		want        [3]int
	}{
		{100, 0, Sizes{}, [3]int{80, 10, 10}},
		{101, 0, Sizes{}, [3]int{81, 10, 10}},
		{100, 0, share(0.7, 0.2, 0), [3]int{70, 20, 10}},
		{100, 50, share(0.7, 0.2, 0), [3]int{70, 20, 50}},
		{100, 50, share(0.7, 0.2, 0.5), [3]int{70, 20, 25}},
		{15, 0, share(0.5, 0.3, 0.2), [3]int{7, 5, 3}},
		{15, 1, share(0.5, 0.5, 0), [3]int{7, 8, 1}},
		{20000, 5000, Sizes{}, [3]int{19000, 1000, 1000}},
	} {
		train, val, test := features(c.train, c.test).sizes(c.sizes)
		if got := [3]int{train, val, test}; got != c.want {
			t.Errorf("%d and %d samples, %v: %v, want %v", c.train, c.test, c.sizes, got, c.want)
		}
	}
}

// TestDeal checks that classes keep their shares, and that all samples are used once.
func TestDeal(t *testing.T) {
	rng := nprand.New(1)
	for range 200 {
		groups := make([][]int, 1+rng.Intn(5))
		total := 0
		for k := range groups {
			for range rng.Intn(30) {
				groups[k] = append(groups[k], total)
				total++
			}
		}
		sizes := make([]int, len(groups))
		for k, g := range groups {
			sizes[k] = len(g)
		}
		n := rng.Intn(total + 1)
		first := deal(groups, n)
		rest := deal(groups, total-n)
		if len(first) != n || !slices.IsSorted(first) || !slices.Equal(slices.Sorted(slices.Values(slices.Concat(first, rest))), nprandRange(total)) {
			t.Fatalf("%d of %v: %v and %v", n, sizes, first, rest)
		}
		at := 0
		for _, size := range sizes {
			got := 0
			for _, i := range first {
				if i >= at && i < at+size {
					got++
				}
			}
			if want := float64(n) * float64(size) / float64(max(total, 1)); float64(got) <= want-1 || float64(got) >= want+1 {
				t.Fatalf("%d of %v: a class of %d gives %d, want about %.2f", n, sizes, size, got, want)
			}
			at += size
		}
	}
}

func nprandRange(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestSplitWithRejects(t *testing.T) {
	for _, c := range []struct {
		d    *Dataset
		o    SplitOptions
		want string
	}{
		{features(20, 0), SplitOptions{Sizes: Sizes{Amount{N: 15, IsSet: true}, Amount{N: 4, IsSet: true}, Amount{N: 2, IsSet: true}}},
			"15 training, 4 validation and 2 test samples, want at most 20 together"},
		{features(20, 0), SplitOptions{Norm: "max"}, `unknown normalization "max"`},
		{numbered(12, 5), SplitOptions{Norm: Standard}, "standard is for features"},
	} {
		if _, err := c.d.SplitWith(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}
