package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fusegrid/kernels"
)

// A Rule is a way to step from a gradient g = dW + λW.
type Rule int

// The update rules, as package nn defines them. Hyper-parameters that are not fields of [Net] have
// the values of the course.
const (
	SGD      Rule = iota // W ← W − ηg
	Momentum             // V ← μV − ηg, W ← W + V
	Nesterov             // V′ ← μV − ηg, W ← W − μV + (1+μ)V′
	RMSProp              // A ← ρA + (1−ρ)g², W ← W − ηg/(√A + ε)
	Adam                 // M ← β₁M + (1−β₁)g, V ← β₂V + (1−β₂)g², W ← W − ηM̂/(√V̂ + ε)
)

// The course's hyper-parameters of [RMSProp] and [Adam].
const (
	DecayRate = 0.99  // ρ
	Beta1     = 0.9   // β₁
	Beta2     = 0.999 // β₂
	Epsilon   = 1e-8  // ε
)

// rules is the table of update rules. Parsing, checkpoints and sizes follow from it.
//
// One product with the minibatch adds the gradient to a target. The target is the weights or the
// velocities, which get −η·dW, or a separate array, which gets dW. The other parts of a step do not
// need dW. Nesterov's rule is the textbook formula W − μV + (1+μ)V′. Its term μV is the result of
// slow, so no copy of V is needed. Biases are updated in the same way with λ = 0, from the sums of
// their deltas.
var rules = [...]struct {
	name     string
	state    []string // arrays that the rule keeps for each array of weights, by their names in checkpoints
	momentum bool     // the rule has μ
	gradient bool     // the rule needs the gradient in a separate array
	step     func(u update)
}{
	SGD: {name: "sgd", step: func(u update) { u.descend() }},
	Momentum: {name: "momentum", state: []string{"v"}, momentum: true, step: func(u update) {
		u.slow()
		u.push()
		u.move(false)
	}},
	Nesterov: {name: "nesterov", state: []string{"v"}, momentum: true, step: func(u update) {
		u.slow()
		u.lookBack()
		u.push()
		u.move(true)
	}},
	RMSProp: {name: "rmsprop", state: []string{"a"}, gradient: true, step: func(u update) {
		u.slope()
		u.rmsProp()
	}},
	Adam: {name: "adam", state: []string{"m", "v"}, gradient: true, step: func(u update) {
		u.slope()
		u.adam()
	}},
}

// An update is the step of one layer. State is numbered in the order of the table.
type update interface {
	descend()        // W ← (1−ηλ)W − η·dW
	slow()           // V ← μV − ηλW
	lookBack()       // W ← (1−ηλ)W − V
	push()           // V ← V − η·dW
	move(ahead bool) // W ← W + V, or W + (1+μ)V
	slope()          // G ← dW + λW
	rmsProp()        // W from G and its state A
	adam()           // W from G and its state M, V
}

// Rules returns all update rules.
func Rules() []Rule {
	all := make([]Rule, len(rules))
	for i := range all {
		all[i] = Rule(i)
	}
	return all
}

// ParseRule returns the rule with this name; see [Rule.String].
func ParseRule(name string) (Rule, error) {
	var names []string
	for i, r := range rules {
		if r.name == name {
			return Rule(i), nil
		}
		names = append(names, r.name)
	}
	return 0, fmt.Errorf("train: unknown update rule %q; the choices are %s", name, strings.Join(names, ", "))
}

// String returns the name of r: "sgd", "momentum", "nesterov", "rmsprop" or "adam".
func (r Rule) String() string {
	if !r.known() {
		return fmt.Sprintf("Rule(%d)", int(r))
	}
	return rules[r].name
}

func (r Rule) known() bool { return r >= 0 && int(r) < len(rules) }

// HasMomentum reports whether r has a momentum μ: [Net.Mu].
func (r Rule) HasMomentum() bool { return rules[r].momentum }

// StateArrays returns the number of values that r keeps for each weight between steps.
func (r Rule) StateArrays() int { return len(rules[r].state) }

// WorkArrays returns the number of further values that r needs for each weight of the first layers
// during a step.
func (r Rule) WorkArrays() int {
	if rules[r].gradient {
		return 1
	}
	return 0
}

// scale returns the factor of the deltas of the scores.
func (r Rule) scale(net Net) float64 {
	if rules[r].gradient {
		return 1
	}
	return -net.LR
}

// shrink returns the factor 1−ηλ of the weights of net in a step.
func shrink[T kernels.Float](net Net) T { return T(1 - float64(net.LR*net.Reg)) }

// ahead returns the factor of V in move.
func ahead[T kernels.Float](net Net, nesterov bool) T {
	if nesterov {
		return T(1) + T(net.Mu)
	}
	return 1
}

// RMSPropFactors returns the factors of [RMSProp] for η, ρ and ε.
func RMSPropFactors[T kernels.Float](rate, rho, epsilon float64) kernels.RMSPropFactors[T] {
	return kernels.RMSPropFactors[T]{Rate: T(rate), Keep: T(rho), Add: T(1 - rho), Epsilon: T(epsilon)}
}

// AdamFactors returns the factors of [Adam] for η, β₁, β₂ and ε in step t. The first step is 1.
func AdamFactors[T kernels.Float](rate, b1, b2, epsilon float64, t int) kernels.AdamFactors[T] {
	return kernels.AdamFactors[T]{
		Rate:  T(rate),
		Keep1: T(b1), Add1: T(1 - b1), Fix1: T(1 / (1 - math.Pow(b1, float64(t)))),
		Keep2: T(b2), Add2: T(1 - b2), Fix2: T(1 / (1 - math.Pow(b2, float64(t)))),
		Epsilon: T(epsilon),
	}
}

// A wideUpdate updates the first layers of all nets from their deltas d (N, ΣH).
type wideUpdate[T kernels.Float] struct {
	*Block[T]
	d kernels.Mat[T]
}

func (u *wideUpdate[T]) descend() {
	u.eachUnit(u.beta, shrink[T])
	u.add(u.wide[0])
}

func (u *wideUpdate[T]) slow() {
	w, v := u.wide[0], u.wide[1]
	u.eachUnit(u.alpha, func(net Net) T { return T(-net.LR * net.Reg) })
	u.eachUnit(u.beta, func(net Net) T { return T(net.Mu) })
	u.ops.AxpbyPanels(u.alpha, w.w, u.beta, v.w)
	for k, net := range u.nets {
		b := v.b[u.off[k]:u.off[k+1]]
		u.ops.Axpby(0, b, T(net.Mu), b)
	}
}

func (u *wideUpdate[T]) lookBack() {
	w, v := u.wide[0], u.wide[1]
	u.eachUnit(u.alpha, func(Net) T { return -1 })
	u.eachUnit(u.beta, shrink[T])
	u.ops.AxpbyPanels(u.alpha, v.w, u.beta, w.w)
	u.ops.Axpby(-1, v.b, 1, w.b)
}

func (u *wideUpdate[T]) push() {
	u.eachUnit(u.beta, func(Net) T { return 1 })
	u.add(u.wide[1])
}

// add multiplies a by β and adds the gradient of this minibatch times the scale of the deltas.
func (u *wideUpdate[T]) add(a wide[T]) {
	u.first.update(a.w, u.beta, u.d)
	sums := u.bsum[:u.d.Cols]
	u.ops.ColSums(sums, u.d)
	u.ops.Axpby(1, sums, 1, a.b)
}

func (u *wideUpdate[T]) move(nesterov bool) {
	w, v := u.wide[0], u.wide[1]
	u.eachUnit(u.alpha, func(net Net) T { return ahead[T](net, nesterov) })
	u.eachUnit(u.beta, func(Net) T { return 1 })
	u.ops.AxpbyPanels(u.alpha, v.w, u.beta, w.w)
	for k, net := range u.nets {
		lo, hi := u.off[k], u.off[k+1]
		u.ops.Axpby(ahead[T](net, nesterov), v.b[lo:hi], 1, w.b[lo:hi])
	}
}

func (u *wideUpdate[T]) slope() {
	clear(u.beta)
	u.first.update(u.slopes.w, u.beta, u.d)
	u.eachUnit(u.alpha, func(net Net) T { return T(net.Reg) })
	u.eachUnit(u.beta, func(Net) T { return 1 })
	u.ops.AxpbyPanels(u.alpha, u.wide[0].w, u.beta, u.slopes.w)
	u.ops.ColSums(u.slopes.b, u.d)
}

func (u *wideUpdate[T]) rmsProp() {
	u.eachUnit(u.alpha, func(net Net) T { return T(net.LR) })
	w, a, g := u.wide[0], u.wide[1], u.slopes
	u.ops.RMSPropPanels(RMSPropFactors[T](0, DecayRate, Epsilon), u.alpha, w.w, a.w, g.w)
	for k, net := range u.nets {
		lo, hi := u.off[k], u.off[k+1]
		u.ops.RMSProp(RMSPropFactors[T](net.LR, DecayRate, Epsilon), w.b[lo:hi], a.b[lo:hi], g.b[lo:hi])
	}
}

func (u *wideUpdate[T]) adam() {
	u.eachUnit(u.alpha, func(net Net) T { return T(net.LR) })
	w, m, v, g := u.wide[0], u.wide[1], u.wide[2], u.slopes
	f := AdamFactors[T](0, Beta1, Beta2, Epsilon, u.steps)
	u.ops.AdamPanels(f, u.alpha, w.w, m.w, v.w, g.w)
	for k, net := range u.nets {
		lo, hi := u.off[k], u.off[k+1]
		f.Rate = T(net.LR)
		u.ops.Adam(f, w.b[lo:hi], m.b[lo:hi], v.b[lo:hi], g.b[lo:hi])
	}
}

// eachUnit sets the elements of x for the units of each net to one value.
func (b *Block[T]) eachUnit(x []T, of func(Net) T) {
	for k, net := range b.nets {
		v := of(net)
		for u := b.off[k]; u < b.off[k+1]; u++ {
			x[u] = v
		}
	}
}

// A deepUpdate updates one deeper layer of one net from its deltas d (N, out) and its inputs h (N,
// in).
type deepUpdate[T kernels.Float] struct {
	*Block[T]
	net   Net
	layer []dense[T]
	d, h  kernels.Mat[T]
}

func (u *deepUpdate[T]) descend() { u.add(shrink[T](u.net), u.layer[0]) }

func (u *deepUpdate[T]) slow() {
	w, v := u.layer[0], u.layer[1]
	u.ops.Axpby(T(-float64(u.net.LR*u.net.Reg)), w.w.Data, T(u.net.Mu), v.w.Data)
	u.ops.Axpby(0, v.b, T(u.net.Mu), v.b)
}

func (u *deepUpdate[T]) lookBack() {
	w, v := u.layer[0], u.layer[1]
	u.ops.Axpby(-1, v.w.Data, shrink[T](u.net), w.w.Data)
	u.ops.Axpby(-1, v.b, 1, w.b)
}

func (u *deepUpdate[T]) push() { u.add(1, u.layer[1]) }

// add multiplies a by β and adds the gradient of this minibatch times the scale of the deltas.
func (u *deepUpdate[T]) add(beta T, a dense[T]) {
	p := kernels.Product[T]{Alpha: 1, A: u.d, TransA: true, B: u.h, Beta: beta, C: a.w}
	if u.apart {
		p.C, p.Beta = u.slopes().w, 0
	}
	u.ops.Gemm(p)
	if u.apart {
		u.ops.Axpby(1, p.C.Data, beta, a.w.Data)
	}
	sums := u.bsum[:u.d.Cols]
	u.ops.ColSums(sums, u.d)
	u.ops.Axpby(1, sums, 1, a.b)
}

func (u *deepUpdate[T]) move(nesterov bool) {
	w, v := u.layer[0], u.layer[1]
	u.ops.Axpby(ahead[T](u.net, nesterov), v.w.Data, 1, w.w.Data)
	u.ops.Axpby(ahead[T](u.net, nesterov), v.b, 1, w.b)
}

// slopes returns room for the gradient, which all deeper layers share.
func (u *deepUpdate[T]) slopes() dense[T] {
	w := u.layer[0].w
	return dense[T]{w: kernels.MatOf(w.Rows, w.Cols, u.room[:len(w.Data)]), b: u.bsum[:w.Rows]}
}

func (u *deepUpdate[T]) slope() {
	w, g := u.layer[0].w, u.slopes()
	u.ops.Gemm(kernels.Product[T]{Alpha: 1, A: u.d, TransA: true, B: u.h, C: g.w})
	u.ops.Axpby(T(u.net.Reg), w.Data, 1, g.w.Data)
	u.ops.ColSums(g.b, u.d)
}

func (u *deepUpdate[T]) rmsProp() {
	w, a, g := u.layer[0], u.layer[1], u.slopes()
	f := RMSPropFactors[T](u.net.LR, DecayRate, Epsilon)
	u.ops.RMSProp(f, w.w.Data, a.w.Data, g.w.Data)
	u.ops.RMSProp(f, w.b, a.b, g.b)
}

func (u *deepUpdate[T]) adam() {
	w, m, v, g := u.layer[0], u.layer[1], u.layer[2], u.slopes()
	f := AdamFactors[T](u.net.LR, Beta1, Beta2, Epsilon, u.steps)
	u.ops.Adam(f, w.w.Data, m.w.Data, v.w.Data, g.w.Data)
	u.ops.Adam(f, w.b, m.b, v.b, g.b)
}

// stateNames returns the prefixes of the names of arrays. The first prefix, for the weights, is
// empty. The others are for the arrays of the state.
func (r Rule) stateNames() []string { return slices.Concat([]string{""}, rules[r].state) }
