package assignment

import (
	"slices"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/nprand"
)

// modular runs the modular two-layer net of section 4, which needs no images.
func modular(set *kernels.Set) []Figure {
	const n, d, h, c = 3, 5, 50, 7
	golden := parse[fcGolden](fcJSON)
	net := nn.NewFullyConnected[float64](set, d, []int{h}, c, 1e-2, nprand.New(0))
	for i, ends := range [][2]float64{{-0.7, 0.3}, {-0.1, 0.9}, {-0.3, 0.4}, {-0.9, 0.1}} {
		v := net.Params()[i].Value.Data
		copy(v, linspace(ends[0], ends[1], len(v)))
	}
	data := nn.Floats[float64]{X: transpose(kernels.MatOf(d, n, linspace(-5.5, 4.5, n*d))), Y: []int{0, 5, 1}}

	scores := net.Scores(data.X)
	var figures []Figure
	for i, printed := range []string{
		"11.53165108 12.29173440 13.05181771 13.81190102 14.57198434 15.33206765 16.09215096",
		"12.05769098 12.74614105 13.43459113 14.12304120 14.81149128 15.49994135 16.18839143",
		"12.58373087 13.20054771 13.81736455 14.43418138 15.05099822 15.66781506 16.28463190",
	} {
		figures = append(figures, numbers("scores of sample "+string(rune('0'+i)), printed, scores.Row(i)))
	}
	figures = append(figures,
		below("scores, largest error", 1e-12, maxError(scores.Data, slices.Concat(golden.Scores...))),
		number("loss at reg 0", "3.4702243556", net.Loss(data.X, data.Y)),
		exact("loss at reg 0, in full", golden.Loss0, net.Loss(data.X, data.Y), 1e-14))
	net.Reg = 1
	figures = append(figures,
		number("loss at reg 1", "26.5948426952", net.Loss(data.X, data.Y)),
		exact("loss at reg 1, in full", golden.Loss1, net.Loss(data.X, data.Y), 1e-14))
	net.Reg = 0
	figures = append(figures, gradientFigures(set, net, data, " at reg 0", 3e-7)...)
	net.Reg = 0.7
	figures = append(figures, gradientFigures(set, net, data, " at reg 0.7", 3e-7)...)
	return figures
}

// deep runs a net with two hidden layers of the notebook's sizes. The random stream of the
// notebook is unseeded; here the seed is 3. With this seed, each element of a gradient is
// large compared with the rounding noise of the differences. No unit is within h of its kink.
func deep(set *kernels.Set) []Figure {
	const n, d, c = 2, 15, 10
	rng := nprand.New(3)
	data := nn.Floats[float64]{X: randn(n, d, rng), Y: make([]int, n)}
	rng.RandintSlice(data.Y, 0, c)
	net := nn.NewFullyConnected[float64](set, d, []int{20, 30}, c, 5e-2, rng)

	figures := []Figure{number("initial loss at reg 0, about", "2.30", net.Loss(data.X, data.Y))}
	figures = append(figures, gradientFigures(set, net, data, " at reg 0", 4e-6)...)
	net.Reg = 3.14
	at := number("initial loss at reg 3.14, unseeded in the notebook", "6.76", net.Loss(data.X, data.Y))
	at.Must = false
	figures = append(figures, at)
	return append(figures, gradientFigures(set, net, data, " at reg 3.14", 4e-6)...)
}

func transpose(m kernels.Mat[float64]) kernels.Mat[float64] {
	t := kernels.NewMat[float64](m.Cols, m.Rows)
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			t.Row(j)[i] = v
		}
	}
	return t
}
