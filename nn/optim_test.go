package nn

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

// optimGolden holds the output of testdata/optim.py.
type optimGolden struct {
	LearningRate float64              `json:"learning_rate"`
	Momentum     float64              `json:"momentum"`
	DecayRate    float64              `json:"decay_rate"`
	Beta1        float64              `json:"beta1"`
	Beta2        float64              `json:"beta2"`
	Epsilon      float64              `json:"epsilon"`
	Start        []float64            `json:"start"`
	Grads        [][]float64          `json:"grads"`
	Weights      map[Rule][][]float64 `json:"weights"`
}

func TestOptimizersGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/optim.json")
	if err != nil {
		t.Fatal(err)
	}
	var g optimGolden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		testOptimizers[float32](t, set, g, 1e-5)
		testOptimizers[float64](t, set, g, 1e-14)
	})
}

func testOptimizers[T kernels.Float](t *testing.T, set *kernels.Set, g optimGolden, tol float64) {
	for _, rule := range Rules() {
		o, err := NewOptimizer[T](set, OptimConfig{
			Rule: rule, LearningRate: g.LearningRate, Momentum: g.Momentum, DecayRate: g.DecayRate,
			Beta1: g.Beta1, Beta2: g.Beta2, Epsilon: g.Epsilon,
		}, len(g.Start))
		if err != nil {
			t.Fatal(err)
		}
		w, grad := make([]T, len(g.Start)), make([]T, len(g.Start))
		convert(w, g.Start)
		if len(g.Weights[rule]) != 5 {
			t.Fatalf("%s: %d golden steps, want 5", rule, len(g.Weights[rule]))
		}
		for i, want := range g.Weights[rule] {
			convert(grad, g.Grads[i])
			o.Update(w, grad)
			near(t, string(rule), w, want, tol)
		}
	}
}

// linspace returns np.linspace(first, last, 20).
func linspace[T kernels.Float](first, last float64) []T {
	v := make([]T, 20)
	for i := range v {
		v[i] = T(first + (last-first)*float64(i)/19)
	}
	return v
}

// courseChecks returns the course's checks of its update rules. Each is one update of given weights
// from a given state, with the weights and the state that the course prints.
func courseChecks[T kernels.Float]() []courseCheck[T] {
	velocity := []float64{
		0.5406, 0.55475789, 0.56891579, 0.58307368, 0.59723158, 0.61138947, 0.62554737, 0.63970526, 0.65386316, 0.66802105,
		0.68217895, 0.69633684, 0.71049474, 0.72465263, 0.73881053, 0.75296842, 0.76712632, 0.78128421, 0.79544211, 0.8096,
	}
	return []courseCheck[T]{
		{
			Momentum, 1e-3, OptimState[T]{Velocity: linspace[T](0.6, 0.9)}, []float64{
				0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789, 0.47454737, 0.54133684, 0.60812632, 0.67491579, 0.74170526,
				0.80849474, 0.87528421, 0.94207368, 1.00886316, 1.07565263, 1.14244211, 1.20923158, 1.27602105, 1.34281053, 1.4096,
			}, velocity, nil,
		},
		{
			Nesterov, 1e-3, OptimState[T]{Velocity: linspace[T](0.6, 0.9)}, []float64{
				0.08714, 0.15246105, 0.21778211, 0.28310316, 0.34842421, 0.41374526, 0.47906632, 0.54438737, 0.60970842, 0.67502947,
				0.74035053, 0.80567158, 0.87099263, 0.93631368, 1.00163474, 1.06695579, 1.13227684, 1.19759789, 1.26291895, 1.32824,
			}, velocity, nil,
		},
		{
			RMSProp, 1e-2, OptimState[T]{Cache: linspace[T](0.6, 0.9)}, []float64{
				-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247, -0.132737, -0.08078555, -0.02881884, 0.02316247, 0.07515774,
				0.12716641, 0.17918792, 0.23122175, 0.28326742, 0.33532447, 0.38739248, 0.43947102, 0.49155973, 0.54365823, 0.59576619,
			}, []float64{
				0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321, 0.67329252, 0.68859723, 0.70395734, 0.71937285, 0.73484377,
				0.75037008, 0.7659518, 0.78158892, 0.79728144, 0.81302936, 0.82883269, 0.84469141, 0.86060554, 0.87657507, 0.8926,
			}, nil,
		},
		{
			Adam, 1e-2, OptimState[T]{M: linspace[T](0.6, 0.9), V: linspace[T](0.7, 0.5), Steps: 5}, []float64{
				-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977, -0.1380274, -0.08544591, -0.03286534, 0.01971428, 0.0722929,
				0.1248705, 0.17744702, 0.23002243, 0.28259667, 0.33516969, 0.38774145, 0.44031188, 0.49288093, 0.54544852, 0.59801459,
			}, []float64{
				0.48, 0.49947368, 0.51894737, 0.53842105, 0.55789474, 0.57736842, 0.59684211, 0.61631579, 0.63578947, 0.65526316,
				0.67473684, 0.69421053, 0.71368421, 0.73315789, 0.75263158, 0.77210526, 0.79157895, 0.81105263, 0.83052632, 0.85,
			}, []float64{
				0.69966, 0.68908382, 0.67851319, 0.66794809, 0.65738853, 0.64683452, 0.63628604, 0.6257431, 0.61520571, 0.60467385,
				0.59414753, 0.58362676, 0.57311152, 0.56260183, 0.55209767, 0.54159906, 0.53110598, 0.52061845, 0.51013645, 0.49966,
			},
		},
	}
}

type courseCheck[T kernels.Float] struct {
	rule          Rule
	lr            float64
	state         OptimState[T]
	weights       []float64
	first, second []float64 // arrays of the state after the update
}

func TestOptimizersFromTheCoursesState(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		testCourseState[float32](t, set, 1e-6)
		testCourseState[float64](t, set, 5e-9) // half a unit of the last digit that is printed
	})
}

func testCourseState[T kernels.Float](t *testing.T, set *kernels.Set, tol float64) {
	for _, c := range courseChecks[T]() {
		cfg := DefaultOptim(c.rule)
		cfg.LearningRate = c.lr
		o, err := NewOptimizer[T](set, cfg, 20)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.SetState(c.state); err != nil {
			t.Fatal(err)
		}
		w := linspace[T](-0.4, 0.6)
		o.Update(w, linspace[T](-0.6, 0.4))
		name := string(c.rule)
		near(t, name, w, c.weights, tol)
		after := o.State()
		if after.Steps != c.state.Steps+1 {
			t.Errorf("%s: %d updates, want %d", name, after.Steps, c.state.Steps+1)
		}
		for i, array := range c.rule.arrays() {
			near(t, name+": "+array, *after.array(array), [][]float64{c.first, c.second}[i], tol)
		}
	}
}

// TestOptimizerStateIsCopied gives an optimizer the state of another. Both must then make the same
// updates, without shared memory.
func TestOptimizerStateIsCopied(t *testing.T) {
	for _, rule := range Rules() {
		cfg := DefaultOptim(rule)
		one, err := NewOptimizer[float64](reference.New(), cfg, 3)
		if err != nil {
			t.Fatal(err)
		}
		other, err := NewOptimizer[float64](reference.New(), cfg, 3)
		if err != nil {
			t.Fatal(err)
		}
		w, grad := []float64{1, 2, 3}, []float64{0.1, -0.2, 0.3}
		one.Update(w, grad)
		state := one.State()
		if err := other.SetState(state); err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		for _, array := range rule.arrays() {
			for i := range *state.array(array) {
				(*state.array(array))[i] = 1e9
			}
		}
		w2 := append([]float64(nil), w...)
		one.Update(w, grad)
		other.Update(w2, grad)
		sameBits(t, string(rule), w2, w)

		// An array that is nil stands for zeros.
		if err := other.SetState(OptimState[float64]{}); err != nil {
			t.Fatal(err)
		}
		fresh, err := NewOptimizer[float64](reference.New(), cfg, 3)
		if err != nil {
			t.Fatal(err)
		}
		w, w2 = []float64{1, 2, 3}, []float64{1, 2, 3}
		fresh.Update(w, grad)
		other.Update(w2, grad)
		sameBits(t, string(rule)+" from an empty state", w2, w)
	}
}

func TestSetStateRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		rule  Rule
		state OptimState[float64]
	}{
		{"negative steps", Adam, OptimState[float64]{Steps: -1}},
		{"short array", Adam, OptimState[float64]{M: make([]float64, 2), V: make([]float64, 3)}},
		{"array of another rule", Adam, OptimState[float64]{Velocity: make([]float64, 2)}},
		{"array of Adam", Momentum, OptimState[float64]{V: make([]float64, 2)}},
		{"empty array", RMSProp, OptimState[float64]{Cache: []float64{}}},
		{"array for a rule without one", SGD, OptimState[float64]{Cache: make([]float64, 2)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := NewOptimizer[float64](reference.New(), DefaultOptim(c.rule), 2)
			if err != nil {
				t.Fatal(err)
			}
			o.Update([]float64{1, 2}, []float64{3, 4})
			before := o.State()
			checkError(t, o.SetState(c.state))
			if after := o.State(); !reflect.DeepEqual(after, before) {
				t.Errorf("the state is %v after the error, was %v", after, before)
			}
		})
	}
}

func TestOptimizerLearningRate(t *testing.T) {
	for _, rule := range Rules() {
		o, err := NewOptimizer[float64](reference.New(), DefaultOptim(rule), 1)
		if err != nil {
			t.Fatal(err)
		}
		want := 1e-2
		if rule == Adam {
			want = 1e-3
		}
		if o.LearningRate() != want {
			t.Errorf("%s: learning rate %v, want %v", rule, o.LearningRate(), want)
		}
		o.SetLearningRate(0)
		w := []float64{1}
		o.Update(w, []float64{1})
		if w[0] != 1 {
			t.Errorf("%s: moved to %v at learning rate 0", rule, w[0])
		}
	}
}

// TestOptimizersDescend checks that each rule finds the minimum of a badly scaled bowl.
func TestOptimizersDescend(t *testing.T) {
	for _, rule := range Rules() {
		cfg := DefaultOptim(rule)
		cfg.LearningRate = 0.01
		o, err := NewOptimizer[float64](reference.New(), cfg, 2)
		if err != nil {
			t.Fatal(err)
		}
		w := []float64{1, -1}
		for range 2000 {
			o.Update(w, []float64{10 * w[0], w[1]})
		}
		if d := math.Hypot(w[0], w[1]); !(d < 0.05) {
			t.Errorf("%s: %v from the minimum", rule, d)
		}
	}
}

func TestNewOptimizerRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(c *OptimConfig)
	}{
		{"unknown rule", func(c *OptimConfig) { c.Rule = "adamw" }},
		{"no rule", func(c *OptimConfig) { c.Rule = "" }},
		{"learning rate 0", func(c *OptimConfig) { c.LearningRate = 0 }},
		{"infinite learning rate", func(c *OptimConfig) { c.LearningRate = math.Inf(1) }},
		{"momentum 1", func(c *OptimConfig) { c.Momentum = 1 }},
		{"negative decay rate", func(c *OptimConfig) { c.DecayRate = -0.1 }},
		{"beta1 NaN", func(c *OptimConfig) { c.Beta1 = math.NaN() }},
		{"large beta2", func(c *OptimConfig) { c.Beta2 = 1.5 }},
		{"epsilon 0", func(c *OptimConfig) { c.Epsilon = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultOptim(Adam)
			c.spoil(&cfg)
			_, err := NewOptimizer[float64](reference.New(), cfg, 1)
			checkError(t, err)
		})
	}
}
