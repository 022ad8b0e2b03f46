package main

import "math"

// A function is a test function, to be minimized.
type function struct {
	name   string
	domain [][2]float64
	f      func(x []float64) float64
}

// functions returns the test functions. Their formulas and domains are those of Surjanovic and
// Bingham, Virtual Library of Simulation Experiments, and of optuna_tpe.py.
func functions() []function {
	return []function{
		{"sphere-5", cube(5, -5.12, 5.12), sphere},
		{"rosenbrock-4", cube(4, -5, 10), rosenbrock},
		{"branin", [][2]float64{{-5, 10}, {0, 15}}, branin},
		{"hartmann-3", cube(3, 0, 1), hartmann3},
		{"hartmann-6", cube(6, 0, 1), hartmann6},
		{"ackley-5", cube(5, -32.768, 32.768), ackley},
		{"levy-4", cube(4, -10, 10), levy},
	}
}

// cube returns the domain with the same range in each of d dimensions.
func cube(d int, lo, hi float64) [][2]float64 {
	domain := make([][2]float64, d)
	for i := range domain {
		domain[i] = [2]float64{lo, hi}
	}
	return domain
}

func square(x float64) float64 { return x * x }

// sphere is Σxᵢ², with its minimum 0 at 0.
func sphere(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += square(v)
	}
	return sum
}

// rosenbrock is Σ100(xᵢ₊₁ − xᵢ²)² + (xᵢ − 1)², with its minimum 0 at (1, …, 1).
func rosenbrock(x []float64) float64 {
	sum := 0.0
	for i := range x[1:] {
		sum += 100*square(x[i+1]-square(x[i])) + square(x[i]-1)
	}
	return sum
}

// branin is (x₂ − 5.1/(4π²)·x₁² + 5/π·x₁ − 6)² + 10(1 − 1/(8π))·cos x₁ + 10. Its minimum is 0.397887.
func branin(x []float64) float64 {
	curve := x[1] - 5.1/(4*math.Pi*math.Pi)*square(x[0]) + 5/math.Pi*x[0] - 6
	return square(curve) + 10*(1-1/(8*math.Pi))*math.Cos(x[0]) + 10
}

// hartmann is −Σᵢ αᵢ·exp(−Σⱼ aᵢⱼ(xⱼ − 10⁻⁴pᵢⱼ)²).
func hartmann(x []float64, a, p [4][]float64) float64 {
	sum := 0.0
	for i, alpha := range [4]float64{1, 1.2, 3, 3.2} {
		inner := 0.0
		for j, v := range x {
			inner += a[i][j] * square(v-p[i][j]*1e-4)
		}
		sum -= alpha * math.Exp(-inner)
	}
	return sum
}

// hartmann3 has its minimum −3.86278 at (0.114614, 0.555649, 0.852547).
func hartmann3(x []float64) float64 {
	return hartmann(x,
		[4][]float64{{3, 10, 30}, {0.1, 10, 35}, {3, 10, 30}, {0.1, 10, 35}},
		[4][]float64{{3689, 1170, 2673}, {4699, 4387, 7470}, {1091, 8732, 5547}, {381, 5743, 8828}})
}

// hartmann6 has its minimum −3.32237 at (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573).
func hartmann6(x []float64) float64 {
	return hartmann(x,
		[4][]float64{{10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8}, {17, 8, 0.05, 10, 0.1, 14}},
		[4][]float64{{1312, 1696, 5569, 124, 8283, 5886}, {2329, 4135, 8307, 3736, 1004, 9991},
			{2348, 1451, 3522, 2883, 3047, 6650}, {4047, 8828, 8732, 5743, 1091, 381}})
}

// ackley is −20·exp(−0.2·√(Σxᵢ²/d)) − exp(Σcos 2πxᵢ/d) + 20 + e, with its minimum 0 at 0.
func ackley(x []float64) float64 {
	d, cosines := float64(len(x)), 0.0
	for _, v := range x {
		cosines += math.Cos(2 * math.Pi * v)
	}
	return -20*math.Exp(-0.2*math.Sqrt(sphere(x)/d)) - math.Exp(cosines/d) + 20 + math.E
}

// levy is, with wᵢ = 1 + (xᵢ − 1)/4, sin²πw₁ + Σ(wᵢ − 1)²(1 + 10·sin²(πwᵢ + 1)), without the last term
// of the sum, + (w_d − 1)²(1 + sin²2πw_d). Its minimum is 0 at (1, …, 1).
func levy(x []float64) float64 {
	w := func(i int) float64 { return 1 + (x[i]-1)/4 }
	last := w(len(x) - 1)
	sum := square(math.Sin(math.Pi*w(0))) + square(last-1)*(1+square(math.Sin(2*math.Pi*last)))
	for i := range x[1:] {
		sum += square(w(i)-1) * (1 + 10*square(math.Sin(math.Pi*w(i)+1)))
	}
	return sum
}
