package kernels

// RMSPropFactors are the factors of [Ops.RMSProp].
type RMSPropFactors[T Float] struct {
	Rate    T // η
	Keep    T // ρ
	Add     T // 1 − ρ
	Epsilon T // ε
}

// AdamFactors are the factors of [Ops.Adam].
type AdamFactors[T Float] struct {
	Rate         T // η
	Keep1, Keep2 T // β₁ and β₂
	Add1, Add2   T // 1 − β₁ and 1 − β₂
	Fix1, Fix2   T // 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ) in step t
	Epsilon      T // ε
}

// RMSProp steps the weights w by their gradient g. The array a holds the running mean of the
// squares of g:
//
//	a ← ρ·a + ((1−ρ)·g)·g
//	w ← w − (η·g)/(√a + ε)
//
// In every class, each product, sum, root and quotient is rounded separately, so all sets give the
// same bits.
func (o Ops[T]) RMSProp(f RMSPropFactors[T], w, a, g []T) {
	checkUpdate("RMSProp", w, g, "a", a)
	o.s.RMSProp(f, w, a, g)
}

// Adam steps the weights w by their gradient g. The arrays m and v hold the running means of g and
// of its squares:
//
//	m ← β₁·m + (1−β₁)·g
//	v ← β₂·v + ((1−β₂)·g)·g
//	w ← w − (η·(m·Fix1))/(√(v·Fix2) + ε)
//
// Adam rounds as [Ops.RMSProp] does.
func (o Ops[T]) Adam(f AdamFactors[T], w, m, v, g []T) {
	checkUpdate("Adam", w, g, "m", m)
	checkUpdate("Adam", w, g, "v", v)
	checkApart("Adam", "m", "v", m, v)
	o.s.Adam(f, w, m, v, g)
}

// checkUpdate checks weights, their gradient and one array of the rule's state.
func checkUpdate[T Float](op string, w, g []T, name string, state []T) {
	checkLen(op, "g", len(g), len(w))
	checkLen(op, name, len(state), len(w))
	checkApart(op, "w", "g", w, g)
	checkApart(op, "w", name, w, state)
	checkApart(op, name, "g", state, g)
}

// RMSPropPanels applies [Ops.RMSProp] to each lane l with the rate rates[l] instead of f.Rate.
func (o Ops[T]) RMSPropPanels(f RMSPropFactors[T], rates []T, w, a, g Panels[T]) {
	o.checkUpdatePanels("RMSPropPanels", rates, w, g, "a", a)
	same := func(a, b int) bool { return sameBits(rates[a], rates[b]) }
	w.eachRun(same, func(l, from, to int) {
		f.Rate = rates[l]
		o.s.RMSProp(f, w.Data[from:to], a.Data[from:to], g.Data[from:to])
	})
}

// AdamPanels applies [Ops.Adam] to each lane l with the rate rates[l] instead of f.Rate.
func (o Ops[T]) AdamPanels(f AdamFactors[T], rates []T, w, m, v, g Panels[T]) {
	o.checkUpdatePanels("AdamPanels", rates, w, g, "m", m)
	o.checkUpdatePanels("AdamPanels", rates, w, g, "v", v)
	checkApart("AdamPanels", "m", "v", m.Data, v.Data)
	same := func(a, b int) bool { return sameBits(rates[a], rates[b]) }
	w.eachRun(same, func(l, from, to int) {
		f.Rate = rates[l]
		o.s.Adam(f, w.Data[from:to], m.Data[from:to], v.Data[from:to], g.Data[from:to])
	})
}

// checkUpdatePanels checks weights, their gradient and one array of the rule's state.
func (o Ops[T]) checkUpdatePanels(op string, rates []T, w, g Panels[T], name string, state Panels[T]) {
	o.checkPanels(op, "w", w)
	o.checkPanels(op, "g", g)
	o.checkPanels(op, name, state)
	checkLen(op, "rates", len(rates), w.Lanes)
	o.checkSameLayout(op, "g", g, "w", w)
	o.checkSameLayout(op, name, state, "w", w)
	checkApart(op, "w", "g", w.Data, g.Data)
	checkApart(op, "w", name, w.Data, state.Data)
	checkApart(op, name, "g", state.Data, g.Data)
}
