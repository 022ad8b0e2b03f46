package results

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"fusegrid/results/curve"
)

// rising returns n trials with accuracies of 0.5, 0.51, … after 100 iterations.
func rising(n int) []Record {
	all := trials(n)
	for i := range all {
		r := &all[i]
		r.State, r.Config.Iters, r.Config.LR = Done, 100, 1e-3*float64(i+1)
		r.Accuracy.FinalVal = new(0.5 + float64(i)/100)
		r.Key = r.Config.Key()
	}
	return all
}

// falling returns a curve of n losses and two accuracies.
func falling(n int) curve.Curve {
	c := curve.Curve{Iterations: n, Measurements: 2, Steps: []int{1, n}, Train: []float32{0.1, 0.5}, Val: []float32{0.1, 0.4}}
	for i := range n {
		c.LossSteps, c.Loss = append(c.LossSteps, i+1), append(c.Loss, 2.3/float32(i+1))
	}
	return c
}

// TestBestCurves checks which trials are drawn, and the texts of the picture.
func TestBestCurves(t *testing.T) {
	records := rising(14)
	records[13].State = Diverged
	records[12].Accuracy.FinalVal = nil
	table := NewTable(records)
	noLoss := records[10].Key
	b, err := NewBestCurves(table, func(key string) (curve.Curve, bool, error) {
		c := falling(100)
		if key == noLoss {
			c.Loss = []float32{float32(math.NaN())}
		}
		return c, key != records[11].Key, nil
	})
	if err != nil || !b.Worthwhile() || len(b.trials) != 10 {
		t.Fatalf("%d trials, %v", len(b.trials), err)
	}
	for i, r := range b.trials {
		if r.Key != records[9-i].Key {
			t.Errorf("trial %d has lr %g", i, r.Config.LR)
		}
	}
	var picture bytes.Buffer
	if err := b.WritePNG(&picture); err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(&picture); err != nil {
		t.Error(err)
	}
	picture.Reset()
	if err := b.WriteSVG(&picture); err != nil {
		t.Fatal(err)
	}
	texts := textsOf(t, picture.String())
	for _, want := range []string{"The 10 best of 14 trials, smoothed lines over raw ones", "iteration", "loss", "validation accuracy", "val 0.5900   lr 0.01  reg ", "val 0.5000   lr 0.001  reg "} {
		if !strings.Contains(texts, want) {
			t.Errorf("%q is not in\n%s", want, texts)
		}
	}
	if n := strings.Count(texts, "iteration\n"); n != 2 {
		t.Errorf("%d axes have the name iteration", n)
	}
}

// textsOf returns the texts of an SVG picture, one in a line.
func textsOf(t *testing.T, svg string) string {
	t.Helper()
	var all strings.Builder
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && len(bytes.TrimSpace(text)) > 0 {
			fmt.Fprintf(&all, "%s\n", bytes.TrimSpace(text))
		}
	}
}

// TestFewCurves draws curves without accuracies, with one point, with long names, and of one trial.
func TestFewCurves(t *testing.T) {
	wide := rising(3)
	for i := range wide {
		c := &wide[i].Config
		c.Hidden, c.Reg, c.Decay, c.Batch, c.Std, c.Seed = []int{100 + i, 100, 100}, 0.1234567*float64(i), 1/float64(3+i), 100+i, 1e-5*float64(i+1), uint32(i)
		wide[i].Key = c.Key()
	}
	spiky := falling(50)
	spiky.Loss[3], spiky.Loss[4] = float32(math.Inf(1)), float32(math.NaN())
	for name, tt := range map[string]struct {
		records []Record
		curve   curve.Curve
		want    bool
	}{
		"one trial":  {rising(1), falling(50), true},
		"no measure": {rising(2), curve.Curve{Iterations: 50, LossSteps: falling(50).LossSteps, Loss: falling(50).Loss}, true},
		"long names": {wide, falling(3000), true},
		"not finite": {rising(2), spiky, true},
		"short":      {rising(2), falling(minDrawn - 1), false},
		"none":       {nil, falling(50), false},
	} {
		b, err := NewBestCurves(NewTable(tt.records), func(string) (curve.Curve, bool, error) { return tt.curve, true, nil })
		if err != nil || b.Worthwhile() != tt.want {
			t.Errorf("%s: worthwhile %t, %v", name, b.Worthwhile(), err)
		}
		if !tt.want {
			continue
		}
		if err := errors.Join(b.WritePNG(io.Discard), b.WriteSVG(io.Discard)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if rows := b.picture().legendRows(); (rows == len(tt.records)) != (name == "long names" || len(tt.records) == 1) {
			t.Errorf("%s: a legend of %d rows", name, rows)
		}
	}
	failed := errors.New("no disk")
	if _, err := NewBestCurves(NewTable(rising(1)), func(string) (curve.Curve, bool, error) { return curve.Curve{}, false, failed }); err != failed {
		t.Errorf("error %v", err)
	}
}

// tried returns n trials of a function, with values of -1, -2, ….
func tried(n int) []Record {
	all := make([]Record, n)
	for i := range all {
		r := &all[i]
		r.State, r.Config = Done, Config{Objective: "cost", Iters: 9, Params: Params{{Name: "x", Number: float64(i)}}}
		r.Steps, r.Accuracy.FinalVal, r.Accuracy.FinalStep = 9, new(-float64(i+1)), 9
		r.Key = r.Config.Key()
	}
	return all
}

// TestValuesAreDrawn draws what a function reported, also if the values are extreme.
func TestValuesAreDrawn(t *testing.T) {
	nan, inf, most := math.NaN(), math.Inf(1), math.MaxFloat64
	for _, tt := range []struct {
		values []float64
		drawn  bool
	}{
		{[]float64{-3, -2.5, -2}, true}, {[]float64{-3, nan, inf, -2}, true}, {[]float64{-3, nan}, true}, {[]float64{1}, false}, {[]float64{nan, -inf}, false},
		{[]float64{0, 0}, true}, {[]float64{1e300, 1e300}, true}, {[]float64{most, most}, true}, {[]float64{-most, -most}, true}, {[]float64{-most, most}, true},
		{[]float64{1e-320, 2e-320}, true}, {[]float64{1, math.Nextafter(1, 2)}, true}, {[]float64{1e16, 1e16 + 2}, true},
	} {
		c := curve.Curve{Measurements: len(tt.values), Values: tt.values}
		for i := range tt.values {
			c.Steps = append(c.Steps, 4*i+1)
		}
		b, err := NewBestCurves(NewTable(tried(3)), func(string) (curve.Curve, bool, error) { return c, true, nil })
		if err != nil || b.Worthwhile() != tt.drawn {
			t.Errorf("%v: worthwhile %t, %v", tt.values, b.Worthwhile(), err)
		}
		if !tt.drawn {
			continue
		}
		var picture bytes.Buffer
		if err := errors.Join(b.WritePNG(io.Discard), b.WriteSVG(&picture)); err != nil {
			t.Errorf("%v: %v", tt.values, err)
		}
		texts := textsOf(t, picture.String())
		for _, want := range []string{"The 3 best of 3 trials, smoothed lines over raw ones", "objective cost", "step", "value", "val -1   x 0"} {
			if !strings.Contains(texts, want) {
				t.Errorf("%v: %q is not in\n%s", tt.values, want, texts)
			}
		}
	}
}

// TestLogarithmic checks which losses have a logarithmic axis, and its labels.
func TestLogarithmic(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		values []float64
		want   bool
	}{{[]float64{2.3, 0.5}, false}, {[]float64{2.3, nan, 0.4}, true}, {[]float64{2.3, 0}, false}, {[]float64{100, -1}, false}, {[]float64{nan}, false}} {
		if got := spreads([]Curve{{Values: tt.values, Raw: tt.values}}); got != tt.want {
			t.Errorf("%v: %t", tt.values, got)
		}
	}
	var labels []string
	for _, tick := range (logTicks{}).Ticks(0.4, 30) {
		if tick.Label != "" {
			labels = append(labels, tick.Label)
		}
	}
	if got := strings.Join(labels, " "); got != "0.5 1 2 5 10 20" {
		t.Errorf("labels %s", got)
	}
}

// TestSmooth compares the average with the sum of all weighted points.
func TestSmooth(t *testing.T) {
	for _, n := range []int{0, 1, 50, 51, 200, 2000} {
		series := make([]float64, n)
		for i := range series {
			series[i] = math.Sin(float64(i*i)) + 3
		}
		if n == 200 {
			series[77], series[78] = math.NaN(), math.Inf(-1)
		}
		got := Smooth(series)
		decay := 1 - 1/math.Max(float64(n)/50, 1)
		for i := range series {
			sum, weights := 0.0, 0.0
			for j := 0; j <= i; j++ {
				if v := series[j]; !math.IsNaN(v) && !math.IsInf(v, 0) {
					w := math.Pow(decay, float64(i-j)) // a NaN between does not move the weights
					if n == 200 && j < 77 && i >= 77 {
						w = math.Pow(decay, float64(i-j-min(i-76, 2)))
					}
					sum, weights = sum+w*v, weights+w
				}
			}
			want := sum / weights
			if v := series[i]; math.IsNaN(v) || math.IsInf(v, 0) {
				want = v
			}
			if d := math.Abs(got[i] - want); !(d < 1e-9) && fmt.Sprint(got[i]) != fmt.Sprint(want) {
				t.Fatalf("%d points, point %d: %v, want %v", n, i, got[i], want)
			}
			if n <= 50 && got[i] != series[i] {
				t.Errorf("%d points: point %d is smoothed", n, i)
			}
		}
	}
}
