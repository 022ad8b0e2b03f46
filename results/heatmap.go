package results

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// A HeatMap holds a validation accuracy, see [Record.Val], for each pair of learning rate and
// regularization. It shows only comparable trials: trials with the same data set, net, type and
// number of iterations. A cell is the mean over seeds. If other parameters vary, a cell shows their
// best setting.
type HeatMap struct {
	LRs, Regs []float64 // ascending
	Cells     [][]Cell  // [reg][lr]
	Seeds     int       // number of different seeds among the shown trials
	BestOver  []string  // names of the other parameters that vary
	Shown     Config    // values that the shown trials share: data, net, dtype, class, iters …
	DataName  string
	LeftOut   int // number of trials that are not comparable and not shown
}

// A Cell holds the mean accuracy of one setting.
type Cell struct {
	Val     float64 // NaN if no trial has an accuracy
	Trials  int     // number of trials in the mean, each with a different seed
	Stopped int     // step at which the trials were stopped; 0 if they trained to the end
}

// alike returns the values of c that all trials of a heat map share.
func alike(c Config) Config {
	return Config{Data: c.Data, Split: c.Split, Pixels: c.Pixels, Net: c.Net, DType: c.DType, Class: c.Class, Iters: c.Iters}
}

// NewHeatMap returns a heat map of the comparable trials in records. If there are several groups of
// comparable trials, it shows the group that fills most cells. If two groups fill equally many
// cells, it shows the one with more iterations.
func NewHeatMap(records []Record) HeatMap {
	groups := map[string][]*Record{}
	for i := range records {
		key := alike(records[i].Config).Canonical()
		groups[key] = append(groups[key], &records[i])
	}
	var best HeatMap
	most := -1
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		h := heatMapOf(groups[key])
		if n := len(h.accuracies()); n > most || n == most && h.Shown.Iters > best.Shown.Iters {
			best, most = h, n
		}
		best.LeftOut = len(records) - len(groups[best.Shown.Canonical()])
	}
	return best
}

// heatMapOf returns the heat map of records, which must be comparable.
func heatMapOf(records []*Record) HeatMap {
	h := HeatMap{Shown: alike(records[0].Config), DataName: records[0].DataName, BestOver: others(records)}
	seeds := map[uint32]bool{}
	for _, r := range records {
		h.LRs, h.Regs = append(h.LRs, r.Config.LR), append(h.Regs, r.Config.Reg)
		seeds[r.Config.Seed] = true
	}
	h.Seeds = len(seeds)
	slices.Sort(h.LRs)
	slices.Sort(h.Regs)
	h.LRs, h.Regs = slices.Compact(h.LRs), slices.Compact(h.Regs)
	for range h.Regs {
		row := make([]Cell, len(h.LRs))
		for i := range row {
			row[i].Val = math.NaN()
		}
		h.Cells = append(h.Cells, row)
	}
	for _, trials := range bySetting(records, h.Seeds) {
		x, _ := slices.BinarySearch(h.LRs, trials[0].Config.LR)
		y, _ := slices.BinarySearch(h.Regs, trials[0].Config.Reg)
		if c := cellOf(trials); c.before(h.Cells[y][x]) {
			h.Cells[y][x] = c
		}
	}
	return h
}

// bySetting returns groups of the trials that differ only in their seed. With one seed, each trial is a group.
func bySetting(records []*Record, seeds int) [][]*Record {
	if seeds == 1 {
		return slices.Collect(slices.Chunk(records, 1))
	}
	groups := map[string][]*Record{}
	for _, r := range records {
		c := r.Config
		c.Seed = 0
		key := c.Canonical()
		groups[key] = append(groups[key], r)
	}
	return slices.Collect(maps.Values(groups))
}

// others returns the names of the fields that vary, except lr, reg and seed.
func others(records []*Record) []string {
	var names []string
	for _, f := range newTable(records).vary {
		if f.name != "lr" && f.name != "reg" && f.name != "seed" {
			names = append(names, f.name)
		}
	}
	return names
}

// cellOf returns the mean of trials that differ only in their seed. The mean includes the trials that
// trained to the end. If there are no such trials, it includes the trials with the latest step.
func cellOf(trials []*Record) Cell {
	c := Cell{Val: math.NaN()}
	farthest := func(r *Record) int {
		switch {
		case r.Val() == nil:
			return -1
		case r.State == Done:
			return math.MaxInt
		}
		return r.Step()
	}
	at := -1
	for _, r := range trials {
		at = max(at, farthest(r))
	}
	if at < 0 {
		return c
	}
	var vals []float64
	for _, r := range trials {
		if farthest(r) == at {
			vals = append(vals, *r.Val())
		}
	}
	slices.Sort(vals) // the mean does not depend on the order of the records
	c.Val, c.Trials = stat.Mean(vals, nil), len(vals)
	if at < math.MaxInt {
		c.Stopped = at
	}
	return c
}

// before reports whether a heat map prefers c to d. The order is: trials that trained to the end,
// then later steps, then higher accuracies, then means of more trials.
func (c Cell) before(d Cell) bool {
	switch {
	case math.IsNaN(c.Val) || math.IsNaN(d.Val):
		return !math.IsNaN(c.Val)
	case c.Stopped == d.Stopped && c.Val == d.Val:
		return c.Trials > d.Trials
	case c.Stopped == d.Stopped:
		return c.Val > d.Val
	case c.Stopped == 0 || d.Stopped == 0:
		return c.Stopped == 0
	}
	return c.Stopped > d.Stopped
}

// accuracies returns the accuracies of the cells that have one.
func (h HeatMap) accuracies() []float64 {
	var all []float64
	for _, row := range h.Cells {
		for _, c := range row {
			if !math.IsNaN(c.Val) {
				all = append(all, c.Val)
			}
		}
	}
	return all
}

// Title returns a title of a few lines.
func (h HeatMap) Title() string {
	what := "Validation accuracy"
	if h.Seeds > 1 {
		what += fmt.Sprintf(", mean of %d seeds", h.Seeds)
	}
	lines := []string{what}
	if len(h.BestOver) > 0 {
		lines = append(lines, "best over "+strings.Join(h.BestOver, ", "))
	}
	s := h.Shown
	lines = append(lines, fmt.Sprintf("%s (%.8s), %s, %s, %d iterations", h.DataName, s.Data, s.Net, s.DType, s.Iters))
	switch {
	case h.LeftOut == 1:
		lines = append(lines, "1 trial of another kind or length is not shown")
	case h.LeftOut > 1:
		lines = append(lines, fmt.Sprintf("%d trials of another kind or length are not shown", h.LeftOut))
	}
	return strings.Join(lines, "\n")
}

// label returns the text in a cell.
func (h HeatMap) label(c Cell) string {
	if math.IsNaN(c.Val) {
		return "-"
	}
	text := fmt.Sprintf("%.3f", c.Val)
	if c.Stopped > 0 {
		text += fmt.Sprintf("\nat %d", c.Stopped)
	}
	if c.Trials < h.Seeds {
		text += fmt.Sprintf("\n%d of %d", c.Trials, h.Seeds)
	}
	return text
}

// Worthwhile reports whether a picture of the map is useful. The map must have at least one
// accuracy, 2 to 40 learning rates, and 2 to 40 regularizations.
func (h HeatMap) Worthwhile() bool {
	return len(h.LRs) > 1 && len(h.Regs) > 1 && len(h.LRs) <= 40 && len(h.Regs) <= 40 && len(h.accuracies()) > 0
}

// WritePNG draws the map, which must have an accuracy. Each cell shows its accuracy. If its trials
// were stopped, the next line of the cell shows the step at which they stopped. If some seeds are
// missing, the cell also shows the number of seeds in the mean.
func (h HeatMap) WritePNG(w io.Writer) error {
	p := plot.New()
	p.Title.Text = h.Title()
	p.Title.TextStyle.Font.Size = vg.Points(10)
	p.Title.Padding = vg.Points(6)
	p.X.Label.Text, p.Y.Label.Text = "learning rate", "regularization"
	p.X.Tick.Marker, p.Y.Tick.Marker = names(h.LRs), names(h.Regs)

	vals := h.accuracies()
	if len(vals) == 0 {
		return errors.New("the heat map has no accuracy")
	}
	lo, hi := slices.Min(vals), slices.Max(vals)
	grid := plotter.NewHeatMap(cells(h), shades(64))
	grid.Min, grid.Max = lo, max(hi, lo+1e-9)
	grid.NaN = color.Gray{225}
	p.Add(grid)

	labels := plotter.XYLabels{}
	var dark []bool
	for y, row := range h.Cells {
		for x, c := range row {
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(x), Y: float64(y)})
			labels.Labels = append(labels.Labels, h.label(c))
			dark = append(dark, c.Val > lo+0.55*(hi-lo))
		}
	}
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range text.TextStyle {
		text.TextStyle[i].XAlign, text.TextStyle[i].YAlign = draw.XCenter, draw.YCenter
		if dark[i] {
			text.TextStyle[i].Color = color.White
		}
	}
	p.Add(text)

	width := vg.Points(100 + 46*float64(max(len(h.LRs), 5)))
	height := vg.Points(90 + 12*float64(strings.Count(p.Title.Text, "\n")) + 34*float64(max(len(h.Regs), 4)))
	canvas := vgimg.PngCanvas{Canvas: vgimg.New(width, height)}
	margin := vg.Points(8)
	p.Draw(draw.Crop(draw.New(canvas), margin, -margin, margin, -margin))
	_, err = canvas.WriteTo(w)
	return err
}

// cells adapts a HeatMap to the grid of package plotter, with cells of size 1.
type cells HeatMap

func (c cells) Dims() (int, int)   { return len(c.LRs), len(c.Regs) }
func (c cells) Z(x, y int) float64 { return c.Cells[y][x].Val }
func (c cells) X(x int) float64    { return float64(x) }
func (c cells) Y(y int) float64    { return float64(y) }

// names labels the positions 0, 1, … of an axis with values.
type names []float64

func (n names) Ticks(_, _ float64) []plot.Tick {
	ticks := make([]plot.Tick, len(n))
	digits := Digits(4, n)
	for i, v := range n {
		ticks[i] = plot.Tick{Value: float64(i), Label: strconv.FormatFloat(v, 'g', digits, 64)}
	}
	return ticks
}

// shades is a palette from nearly white to dark blue, which is also readable in grey.
type shades int

func (n shades) Colors() []color.Color {
	colors := make([]color.Color, n)
	mix := func(a, b, t float64) uint8 { return uint8(a + (b-a)*t) }
	for i := range colors {
		t := float64(i) / float64(n-1)
		colors[i] = color.RGBA{mix(240, 8, t), mix(246, 48, t), mix(252, 107, t), 255}
	}
	return colors
}
