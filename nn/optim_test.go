package nn

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"fusegrid/kernels"
)

// optimGolden is what testdata/optim.py writes.
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

func TestOptimizerLearningRate(t *testing.T) {
	for _, rule := range Rules() {
		o, err := NewOptimizer[float64](kernels.Reference(), DefaultOptim(rule), 1)
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

// Each rule finds the minimum of a badly scaled bowl.
func TestOptimizersDescend(t *testing.T) {
	for _, rule := range Rules() {
		cfg := DefaultOptim(rule)
		cfg.LearningRate = 0.01
		o, err := NewOptimizer[float64](kernels.Reference(), cfg, 2)
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
		spoil func(c *OptimConfig)
		part  string
	}{
		{func(c *OptimConfig) { c.Rule = "adamw" }, `unknown update rule "adamw"; there are: sgd, sgd_momentum, sgd_nesterov_momentum, rmsprop, adam`},
		{func(c *OptimConfig) { c.Rule = "" }, `unknown update rule ""`},
		{func(c *OptimConfig) { c.LearningRate = 0 }, "learning rate 0, want a positive number"},
		{func(c *OptimConfig) { c.LearningRate = math.Inf(1) }, "learning rate +Inf"},
		{func(c *OptimConfig) { c.Momentum = 1 }, "momentum 1, want 0 ≤ momentum < 1"},
		{func(c *OptimConfig) { c.DecayRate = -0.1 }, "decay rate -0.1"},
		{func(c *OptimConfig) { c.Beta1 = math.NaN() }, "beta1 NaN"},
		{func(c *OptimConfig) { c.Beta2 = 1.5 }, "beta2 1.5"},
		{func(c *OptimConfig) { c.Epsilon = 0 }, "epsilon 0"},
	} {
		cfg := DefaultOptim(Adam)
		c.spoil(&cfg)
		_, err := NewOptimizer[float64](kernels.Reference(), cfg, 1)
		wantError(t, err, c.part)
	}
}
