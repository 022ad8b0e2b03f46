package nn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fusegrid/kernels"
	"fusegrid/nn/train"
)

// A Rule names an update rule.
type Rule string

// The update rules, for weights w, gradient g and learning rate η. Squares, roots and quotients are
// elementwise.
const (
	// SGD: w ← w − η·g.
	SGD Rule = "sgd"
	// Momentum: v ← μ·v − η·g; w ← w + v.
	Momentum Rule = "sgd_momentum"
	// Nesterov: v' ← μ·v − η·g; w ← w + v' + μ·(v' − v).
	Nesterov Rule = "sgd_nesterov_momentum"
	// RMSProp: a ← ρ·a + (1−ρ)·g²; w ← w − η·g/(√a + ε).
	RMSProp Rule = "rmsprop"
	// Adam (Kingma and Ba, 2015), with bias correction: t ← t + 1;
	// m ← β1·m + (1−β1)·g; v ← β2·v + (1−β2)·g²;
	// w ← w − η·(m/(1−β1ᵗ))/(√(v/(1−β2ᵗ)) + ε).
	Adam Rule = "adam"
)

// Rules returns the names of all update rules.
func Rules() []Rule { return []Rule{SGD, Momentum, Nesterov, RMSProp, Adam} }

// OptimConfig holds the hyper-parameters of an update rule. A rule ignores parameters that are not in its
// formula. Use [DefaultOptim] as a starting point.
type OptimConfig struct {
	Rule         Rule
	LearningRate float64 // η
	Momentum     float64 // μ
	DecayRate    float64 // ρ
	Beta1, Beta2 float64
	Epsilon      float64 // ε
}

// DefaultOptim returns the course's defaults of a rule: η = 1e-2 (Adam 1e-3), μ = 0.9,
// ρ = 0.99, β1 = 0.9, β2 = 0.999, ε = 1e-8.
func DefaultOptim(rule Rule) OptimConfig {
	c := OptimConfig{Rule: rule, LearningRate: 1e-2, Momentum: 0.9, DecayRate: 0.99, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
	if rule == Adam {
		c.LearningRate = 1e-3
	}
	return c
}

// arrays returns the names of the arrays that the rule keeps per parameter. They are fields of OptimState.
func (r Rule) arrays() []string {
	switch r {
	case Momentum, Nesterov:
		return []string{"Velocity"}
	case RMSProp:
		return []string{"Cache"}
	case Adam:
		return []string{"M", "V"}
	}
	return nil
}

// check returns an error if a parameter is out of its range.
func (c OptimConfig) check() error {
	if !slices.Contains(Rules(), c.Rule) {
		return fmt.Errorf("nn: unknown update rule %q; there are: %s", c.Rule, joinRules())
	}
	if !(c.LearningRate > 0) || !isFinite(c.LearningRate) {
		return fmt.Errorf("nn: %s: learning rate %v, want a positive number", c.Rule, c.LearningRate)
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"momentum", c.Momentum}, {"decay rate", c.DecayRate}, {"beta1", c.Beta1}, {"beta2", c.Beta2}} {
		if !(v.value >= 0 && v.value < 1) {
			return fmt.Errorf("nn: %s: %s %v, want 0 ≤ %s < 1", c.Rule, v.name, v.value, v.name)
		}
	}
	if !(c.Epsilon > 0) || !isFinite(c.Epsilon) {
		return fmt.Errorf("nn: %s: epsilon %v, want a positive number", c.Rule, c.Epsilon)
	}
	return nil
}

func joinRules() string {
	names := make([]string, len(Rules()))
	for i, r := range Rules() {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// Optimizer applies an update rule to one array and keeps the rule's state.
type Optimizer[T kernels.Float] struct {
	cfg   OptimConfig
	ops   kernels.Ops[T]
	lr    float64
	n     int // elements
	steps int
	state [][]T // in the order of Rule.arrays
}

// NewOptimizer returns the update rule of cfg for an array of n elements. A hyper-parameter out of its
// range is an error, even if the rule does not use it.
func NewOptimizer[T kernels.Float](set *kernels.Set, cfg OptimConfig, n int) (*Optimizer[T], error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	o := &Optimizer[T]{cfg: cfg, ops: kernels.Of[T](set), lr: cfg.LearningRate, n: n}
	for range cfg.Rule.arrays() {
		o.state = append(o.state, make([]T, n))
	}
	return o, nil
}

// LearningRate returns the current η.
func (o *Optimizer[T]) LearningRate() float64 { return o.lr }

// SetLearningRate changes η.
func (o *Optimizer[T]) SetLearningRate(lr float64) { o.lr = lr }

// An OptimState holds what an update rule keeps between updates. An array that is not in the formula of
// the rule is nil.
type OptimState[T kernels.Float] struct {
	Velocity []T // v of Momentum and Nesterov
	Cache    []T // a of RMSProp
	M, V     []T // m and v of Adam
	Steps    int // updates so far: t of Adam
}

// State returns a copy of the state. Before the first update, all arrays are zero.
func (o *Optimizer[T]) State() OptimState[T] {
	s := OptimState[T]{Steps: o.steps}
	for i, name := range o.cfg.Rule.arrays() {
		*s.array(name) = slices.Clone(o.state[i])
	}
	return s
}

// SetState copies s, and the next update continues from it. A nil array stands for zeros, as in the
// course's configurations. SetState returns an error for an array of another rule, for an array of
// another length, and for a negative number of updates. After an error, the state is unchanged.
func (o *Optimizer[T]) SetState(s OptimState[T]) error {
	if s.Steps < 0 || s.Steps > maxSteps {
		return fmt.Errorf("nn: %s: state after %d updates, want 0 to %d", o.cfg.Rule, s.Steps, maxSteps)
	}
	own := o.cfg.Rule.arrays()
	for _, name := range []string{"Velocity", "Cache", "M", "V"} {
		switch data := *s.array(name); {
		case data == nil:
		case !slices.Contains(own, name):
			return fmt.Errorf("nn: %s: its state has no %s; it has: %s", o.cfg.Rule, name, cmp.Or(strings.Join(own, ", "), "the number of updates alone"))
		case len(data) != o.n:
			return fmt.Errorf("nn: %s: %s of %d elements, want %d", o.cfg.Rule, name, len(data), o.n)
		}
	}
	for i, name := range own {
		clear(o.state[i])
		copy(o.state[i], *s.array(name))
	}
	o.steps = s.Steps
	return nil
}

// array returns the array with the name of its field.
func (s *OptimState[T]) array(name string) *[]T {
	return map[string]*[]T{"Velocity": &s.Velocity, "Cache": &s.Cache, "M": &s.M, "V": &s.V}[name]
}

// Update updates w from its gradient.
func (o *Optimizer[T]) Update(w, grad []T) {
	o.steps++
	switch o.cfg.Rule {
	case SGD:
		o.ops.Axpby(T(-o.lr), grad, 1, w)
	case Momentum:
		v := o.state[0]
		o.ops.Axpby(T(-o.lr), grad, T(o.cfg.Momentum), v)
		o.ops.Axpby(1, v, 1, w)
	case Nesterov:
		// w + v' + μ·(v' − v), as w − μ·v and then + (1+μ)·v'.
		v := o.state[0]
		o.ops.Axpby(T(-o.cfg.Momentum), v, 1, w)
		o.ops.Axpby(T(-o.lr), grad, T(o.cfg.Momentum), v)
		o.ops.Axpby(T(1+o.cfg.Momentum), v, 1, w)
	case RMSProp:
		f := train.RMSPropFactors[T](o.lr, o.cfg.DecayRate, o.cfg.Epsilon)
		o.ops.RMSProp(f, w, o.state[0], grad)
	case Adam:
		f := train.AdamFactors[T](o.lr, o.cfg.Beta1, o.cfg.Beta2, o.cfg.Epsilon, o.steps)
		o.ops.Adam(f, w, o.state[0], o.state[1], grad)
	}
}

// maxSteps is the maximum number of updates in a state for SetState. With it, the count cannot overflow.
const maxSteps = 1 << 30
