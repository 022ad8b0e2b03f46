package sample

import "fusegrid/internal/portable"

// A parzen is a density on a space: a weighted sum of kernels. A kernel is a product of one factor for
// each parameter. Densities are relative to the uniform density on the unit cube.
type parzen struct {
	weights []float64 // of the kernels, with sum 1; the last kernel is the prior
	factors []factors // by parameter
}

// factors are those of all kernels for one parameter. For numbers, a factor is a normal density, cut off
// at the ends of the unit interval. For a category, the observed choice is more likely than the others.
type factors struct {
	axis  axis
	means []float64 // places in the unit interval, or choices
	sigma []float64 // standard deviations; nil for a category
	scale []float64 // the inverse of the normal probability of the unit interval
	other float64   // density of choices that are not the observed one; also the share of points
	// that are drawn from all choices
}

// newParzen returns the density with a kernel at each point, and the prior. Points are in the order of
// proposals, because older points have lower weights.
func newParzen(axes []axis, points []Point) *parzen {
	p := &parzen{weights: kernelWeights(len(points)), factors: make([]factors, len(axes))}
	for j, a := range axes {
		values := make([]float64, len(points))
		for i, point := range points {
			values[i] = point[j]
		}
		if a.choices > 0 {
			p.factors[j] = choiceFactors(a, values)
		} else {
			p.factors[j] = numberFactors(a, values, len(axes))
		}
	}
	return p
}

// kernelWeights returns the weights of n points and of the prior. The newest 25 points and the prior
// have the full weight. The weights of older points rise linearly from 1/n.
func kernelWeights(n int) []float64 {
	const full = 25
	ws := make([]float64, n+1)
	sum := 0.0
	for i := range ws {
		ws[i] = 1
		if ramp := n - full; i < ramp {
			least := 1 / float64(n)
			ws[i] = least
			if ramp > 1 {
				ws[i] += float64((1 - least) * float64(i) / float64(ramp-1))
			}
		}
		sum += ws[i]
	}
	for i := range ws {
		ws[i] /= sum
	}
	return ws
}

// choiceFactors returns the factors of a category. As in Optuna, the weight of the prior is divided
// by the number of kernels and given to each choice, and the observed choice has 1 more.
func choiceFactors(a axis, values []float64) factors {
	share := 1 / float64(len(values)+1)
	n := float64(a.choices)
	return factors{axis: a, means: values, other: share * n / (1 + float64(share*n))}
}

// numberFactors returns the factors of a number, in a space of d parameters. The prior is centred and
// as wide as the unit interval.
func numberFactors(a axis, values []float64, d int) factors {
	n := len(values)
	f := factors{axis: a}
	width := bandwidth(n, d)
	for _, v := range values {
		f.add(a.unit(v), width)
	}
	f.add(0.5, 1)
	return f
}

func (f *factors) add(mean, sigma float64) {
	f.means = append(f.means, mean)
	f.sigma = append(f.sigma, sigma)
	f.scale = append(f.scale, 1/mass(0, 1, mean, sigma))
}

// bandwidth returns the standard deviation of the kernels of n points in d dimensions. It is half of
// Optuna's, and without Optuna's lower limit for few points. With 64 trials, this found better points
// of all test functions in search/bench.
func bandwidth(n, d int) float64 {
	const scale, least = 0.1, 0.01
	n = max(n, 1)
	return max(float64(scale*portable.Exp(-portable.Log(float64(n))/float64(d+4))), least)
}

// mass returns the probability that a normal deviate is from a to b.
func mass(a, b, mean, sigma float64) float64 {
	return portable.NormalCDF((b-mean)/sigma) - portable.NormalCDF((a-mean)/sigma)
}

// A place is a value of a parameter as kernels see it: a point of the unit interval with equal ends,
// the interval that is rounded to a whole number, or a choice with both ends equal to its index.
type place struct{ from, to float64 }

func (a axis) place(v float64) place {
	switch {
	case a.choices > 0:
		return place{v, v}
	case a.whole:
		return place{a.unit(v - 0.5), a.unit(v + 0.5)}
	}
	u := a.unit(v)
	return place{u, u}
}

// density returns the density at a point.
func (p *parzen) density(point Point) float64 {
	products := append([]float64(nil), p.weights...)
	for j := range p.factors {
		f := &p.factors[j]
		f.multiply(products, f.axis.place(point[j]))
	}
	sum := 0.0
	for _, x := range products {
		sum += x
	}
	return sum
}

// multiply multiplies the products of all kernels by their factors at a place.
func (f *factors) multiply(products []float64, x place) {
	if n := float64(f.axis.choices); n > 0 {
		observed := f.other + float64(n*(1-f.other))
		for k, choice := range f.means { // the factor of the prior is 1
			if choice == x.from {
				products[k] *= observed
			} else {
				products[k] *= f.other
			}
		}
		return
	}
	for k, mean := range f.means {
		products[k] *= f.scale[k] * kernel(x, mean, f.sigma[k])
	}
}

// kernel returns the mean normal density over a place.
func kernel(x place, mean, sigma float64) float64 {
	const narrow = 1e-4 // the density is nearly linear in narrower intervals
	if width := x.to - x.from; width > narrow*sigma {
		return mass(x.from, x.to, mean, sigma) / width
	}
	const invSqrt2Pi = 0.398942280401432677939946059934
	z := (float64((x.from+x.to)/2) - mean) / sigma
	return invSqrt2Pi / sigma * portable.Exp(-z*z/2)
}

// draw returns a random point of the density.
func (p *parzen) draw(s stream) Point {
	k := pick(s, p.weights)
	point := make(Point, len(p.factors))
	for j := range p.factors {
		point[j] = p.factors[j].draw(s, k)
	}
	return point
}

// draw returns a random value of the factor of kernel k.
func (f *factors) draw(s stream, k int) float64 {
	if f.axis.choices > 0 {
		if k < len(f.means) && s.float() >= f.other {
			return f.means[k]
		}
		return float64(s.below(f.axis.choices))
	}
	for { // at least a third of the deviates are in the interval
		if u := f.means[k] + float64(f.sigma[k]*s.normal()); u >= 0 && u < 1 {
			return f.axis.value(u)
		}
	}
}

// pick returns the index of a weight, with a probability equal to the weight.
func pick(s stream, weights []float64) int {
	u := s.float()
	for k, w := range weights {
		if u < w {
			return k
		}
		u -= w
	}
	return len(weights) - 1
}
