package results

import (
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

// A HeatMap holds the validation accuracy, as [Record.Val] tells it, for each pair of learning
// rate and regularization of trials that compare: those of one data set, net, type and
// length. A cell is the mean over seeds. If other parameters vary, it is that of their best setting.
type HeatMap struct {
	LRs, Regs []float64 // ascending
	Cells     [][]Cell  // [reg][lr]
	Seeds     int       // different seeds of all trials that it shows
	BestOver  []string  // names of the other parameters that vary
	Shown     Config    // what its trials have in common: data, net, dtype, class, iters …
	DataName  string
	LeftOut   int // trials of other data, nets, types or lengths
}

// A Cell is the mean accuracy of one setting.
type Cell struct {
	Val     float64 // NaN if no trial has one
	Trials  int     // that the mean is of, each with another seed
	Stopped int     // iterations after which they were stopped; 0 if they trained to the end
}

// alike returns what trials of one heat map have in common.
func alike(c Config) Config {
	return Config{Data: c.Data, Split: c.Split, Pixels: c.Pixels, Net: c.Net, DType: c.DType, Class: c.Class, Iters: c.Iters}
}

// NewHeatMap collects the accuracies of the trials that compare. If there are several
// kinds, it shows the one that fills most cells, of these the longest training.
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
		if n := h.filled(); n > most || n == most && h.Shown.Iters > best.Shown.Iters {
			best, most = h, n
		}
		best.LeftOut = len(records) - len(groups[best.Shown.Canonical()])
	}
	return best
}

// heatMapOf returns the map of records that compare.
func heatMapOf(records []*Record) HeatMap {
	h := HeatMap{Shown: alike(records[0].Config), DataName: records[0].DataName, BestOver: others(records)}
	seeds := map[uint32]bool{}
	settings := map[string][]*Record{} // trials that differ by their seed alone
	for _, r := range records {
		h.LRs, h.Regs = append(h.LRs, r.Config.LR), append(h.Regs, r.Config.Reg)
		seeds[r.Config.Seed] = true
		c := r.Config
		c.Seed = 0
		settings[c.Canonical()] = append(settings[c.Canonical()], r)
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
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		trials := settings[key]
		x, _ := slices.BinarySearch(h.LRs, trials[0].Config.LR)
		y, _ := slices.BinarySearch(h.Regs, trials[0].Config.Reg)
		if c := cellOf(trials); c.before(h.Cells[y][x]) {
			h.Cells[y][x] = c
		}
	}
	return h
}

// others returns the names of the fields that vary, apart from those that a map shows or averages over.
func others(records []*Record) []string {
	var names []string
	for _, f := range newTable(records).vary {
		if f.name != "lr" && f.name != "reg" && f.name != "seed" {
			names = append(names, f.name)
		}
	}
	return names
}

// cellOf returns the mean of trials that differ by their seed: of those that trained to the end, or if there
// are none, of those that came farthest before they were stopped.
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

// before reports whether c is shown rather than d: trained to the end before stopped, farther before
// earlier, then the higher accuracy.
func (c Cell) before(d Cell) bool {
	switch {
	case math.IsNaN(c.Val) || math.IsNaN(d.Val):
		return !math.IsNaN(c.Val)
	case c.Stopped == d.Stopped:
		return c.Val > d.Val
	case c.Stopped == 0 || d.Stopped == 0:
		return c.Stopped == 0
	}
	return c.Stopped > d.Stopped
}

// filled counts the cells with an accuracy.
func (h HeatMap) filled() int {
	n := 0
	for _, row := range h.Cells {
		for _, c := range row {
			if !math.IsNaN(c.Val) {
				n++
			}
		}
	}
	return n
}

// Title says what the map shows, in a few lines.
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

// Worthwhile reports whether there is something to see: at least two learning
// rates and two regularizations, few enough to read, and an accuracy.
func (h HeatMap) Worthwhile() bool {
	lo, hi := h.span()
	return len(h.LRs) > 1 && len(h.Regs) > 1 && len(h.LRs) <= 40 && len(h.Regs) <= 40 && lo <= hi
}

// span returns the least and the greatest accuracy.
func (h HeatMap) span() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, row := range h.Cells {
		for _, c := range row {
			if !math.IsNaN(c.Val) {
				lo, hi = min(lo, c.Val), max(hi, c.Val)
			}
		}
	}
	return lo, hi
}

// WritePNG draws the map. Each cell has its accuracy in it; below that stands where the trials
// were stopped, if they were, and how many seeds the mean is of, if it is not of all.
func (h HeatMap) WritePNG(w io.Writer) error {
	p := plot.New()
	p.Title.Text = h.Title()
	p.Title.TextStyle.Font.Size = vg.Points(10)
	p.Title.Padding = vg.Points(6)
	p.X.Label.Text, p.Y.Label.Text = "learning rate", "regularization"
	p.X.Tick.Marker, p.Y.Tick.Marker = names(h.LRs), names(h.Regs)

	lo, hi := h.span()
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

// cells makes a HeatMap the grid that plotter asks for: one unit a cell.
type cells HeatMap

func (c cells) Dims() (int, int)   { return len(c.LRs), len(c.Regs) }
func (c cells) Z(x, y int) float64 { return c.Cells[y][x].Val }
func (c cells) X(x int) float64    { return float64(x) }
func (c cells) Y(y int) float64    { return float64(y) }

// names marks the positions 0, 1, … with values.
type names []float64

func (n names) Ticks(_, _ float64) []plot.Tick {
	ticks := make([]plot.Tick, len(n))
	digits := Digits(4, n)
	for i, v := range n {
		ticks[i] = plot.Tick{Value: float64(i), Label: strconv.FormatFloat(v, 'g', digits, 64)}
	}
	return ticks
}

// shades goes from nearly white to dark blue, so that it also reads in grey.
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
