package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"fusegrid/internal/palette"
	"fusegrid/internal/say"
	"fusegrid/results"
)

//go:generate go run fusegrid/internal/bundle

//go:embed web/report.min.js
var script string

//go:embed web/style.css
var styleSheet string

//go:embed web/third_party/uplot/uPlot.min.css
var plotStyles string

//go:embed body.html
var bodyText string

// before is the script that says that scripts run, before anything is painted.
const before = `document.documentElement.className='js'`

// styles returns all styles of the page.
func styles() string {
	var b strings.Builder
	l, d := css(palette.Light()), css(palette.Dark())
	fmt.Fprintf(&b, ":root{%s}@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;%s}}:root[data-theme=dark]{color-scheme:dark;%s}@media print{:root:root:root{color-scheme:light;%s}}", l, d, d, l)
	b.WriteString(rampClasses())
	b.WriteString(plotStyles + "\n" + styleSheet)
	return b.String()
}

// hash returns the source expression of a text in a content security policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// policy returns the content security policy: nothing is loaded, and only the texts of the page run. A live page may
// connect to its own server.
func policy(style string, live bool) string {
	connect := "'none'"
	if live {
		connect = "'self'"
	}
	return "default-src 'none'; connect-src " + connect + "; img-src data:; style-src " + hash(style) + "; script-src " + hash(before) + " " + hash(script) + "; base-uri 'none'; form-action 'none'"
}

// A body is the data of the template of the body.
type body struct {
	Title, Counts string
	Answer        answer
	Compare       *comparison
	Heat          *staticHeat
	Matters       matters
	Blocks        fused
	Top           topTable
	Footer        []string
}

// Policy returns the content security policy of live pages.
func Policy() string { return policy(styles(), true) }

// html writes the file.
func (p *Page) html(w io.Writer, s *study, data, curves, nets []byte) error {
	t, err := template.New("body").Parse(bodyText)
	if err != nil {
		return err
	}
	return p.file(w, p.title(), func(b io.Writer) error { return t.Execute(b, p.body(s)) }, s, data, curves, nets)
}

// file writes the file with a body. The study and the blocks may be nil.
func (p *Page) file(w io.Writer, title string, body func(io.Writer) error, s *study, data, curves, nets []byte) error {
	style := styles()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<link rel=\"icon\" href=\"data:,\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n<title>%s</title>\n<style>%s</style>\n<script>%s</script>\n</head>\n<body>\n",
		mark, policy(style, p.Live != nil), template.HTMLEscapeString(title), style, before)
	if err := body(&b); err != nil {
		return err
	}
	element := func(kind, id string, text []byte) {
		if text != nil {
			fmt.Fprintf(&b, "<script type=\"%s\" id=\"%s\">%s</script>\n", kind, id, text)
		}
	}
	element("application/gzip;base64", "data", data)
	element("application/json", "netsdata", nets)
	if p.Live != nil {
		l, err := p.live(s)
		if err != nil {
			return err
		}
		element("application/json", "livedata", l)
	}
	fmt.Fprintf(&b, "<script>%s</script>\n", script)
	element("application/gzip;base64", "curvesdata", curves) // the answers do not wait for it
	b.WriteString("</body>\n</html>\n")
	_, err := w.Write(b.Bytes())
	return err
}

// body returns what the page shows without its script.
func (p *Page) body(s *study) body {
	return body{
		Title: p.title(), Counts: trials(p.Table.Len()), Answer: s.answer(), Compare: p.compare(), Heat: s.heat(), Matters: s.matters(),
		Blocks: s.fused(), Top: s.top(), Footer: p.footer(s),
	}
}

// A comparison has one column for each folder.
type comparison struct {
	Names []string
	Rows  []comparisonRow
}

type comparisonRow struct {
	Name  string
	Cells []string
}

// compare compares the folders, if there are several.
func (p *Page) compare() *comparison {
	if p.Folder == nil {
		return nil
	}
	records := make([][]results.Record, len(p.Folders))
	for row := range p.Table.Len() {
		i := p.Folder(row)
		records[i] = append(records[i], *p.Table.Record(row))
	}
	c := &comparison{Rows: []comparisonRow{{Name: "trials"}, {Name: "settings"}, {Name: "best setting"}, {Name: "its mean"}, {Name: "diverged"}, {Name: "time of all trials"}, {Name: "processor"}}}
	for i, f := range p.Folders {
		c.Names = append(c.Names, f.Name)
		one := &Page{Table: results.NewTable(records[i]), Implied: p.Implied, Folders: p.Folders[i : i+1]}
		cells := []string{group(len(records[i])), "", "none", "", "", "", ""}
		if one.Table.Len() > 0 {
			s := one.study()
			cells[1], cells[4] = group(len(s.settings)), group(s.count(results.Diverged))
			if b := s.answer().Best; b != nil {
				var values []string
				for _, f := range b.Fields {
					values = append(values, f.Name+" "+f.Value)
				}
				cells[2], cells[3] = strings.Join(values, ", "), b.Mean
				if b.Interval != "" {
					cells[3] += " " + b.Interval
				}
			}
			var seconds float64
			for j := range records[i] {
				seconds += records[i][j].Speed.Seconds
			}
			cells[5], cells[6] = duration(seconds), records[i][0].Machine.CPU
		}
		for j, cell := range cells {
			c.Rows[j].Cells = append(c.Rows[j].Cells, cell)
		}
	}
	return c
}

// duration returns seconds for people.
func duration(s float64) string {
	switch {
	case s < 1:
		return fmt.Sprintf("%.2f s", s)
	case s < 120:
		return fmt.Sprintf("%.1f s", s)
	case s < 2*3600:
		return fmt.Sprintf("%.0f min", s/60)
	}
	return fmt.Sprintf("%.1f h", s/3600)
}

// matters is the card that says what matters.
type matters struct {
	Rows []mattersRow
	Note string
}

type mattersRow struct {
	Name, Share, Width string
	Strip              template.HTML // made here of numbers only
}

// mostStrip is the number of bars of a strip.
const mostStrip = 24

// matters returns the shares of the axes with a strip of means for each.
func (s *study) matters() matters {
	if len(s.order) == 0 {
		return matters{Note: "No parameter varies among the trials."}
	}
	var m matters
	type strip struct{ mean []float64 }
	strips := make([]strip, len(s.order))
	low, high := math.Inf(1), math.Inf(-1)
	for i, x := range s.order {
		mean := s.means(x)
		for _, v := range mean {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
		strips[i] = strip{mean}
	}
	for i, x := range s.order {
		row := mattersRow{Name: x.name, Width: "0", Share: "–", Strip: s.strip(strips[i].mean, low, high)}
		for _, a := range s.shares.Axes {
			if a.Axis == x.name {
				row.Share, row.Width = percent(a.Share), fmt.Sprintf("%.1f%%", 100*a.Share)
			}
		}
		m.Rows = append(m.Rows, row)
	}
	switch {
	case s.unknown != "":
		m.Note = "The shares are not known, because " + s.unknown + ". "
	case s.shares.Exact:
		m.Note = fmt.Sprintf("Share of the variance of the %s that each explains alone, by analysis of variance", s.what())
		for _, more := range []results.Share{{Axis: "pairs of them", Share: s.shares.Pairs}, {Axis: "larger groups", Share: s.shares.Rest}, {Axis: "the seeds", Share: s.shares.Seeds}} {
			if more.Share > 0 {
				m.Note += fmt.Sprintf("; %s explain %s more", more.Axis, percent(more.Share))
			}
		}
		m.Note += ". "
	default:
		m.Note = fmt.Sprintf("Estimated share of the variance of the %s that each explains alone; the trials are no full grid. ", s.what())
	}
	if len(s.shares.Without) > 0 {
		m.Note += "Left out, because trials did not end there: " + strings.Join(s.shares.Without, ", ") + ". "
	}
	m.Note += "A strip has the mean at each value, from low to high."
	return m
}

// means returns the mean result at each value of an axis, or in 24 bins of its values. It is NaN where no trial ended.
func (s *study) means(x *axis) []float64 {
	bin := x.bins(mostStrip)
	n := 0
	for _, b := range bin {
		n = max(n, b+1)
	}
	sums, counts := make([]float64, n), make([]float64, n)
	for row, b := range bin {
		if v := s.table.Record(row).Val(); v != nil {
			sums[b] += *v
			counts[b]++
		}
	}
	for i := range sums {
		sums[i] /= counts[i] // 0/0 is NaN
	}
	return sums
}

// bins returns the bin of each row: the position of its value, or one of most bins of equal width.
func (x *axis) bins(most int) []int {
	if !x.numeric {
		distinct := slices.Compact(slices.Sorted(slices.Values(x.text)))
		bin := make([]int, len(x.text))
		for row, text := range x.text {
			bin[row], _ = slices.BinarySearch(distinct, text)
			bin[row] = min(bin[row], most-1)
		}
		return bin
	}
	bin := make([]int, len(x.number))
	for row, v := range x.number {
		if len(x.values) <= most {
			bin[row], _ = slices.BinarySearch(x.values, v)
			continue
		}
		bin[row] = min(int(float64(most)*x.position(v)), most-1)
	}
	return bin
}

// position returns the place of a value on the axis, from 0 to 1.
func (x *axis) position(v float64) float64 {
	low, high := x.values[0], x.values[len(x.values)-1]
	if x.log {
		if low == 0 {
			low = x.values[1] / 2
		}
		return (math.Log(max(v, low)) - math.Log(low)) / (math.Log(high) - math.Log(low))
	}
	return (v - low) / (high - low)
}

// strip draws bars of means.
func (s *study) strip(mean []float64, low, high float64) template.HTML {
	const width, height = 140.0, 32.0
	var b strings.Builder
	fmt.Fprintf(&b, `<svg width="%g" height="%g" aria-hidden="true">`, width, height)
	each := width / float64(len(mean))
	for i, v := range mean {
		if math.IsNaN(v) {
			continue
		}
		t := share(v, low, high)
		h := 4 + t*(height-4)
		fmt.Fprintf(&b, `<rect class="r%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, s.level(t), float64(i)*each, height-h, max(each-1, 1), h)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// share returns the place of v between low and high, from 0 to 1.
func share(v, low, high float64) float64 {
	if !(high > low) {
		return 1
	}
	return max(0, min(1, (v-low)/(high-low)))
}

// level returns the colour of a result by its share. The last colour is that of the best result.
func (s *study) level(t float64) int {
	if s.minimized() {
		t = 1 - t
	}
	return min(int(t*rampColors), rampColors-1)
}

// A staticHeat is the heat map without the script.
type staticHeat struct {
	SVG  template.HTML // made here of numbers and escaped texts
	Note string
}

// heat draws the mean result over the two most important axes.
func (s *study) heat() *staticHeat {
	if len(s.order) < 2 {
		return nil
	}
	const most, width, cell, left = 24, 640.0, 18.0, 70.0
	x, y := s.order[0], s.order[1]
	bx, by := x.bins(most), y.bins(most)
	nx, ny := slices.Max(bx)+1, slices.Max(by)+1
	sums, counts := make([]float64, nx*ny), make([]float64, nx*ny)
	nameX, nameY := make([]string, nx), make([]string, ny)
	for row := range bx {
		nameX[bx[row]], nameY[by[row]] = x.show(row), y.show(row)
		if v := s.table.Record(row).Val(); v != nil {
			sums[by[row]*nx+bx[row]] += *v
			counts[by[row]*nx+bx[row]]++
		}
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i := range sums {
		if counts[i] > 0 {
			sums[i] /= counts[i]
			low, high = min(low, sums[i]), max(high, sums[i])
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="heatstatic" viewBox="0 0 %g %g" role="img" aria-label="Heat map of %s">`, width, cell*float64(ny)+40, template.HTMLEscapeString(s.what()))
	each := (width - left) / float64(nx)
	for j := range ny {
		at := cell * float64(ny-1-j)
		for i := range nx {
			k := j*nx + i
			if counts[k] > 0 {
				fmt.Fprintf(&b, `<rect class="r%d" x="%.1f" y="%.1f" width="%.1f" height="%g"/>`, s.level(share(sums[k], low, high)), left+float64(i)*each, at, each-1, cell-1)
			}
		}
		if j%(1+ny/13) == 0 {
			fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end" fill="currentColor">%s</text>`, left-6, at+13, template.HTMLEscapeString(nameY[j]))
		}
	}
	for i := 0; i < nx; i += 1 + nx/10 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="middle" fill="currentColor">%s</text>`, left+(float64(i)+.5)*each, cell*float64(ny)+14, template.HTMLEscapeString(nameX[i]))
	}
	b.WriteString("</svg>")
	return &staticHeat{template.HTML(b.String()), fmt.Sprintf("Mean %s from %s to %s, by %s across and %s up.", s.what(), s.number(low), s.number(high), x.name, y.name)}
}

// fused is the card of blocks.
type fused struct {
	Rows []fusedRow
	Note string
}

type fusedRow struct{ Size, Trials, Time, Rate, Share, Width string }

// fused returns the speed of trials by the size of their block.
func (s *study) fused() fused {
	type kind struct {
		size  int
		words string
	}
	type sums struct {
		trials                int
		seconds, work, budget float64 // floating-point operations of a core, done and at the peak
	}
	all := map[kind]*sums{}
	several := map[string]bool{}
	for row := range s.table.Len() {
		r := s.table.Record(row)
		several[r.Impl+" "+r.Config.DType] = true
	}
	for row := range s.table.Len() {
		r := s.table.Record(row)
		if r.Speed.Block == 0 || r.Speed.FLOPs <= 0 || r.Speed.Seconds <= 0 {
			continue
		}
		k := kind{size: r.Speed.Block}
		if len(several) > 1 {
			k.words = ", " + r.Impl + " " + r.Config.DType
		}
		if all[k] == nil {
			all[k] = new(sums)
		}
		c := all[k]
		c.trials++
		c.seconds += r.Speed.Seconds
		c.work += perCore(r) * r.Speed.Seconds
		c.budget += r.Speed.Peak * r.Speed.Seconds
		if r.Speed.Peak == 0 {
			c.budget = math.NaN()
		}
	}
	var kinds []kind
	for k := range all {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b kind) int {
		return cmp.Or(cmp.Compare(all[b].seconds, all[a].seconds), cmp.Compare(a.size, b.size), strings.Compare(a.words, b.words))
	})
	var f fused
	if len(kinds) == 0 {
		f.Note = "The records have no speeds of blocks."
		return f
	}
	const most = 8
	for _, k := range kinds[:min(most, len(kinds))] {
		c := all[k]
		row := fusedRow{Size: strconv.Itoa(k.size) + k.words, Trials: group(c.trials), Time: duration(c.seconds), Rate: fmt.Sprintf("%.1f", c.work/c.seconds/1e9)}
		if c.budget > 0 {
			row.Share, row.Width = fmt.Sprintf("%.0f %%", 100*c.work/c.budget), fmt.Sprintf("%.1f%%", min(100, 100*c.work/c.budget))
		}
		f.Rows = append(f.Rows, row)
	}
	f.Note = "Nets of a block train on the same minibatches, so one product computes their first layers. GFLOP/s counts matrix products only, and the time has everything. The peak is that of one core."
	if len(kinds) > most {
		f.Note += fmt.Sprintf(" The table has the %d kinds that took most of the time, of %d.", most, len(kinds))
	}
	return f
}

// A topTable has the best trials for print and for pages without scripts.
type topTable struct {
	Title string
	Names []string
	Rows  [][]string
}

// mostTop is the number of trials of a topTable.
const mostTop = 100

// top returns the best trials.
func (s *study) top() topTable {
	t := topTable{Title: "All trials", Names: []string{"rank"}}
	if s.table.Len() > mostTop {
		t.Title = fmt.Sprintf("The best %d of %s", mostTop, trials(s.table.Len()))
	}
	for _, x := range s.axes {
		t.Names = append(t.Names, x.name)
	}
	t.Names = append(t.Names, "val", "train", "step", "state", "key")
	figure := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return s.number(*v)
	}
	for row := range min(mostTop, s.table.Len()) {
		r := s.table.Record(row)
		cells := []string{strconv.Itoa(row + 1)}
		for _, x := range s.axes {
			cells = append(cells, x.show(row))
		}
		t.Rows = append(t.Rows, append(cells, figure(r.Val()), figure(r.Train()), strconv.Itoa(r.Steps), string(r.State), r.Key[:12]))
	}
	return t
}

// footer returns where the numbers come from.
func (p *Page) footer(s *study) []string {
	first := p.Table.Record(0)
	machines := map[string]bool{}
	var list []string
	for row := range p.Table.Len() {
		r := p.Table.Record(row)
		m := r.Machine
		text := strings.TrimSpace(fmt.Sprintf("%s, %s, %s (%s), kernels %s, %s", m.CPU, say.Plural(m.Cores, "core"), m.Platform, m.Features, r.Impl, m.Go))
		if m.CPU != "" && !machines[text] {
			machines[text] = true
			list = append(list, text)
		}
	}
	if n := len(list); n > 3 {
		list = append(list[:3], fmt.Sprintf("and %d other combinations of machine, kernels and Go", n-3))
	}
	var names []string
	for _, f := range p.Folders {
		names = append(names, f.Name)
	}
	all := []string{"All trials have: " + p.Table.Caption() + "."}
	if first.Config.Objective == "" {
		all = append(all, "Trained on "+strings.Join(list, "; ")+".")
	}
	if n := p.Table.Len(); n > MostTrials {
		all = append(all, fmt.Sprintf("The page has the best %s of %s. The cards at the top are computed from all of them.", group(MostTrials), trials(n)))
	}
	how := "The page is one file and loads nothing else."
	if p.Live != nil {
		how = "The page follows the folder while sweep watch serves it."
	}
	return append(all, fmt.Sprintf("Written by %s from %s. %s", cmp.Or(p.Version, "sweep report"), strings.Join(names, ", "), how))
}
