package nn

import "fusegrid/kernels"

// A Rule names an update rule.
type Rule string

// The update rules; w weights, g gradient, η learning rate. Squares, roots and
// quotients are elementwise.
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

// OptimConfig holds an update rule's hyper-parameters. A rule ignores those that are
// not in its formula. Start from [DefaultOptim].
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

// Optimizer applies an update rule to one array and keeps the rule's state.
type Optimizer[T kernels.Float] struct {
	cfg   OptimConfig
	ops   kernels.Ops[T]
	lr    float64
	steps int
	first []T // v of the momentum rules, a of RMSProp, m of Adam; else nil
	sec   []T // v of Adam; else nil
}

// NewOptimizer returns the update rule of cfg for an array of n elements.
func NewOptimizer[T kernels.Float](set *kernels.Set, cfg OptimConfig, n int) (*Optimizer[T], error) {
	panic("not yet")
}

// LearningRate returns the current η.
func (o *Optimizer[T]) LearningRate() float64 { return o.lr }

// SetLearningRate changes η.
func (o *Optimizer[T]) SetLearningRate(lr float64) { o.lr = lr }

// Update moves w along its gradient.
func (o *Optimizer[T]) Update(w, grad []T) {
	panic("not yet")
}
