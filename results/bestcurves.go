package results

import (
	"fmt"
	"io"
	"math"
	"strings"

	"fusegrid/results/curve"
)

// A BestCurves holds the learning curves of the best trials of a table.
type BestCurves struct {
	trials []*Record // ranked
	curves []curve.Curve
	of     int // trials of the table
}

// maxDrawn is the maximum number of trials that are drawn.
const maxDrawn = 10

// NewBestCurves returns the curves of the ten best trials that have an accuracy and a curve. The function of returns
// the curve of a trial, and reports whether there is one.
func NewBestCurves(t *Table, of func(key string) (curve.Curve, bool, error)) (BestCurves, error) {
	b := BestCurves{of: len(t.records)}
	for _, r := range t.records {
		if len(b.trials) == maxDrawn || r.Val() == nil { // records without an accuracy are last
			break
		}
		c, ok, err := of(r.Key)
		if err != nil {
			return b, err
		}
		if ok && (finite(c.Loss) || finite(c.Values)) {
			b.trials, b.curves = append(b.trials, r), append(b.curves, c)
		}
	}
	return b, nil
}

// finite reports whether a series has a finite value.
func finite[T float32 | float64](series []T) bool {
	for _, v := range series {
		if x := float64(v); !math.IsNaN(x) && !math.IsInf(x, 0) {
			return true
		}
	}
	return false
}

// Worthwhile reports whether a picture is useful: there must be a curve with at least minDrawn losses, or with two
// values of a function, which tables do not show.
func (b BestCurves) Worthwhile() bool {
	for _, c := range b.curves {
		if len(c.Loss) >= minDrawn || len(c.Values) > 1 {
			return true
		}
	}
	return false
}

// minDrawn is the number of losses of which a picture shows more than a table.
const minDrawn = 20

// WritePNG draws the losses above the validation accuracies, or the values of a function, and writes the picture as PNG. Each curve is smoothed by
// [Smooth], and a faint line shows its raw values. The vertical axes may cut off the peaks of raw values. The
// axis of the losses is logarithmic if they differ much. The legend
// names the validation accuracy of each final net and the fields that vary among the drawn trials.
func (b BestCurves) WritePNG(w io.Writer) error { return writePNG(w, b.picture()) }

// WriteSVG draws the same picture as WritePNG as SVG.
func (b BestCurves) WriteSVG(w io.Writer) error { return writeSVG(w, b.picture()) }

func (b BestCurves) picture() diagrams {
	if b.trials[0].Config.Objective != "" {
		return b.reported()
	}
	loss := Panel{Title: b.title(), X: "iteration", Y: "loss"}
	val := Panel{X: "iteration", Y: "validation accuracy"}
	end := 0
	for _, c := range b.curves {
		end = max(end, c.Iterations)
	}
	loss.End, val.End = float64(end), float64(end)
	for i, c := range b.curves {
		loss.Curves = append(loss.Curves, smoothed(c.LossSteps, c.Loss, i+1))
		if steps, vals := measured(c, b.trials[i]); len(vals) > 0 {
			val.Curves = append(val.Curves, smoothed(steps, vals, i+1))
		}
	}
	loss.Log = spreads(loss.Curves)
	p := diagrams{panels: []Panel{loss}, width: 640, legend: b.names()}
	if len(val.Curves) > 0 {
		p.panels = append(p.panels, val)
	}
	return p
}

// reported returns the picture of the values of a function.
func (b BestCurves) reported() diagrams {
	p := Panel{Title: b.title(), X: "step", Y: "value"}
	for i, c := range b.curves {
		p.Curves = append(p.Curves, smoothed(c.Steps, c.Values, i+1))
		if n := len(c.Steps); n > 0 {
			p.End = max(p.End, float64(c.Steps[n-1]))
		}
	}
	p.Log = b.trials[0].Config.Minimize && spreads(p.Curves)
	return diagrams{panels: []Panel{p}, width: 640, legend: b.names()}
}

// measured returns the validation accuracies of a curve, with that of the final net at the end.
func measured(c curve.Curve, r *Record) (steps []int, vals []float32) {
	steps, vals = c.Steps, c.Val
	if n := len(steps); r.Val() != nil && (n == 0 || steps[n-1] < r.Step()) {
		steps, vals = append(steps[:n:n], r.Step()), append(vals[:n:n], float32(*r.Val()))
	}
	return steps, vals
}

// wideLosses is the ratio of losses from which their axis is logarithmic.
const wideLosses = 5

// spreads reports whether the axis of some losses should be logarithmic.
func spreads(losses []Curve) bool {
	low, high := math.Inf(1), 0.0
	for _, c := range losses {
		for i, v := range c.Raw {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				low, high = min(low, v), max(high, c.Values[i])
			}
		}
	}
	return low > 0 && high > wideLosses*low
}

func smoothed[T float32 | float64](steps []int, values []T, ink int) Curve {
	c := Curve{Ink: ink}
	for i, v := range values {
		c.X, c.Raw = append(c.X, float64(steps[i])), append(c.Raw, float64(v))
	}
	c.Values = Smooth(c.Raw)
	return c
}

func (b BestCurves) title() string {
	r := b.trials[0]
	what := fmt.Sprintf("The %d best of %d trials", len(b.trials), b.of)
	if len(b.trials) == 1 {
		what = fmt.Sprintf("The best of %d trials", b.of)
	}
	if r.Config.Objective != "" {
		return fmt.Sprintf("%s, smoothed lines over raw ones\nobjective %s", what, r.Config.Objective)
	}
	return fmt.Sprintf("%s, smoothed lines over raw ones\n%s (%.8s), %s, %s", what, r.DataName, r.Config.Data, r.Config.Net, r.Config.DType)
}

// names returns the names of the trials for the legend.
func (b BestCurves) names() []string {
	t := newTable(b.trials)
	columns := t.varying()
	names := make([]string, len(b.trials))
	for i, r := range b.trials {
		parts := []string{fmt.Sprintf("val %s ", value(nil, r))}
		for _, c := range columns {
			parts = append(parts, fmt.Sprintf("%s %s", c.name, c.cell(nil, i)))
		}
		names[i] = strings.Join(parts, "  ")
	}
	return names
}

// Smooth returns the exponential moving average of a series. Its time constant is a fiftieth of the number of points,
// so series of up to 50 points stay as they are. The average of the first points has no bias: the weights
// of all points so far add up to 1, as in the update rule Adam. Values that are not finite are left out.
func Smooth(series []float64) []float64 {
	smooth := make([]float64, len(series))
	decay := 1 - 1/max(float64(len(series))/50, 1)
	sum, weight := 0.0, 0.0
	for i, v := range series {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			smooth[i] = v
			continue
		}
		sum = float64(decay*sum) + v
		weight = float64(decay*weight) + 1
		smooth[i] = sum / weight
	}
	return smooth
}
