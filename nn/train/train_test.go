package train_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/reference"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
	"fusegrid/nn/train"
)

// images draws n noisy images of d pixels in ten classes.
func images(seed uint32, n, d int) labelled.Samples {
	rng := nprand.New(seed)
	s := labelled.Samples{X: make([]uint8, n*d), Y: make([]uint16, n)}
	for i := range n {
		s.Y[i] = uint16(i % 10)
		for j := range d {
			v := rng.Randint(0, 156)
			if j%10 == i%10 {
				v += 100
			}
			s.X[i*d+j] = uint8(v)
		}
	}
	return s
}

func meanOf[T kernels.Float](s labelled.Samples, d int) []T {
	mean := make([]float64, d)
	for i, v := range s.X {
		mean[i%d] += float64(v)
	}
	out := make([]T, d)
	for j := range mean {
		out[j] = T(mean[j] / float64(s.Len()))
	}
	return out
}

// trained returns the weights and losses of nets after some iterations together.
func trained[T kernels.Float](t *testing.T, set *kernels.Set, shape train.Shape, nets []train.Net, iterations, workers int) ([][][]T, []*train.Curve) {
	t.Helper()

	data, val := images(1, 120, pixels), images(2, 30, pixels)
	shape.Inputs, shape.Classes = pixels, 10
	b, err := train.New(set, shape, nets, meanOf[T](data, pixels), workers)
	if err != nil {
		t.Fatal(err)
	}
	for k := range nets {
		b.Init(k, nprand.New(7))
	}
	tr, err := train.NewTrainer(b, train.Schedule{Iterations: iterations, Batch: shape.Batch, Train: data, Val: val}, nprand.New(9))
	if err != nil {
		t.Fatal(err)
	}
	for !tr.Finished() {
		tr.Step()
	}
	var weights [][][]T
	var curves []*train.Curve
	for k := range b.Len() {
		weights = append(weights, b.Weights(k))
		curves = append(curves, tr.Curve(tr.IDs()[k]))
	}
	return weights, curves
}

func sameBits[T kernels.Float](a, b [][]T) bool {
	return slices.EqualFunc(a, b, func(x, y []T) bool {
		return slices.EqualFunc(x, y, func(v, w T) bool {
			return math.Float64bits(float64(v)) == math.Float64bits(float64(w))
		})
	})
}

func sets() []*kernels.Set {
	return slices.DeleteFunc(fusegrid.All(), func(s *kernels.Set) bool { return !s.Stable })
}

// integerSets returns the sets of a class with first layers in integers.
func integerSets(class kernels.Class) []*kernels.Set {
	var all []*kernels.Set
	for _, s := range fusegrid.All() {
		if made, err := fusegrid.ForType(s, strings.TrimSuffix(string(class), "-512")); err == nil {
			all = append(all, made)
		}
	}
	return all
}

// bfp16 returns a set of class BFP16.
func bfp16() *kernels.Set { return bfp.New(reference.Fused(), kernels.BFP16, nil) }

// integerRules are the rules that first layers in integers take.
var integerRules = []train.Rule{train.SGD, train.Momentum, train.Nesterov}

// TestSameBitsAloneAndTogether checks that a net has the same bits whether it trains alone or in a
// block.
func TestSameBitsAloneAndTogether(t *testing.T) {
	for i, rule := range integerRules {
		for _, class := range []kernels.Class{kernels.BFP16, kernels.BFP16D8}[:1+i%2] {
			for _, set := range integerSets(class) {
				t.Run(fmt.Sprintf("impl=%s/rule=%s/dtype=%s", set.Name, rule, class), func(t *testing.T) { testAlone[float32](t, set, rule) })
			}
		}
	}
	for _, set := range sets() {
		for i, rule := range train.Rules() {
			if !testing.Short() || i%2 == 0 {
				t.Run(fmt.Sprintf("impl=%s/rule=%s/dtype=f32", set.Name, rule), func(t *testing.T) { testAlone[float32](t, set, rule) })
			}
			if !testing.Short() || i%2 == 1 {
				t.Run(fmt.Sprintf("impl=%s/rule=%s/dtype=f64", set.Name, rule), func(t *testing.T) { testAlone[float64](t, set, rule) })
			}
		}
	}
}

func testAlone[T kernels.Float](t *testing.T, set *kernels.Set, rule train.Rule) {
	layers, iterations := [][]int{{}, {11}, {11, 7}, {5, 4, 3}}, 40
	if testing.Short() {
		layers, iterations = [][]int{{}, {11, 7}}, 15
	}
	for _, hidden := range layers {
		shape := train.Shape{Batch: 20, Rule: rule}
		var nets []train.Net
		for i := range 7 {
			nets = append(nets, train.Net{Hidden: slices.Clone(hidden), LR: 1e-3 * float64(i+1), Reg: 0.1 * float64(i), Decay: 0.9, Scale: 1e-2 * float64(i+1), Mu: 0.1 * float64(i)})
			if len(hidden) > 0 {
				nets[i].Hidden[0] += i % 3
			}
		}
		together, curves := trained[T](t, set, shape, nets, iterations, 2)
		if len(together) != len(nets) {
			t.Fatalf("%d nets left of %d", len(together), len(nets))
		}
		for i, net := range nets {
			if testing.Short() && i%3 != 0 {
				continue
			}
			alone, curve := trained[T](t, set, shape, []train.Net{net}, iterations, 1)
			if !sameBits(alone[0], together[i]) {
				t.Errorf("hidden %v: net %d: weights differ from those of the net alone", hidden, i)
			}
			if !slices.Equal(curve[0].Loss, curves[i].Loss) || !slices.Equal(curve[0].ValAcc, curves[i].ValAcc) {
				t.Errorf("hidden %v: net %d: history differs from that of the net alone", hidden, i)
			}
		}
	}
}

// TestDivergedNetsLeave trains nets that diverge together with nets that do not.
func TestDivergedNetsLeave(t *testing.T) {
	for _, set := range append(sets(), bfp16()) {
		t.Run(fmt.Sprintf("impl=%s/class=%s", set.Name, set.Class), func(t *testing.T) {
			good := train.Net{Hidden: []int{6}, LR: 1e-3, Decay: 1, Scale: 0.01}
			bad := train.Net{Hidden: []int{9}, LR: 1e6, Reg: 1, Decay: 1, Scale: 0.01}
			shape := train.Shape{Batch: 20}
			alone, _ := trained[float32](t, set, shape, []train.Net{good}, 60, 1)
			left, curves := trained[float32](t, set, shape, []train.Net{bad, good, bad, bad, good, bad}, 60, 1)
			if len(left) != 2 {
				t.Fatalf("%d nets left, want the 2 good ones", len(left))
			}
			for k := range left {
				if !sameBits(left[k], alone[0]) {
					t.Errorf("survivor %d differs from the net alone", k)
				}
				if len(curves[k].Loss) != 60 {
					t.Errorf("survivor %d has %d losses", k, len(curves[k].Loss))
				}
			}
		})
	}
}

// TestDivergedAtTheEnd checks that a net has diverged if its last update overflows, although its
// losses are finite.
func TestDivergedAtTheEnd(t *testing.T) {
	const pixels = 12
	data, val := images(1, 40, pixels), images(2, 30, pixels)
	for _, protocol := range []train.Protocol{train.Course, train.Solver} {
		for _, iterations := range []int{1, 2, 3, 4} { // an epoch has 2
			shape := train.Shape{Inputs: pixels, Classes: 10, Batch: 20}
			block, err := train.New(reference.New(), shape, []train.Net{
				{Hidden: []int{5}, LR: 1e-3, Decay: 1, Scale: 0.01},
				{Hidden: []int{5}, LR: 1, Decay: 1e39, Scale: 0}, // overflows after an epoch
				{Hidden: []int{5}, LR: 1e39, Decay: 1, Scale: 0.01},
			}, meanOf[float32](data, pixels), 1)
			if err != nil {
				t.Fatal(err)
			}
			block.Init(0, nprand.New(0))
			block.Init(2, nprand.New(0))
			tr, err := train.NewTrainer(block, train.Schedule{Protocol: protocol, Iterations: iterations, Batch: 20, Train: data, Val: val}, nprand.New(0))
			if err != nil {
				t.Fatal(err)
			}
			for !tr.Finished() {
				tr.Step()
			}
			for k, id := range tr.IDs() {
				for _, w := range block.Weights(k) {
					for _, v := range w {
						if v-v != 0 {
							t.Fatalf("protocol %d, %d iterations: net %d ends with weight %v and has not left", protocol, iterations, id, v)
						}
					}
				}
			}
			if c := tr.Curve(2); len(c.ValAcc) != 0 || len(c.Loss) != 1 {
				t.Errorf("protocol %d: the net that overflows at once has curve %+v", protocol, c)
			}
		}
	}
}

func TestNewTrainerRefuses(t *testing.T) {
	const pixels = 12
	data := images(1, 40, pixels)
	for _, c := range []struct {
		want string
		edit func(s *train.Schedule)
	}{
		{"batch 21", func(s *train.Schedule) { s.Batch = 21 }},
		{"batch 0", func(s *train.Schedule) { s.Batch = 0 }},
		{"-1 iterations", func(s *train.Schedule) { s.Iterations = -1 }},
		{"Division(2)", func(s *train.Schedule) { s.Division = 2 }},
		{"0 images", func(s *train.Schedule) { s.Val = labelled.Samples{} }},
		{"479 bytes for 40 images", func(s *train.Schedule) { s.Train = labelled.Samples{X: data.X[1:], Y: data.Y} }},
		{"image 3 has label 10, want 0…9", func(s *train.Schedule) {
			s.Train = labelled.Samples{X: data.X, Y: append([]uint16{0, 0, 0, 10}, data.Y[4:]...)}
		}},
	} {
		t.Run(c.want, func(t *testing.T) {
			block, err := train.New(reference.New(), train.Shape{Inputs: pixels, Classes: 10, Batch: 20}, []train.Net{{Hidden: []int{5}}}, meanOf[float32](data, pixels), 1)
			if err != nil {
				t.Fatal(err)
			}
			s := train.Schedule{Iterations: 1, Batch: 20, Train: data, Val: data}
			c.edit(&s)
			if _, err := train.NewTrainer(block, s, nprand.New(0)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
		})
	}
	// The memory for the maximum number of iterations is not allocated in advance.
	block, err := train.New(reference.New(), train.Shape{Inputs: pixels, Classes: 10, Batch: 20}, []train.Net{{Hidden: []int{5}}}, meanOf[float32](data, pixels), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.NewTrainer(block, train.Schedule{Iterations: math.MaxInt, Batch: 20, Train: data, Val: data}, nprand.New(0)); err != nil {
		t.Error(err)
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const d = 96
	data := images(1, 50, d)
	var source train.Source = data
	steps := 50
	if testing.Short() {
		steps = 5
	}
	for _, set := range fusegrid.All() {
		for _, rule := range train.Rules() {
			for i := range 4 {
				count, layers := []int{1, 7}[i/2], [][]int{{5, 20}, {}}[i%2] // flipped, and not
				nets := make([]train.Net, count)
				for i := range nets {
					nets[i] = train.Net{Hidden: layers, LR: 1e-4, Reg: 0.25, Scale: 1e-2, Mu: 0.5}
				}
				b, err := train.New(set, train.Shape{Inputs: d, Classes: 10, Batch: 20, Rule: rule}, nets, meanOf[float32](data, d), 1)
				if err != nil {
					t.Fatal(err)
				}
				idx := make([]int, 20)
				if n := testing.AllocsPerRun(steps, func() { b.Step(source, idx) }); n != 0 {
					t.Errorf("%s, %v, %d nets: a step allocates %v times", set.Name, rule, count, n)
				}
			}
		}
	}
}

func TestCopyOfAnotherSizePanics(t *testing.T) {
	nets := []train.Net{{Hidden: []int{20}}, {Hidden: []int{5}}, {Hidden: []int{30}}}
	b, err := train.New(reference.New(), train.Shape{Inputs: 12, Classes: 10, Batch: 20}, nets, make([]float32, 12), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]int{{0, 1}, {1, 0}, {2, 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Copy(%d, %d) of nets of other sizes does not panic", pair[0], pair[1])
				}
			}()
			b.Copy(pair[0], pair[1])
		}()
	}
}

func TestCopy(t *testing.T) {
	const d = 96
	data := images(1, 50, d)
	for _, set := range fusegrid.All() {
		for _, count := range []int{2, 7} { // flipped, and not
			nets := make([]train.Net, count)
			for i := range nets {
				nets[i] = train.Net{Hidden: []int{20, 5}, LR: 1e-4 * float64(i+1), Scale: 1e-2, Mu: 0.5}
			}
			shape := train.Shape{Inputs: d, Classes: 10, Batch: 20, Rule: train.Momentum}
			start := func(init func(b *train.Block[float32])) [][][]float32 {
				b, err := train.New(set, shape, nets, meanOf[float32](data, d), 1)
				if err != nil {
					t.Fatal(err)
				}
				init(b)
				b.Step(data, []int{1, 2, 3, 4})
				var all [][][]float32
				for k := range nets {
					all = append(all, b.Weights(k))
				}
				return all
			}
			want := start(func(b *train.Block[float32]) {
				for k := range nets {
					b.Init(k, nprand.New(3))
				}
			})
			got := start(func(b *train.Block[float32]) {
				b.Init(0, nprand.New(3))
				b.Step(data, []int{5, 6}) // so that there are velocities
				b.Init(0, nprand.New(3))
				for k := 1; k < count; k++ {
					b.Copy(k, k-1)
				}
			})
			for k := range nets {
				for i := range want[k] {
					if !slices.Equal(got[k][i], want[k][i]) {
						t.Errorf("%s, %d nets: array %d of net %d differs from that of a drawn net", set.Name, count, i, k)
					}
				}
			}
		}
	}
}

func TestRules(t *testing.T) {
	for _, rule := range train.Rules() {
		if got, err := train.ParseRule(rule.String()); err != nil || got != rule {
			t.Errorf("ParseRule(%q) is %v, %v", rule, got, err)
		}
	}
	if _, err := train.ParseRule("lion"); err == nil || !strings.Contains(err.Error(), "the choices are sgd, momentum, nesterov, rmsprop, adam") {
		t.Errorf("error %v, want one that names the rules", err)
	}
	b, err := train.New(reference.New(), train.Shape{Inputs: 12, Classes: 10, Batch: 20, Rule: train.Rule(len(train.Rules()))}, []train.Net{{Hidden: []int{5}}}, make([]float32, 12), 1)
	if err == nil {
		t.Errorf("a block of an unknown rule is %v", b)
	}
}
