package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fusegrid/report"
	"fusegrid/results"
	"fusegrid/results/curve"
)

// recordOf returns the record of a trial with the accuracy val, or of one that diverged if val is NaN.
func recordOf(lr, reg float64, seed uint32, val float64) results.Record {
	c := results.Config{
		Data: fmt.Sprintf("%064x", 7), Split: [3]int{49000, 1000, 1000}, Pixels: "hwc", Net: "two-layer", Hidden: []int{50}, LR: lr, Reg: reg, Decay: .95,
		Batch: 200, Iters: 100, Std: 1e-4, Seed: seed, DType: "f32", Class: "fma",
	}
	r := results.Record{Key: c.Key(), State: results.Done, Config: c, Steps: 100, DataName: "cifar-10", Impl: "avx512",
		Speed:   results.Speed{Seconds: .25 + float64(seed)/3, FLOPs: 9e10, Peak: 18e10, Block: 8, Cores: 1},
		Machine: results.Machine{CPU: "a processor", Cores: 2, Platform: "linux/amd64", Go: "go1.26"}, Ended: time.Unix(1, 0).UTC()}
	if math.IsNaN(val) {
		r.State, r.Steps = results.Diverged, 10
		return r
	}
	train := val + .1
	r.Accuracy = results.Accuracy{FinalVal: &val, FinalTrain: &train, FinalStep: 100}
	return r
}

// gridOf returns 4 × 3 settings with 3 seeds. The best has lr 1e-3 and reg 0.5, and that with reg 0.1 is tied with it.
func gridOf() []results.Record {
	var all []results.Record
	for i, lr := range []float64{1e-4, 1e-3, 1e-2, 1} {
		for j, reg := range []float64{0, .1, .5} {
			for seed := range uint32(3) {
				val := .3 + .01*float64(j) + .002*float64(seed)
				switch {
				case i == 1 && j == 1:
					val = .5 + .002*float64((seed+1)%3)
				case i == 1 && j == 2:
					val = .501 + .002*float64(seed)
				case i == 3:
					val = math.NaN()
				}
				all = append(all, recordOf(lr, reg, seed, val))
			}
		}
	}
	return all
}

func curveOf(n int) curve.Curve {
	c := curve.Curve{Iterations: n, Measurements: n}
	for i := range n {
		c.Steps, c.LossSteps = append(c.Steps, i+1), append(c.LossSteps, i+1)
		c.Val, c.Train = append(c.Val, float32(i%1000)/1000), append(c.Train, float32(i%500)/500)
		c.Loss = append(c.Loss, float32(2.3*math.Exp(-float64(i)/50)))
	}
	return c
}

// page returns a page of records.
func page(records []results.Record) *report.Page {
	return &report.Page{
		Table: results.NewTable(records), Folders: []report.Folder{{Name: "out/x"}}, Implied: map[string]string{"rule": "sgd"}, Lists: []string{"lr", "reg"},
		Command: func(_ *results.Record, lists []report.List, zip bool) (string, string) {
			return fmt.Sprint("run ", zip, lists), ""
		},
	}
}

func write(t testing.TB, p *report.Page) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRoundTrip checks that all columns of the page have the values of the table.
func TestRoundTrip(t *testing.T) {
	many := gridOf()
	for i := range 400 { // more values than one byte has codes
		many = append(many, recordOf(1e-3*(1+float64(i)/1e6), .25, uint32(i), .2+float64(i)/4000))
	}
	for name, records := range map[string][]results.Record{"grid": gridOf(), "many values": many, "one trial": gridOf()[:1], "all diverged": gridOf()[27:]} {
		table := results.NewTable(records)
		p := page(records)
		p.Table = table
		d, err := report.Read(write(t, p))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d.Rows != len(records) || d.Total != len(records) {
			t.Errorf("%s: %d of %d rows, want %d", name, d.Rows, d.Total, len(records))
		}
		keys := d.Column("key")
		for row := range table.Len() {
			if key := table.Record(row).Key; len(keys.Texts[row]) < 12 || !strings.HasPrefix(key, keys.Texts[row]) {
				t.Fatalf("%s: row %d has the key %s, want %s", name, row, keys.Texts[row], key)
			}
		}
		for _, want := range table.Columns() {
			got := d.Column(want.Name)
			if got == nil {
				if !slices.Contains([]string{"weights", "losses", "ended"}, want.Name) {
					t.Errorf("%s: no column %s", name, want.Name)
				}
				continue
			}
			for row := range table.Len() {
				if want.Kind == results.Text {
					text, _ := want.Text(row)
					if want.Name == "rule" {
						text = "sgd"
					}
					if want.Name != "key" && got.Texts[row] != text {
						t.Fatalf("%s: %s of row %d is %q, want %q", name, want.Name, row, got.Texts[row], text)
					}
					continue
				}
				x, ok := want.Number(row)
				if want.Role == results.Timing {
					x = float64(float32(x))
				}
				if ok != !math.IsNaN(got.Numbers[row]) || ok && got.Numbers[row] != x {
					t.Fatalf("%s: %s of row %d is %v, want %v, %v", name, want.Name, row, got.Numbers[row], x, ok)
				}
			}
		}
	}
}

// TestCurvesOfFunction reads back what a function reported, rounded to float32. One trial has large and infinite values.
func TestCurvesOfFunction(t *testing.T) {
	p := page(gridOf())
	whole := curve.Curve{Measurements: 40}
	for i := range 40 {
		whole.Steps, whole.Values = append(whole.Steps, 2*i+1), append(whole.Values, -1e-5*math.Exp(float64(i)/20))
	}
	whole.Values[3] = math.NaN()
	large := curve.Curve{Measurements: 3, Steps: []int{1, 2, 3}, Values: []float64{1e30, math.Inf(1), math.Inf(-1)}}
	last := p.Table.Record(p.Table.Len() - 1).Key
	p.Folders[0].Curve = func(key string) (curve.Curve, bool, error) {
		if key == last {
			return large, true, nil
		}
		return whole, true, nil
	}
	d, err := report.Read(write(t, p))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Curves[d.Rows-1].Val; len(got) != 3 || float32(got[0]) != 1e30 || !math.IsInf(got[1], 1) || !math.IsInf(got[2], -1) {
		t.Errorf("the large values are %v", got)
	}
	for row := range d.Rows - 1 {
		c := d.Curves[row]
		points := 15
		if row < 10 {
			points = 40
		}
		if len(c.Steps) != points || len(c.Val) != points || len(c.Loss) != 0 || c.Steps[0] != 1 || c.Steps[points-1] != 79 {
			t.Fatalf("row %d has %d values after %v, and %d losses", row, len(c.Val), c.Steps, len(c.Loss))
		}
		for i, step := range c.Steps {
			want := whole.Values[(step-1)/2]
			if math.IsNaN(want) != math.IsNaN(c.Val[i]) || !math.IsNaN(want) && c.Val[i] != float64(float32(want)) || !math.IsNaN(c.Train[i]) {
				t.Errorf("row %d: the value after %d is %g, want %g; a training accuracy %g", row, step, c.Val[i], want, c.Train[i])
			}
		}
	}
}

// TestCurves compares curves with those that were given. Those of the best ten trials have all points.
func TestCurves(t *testing.T) {
	records := gridOf()
	p := page(records)
	whole := curveOf(700)
	whole.Val[3], whole.Loss[4], whole.Loss[5] = float32(math.NaN()), float32(math.Inf(1)), float32(math.NaN())
	missing := p.Table.Record(2).Key
	p.Folders[0].Curve = func(key string) (curve.Curve, bool, error) { return whole, key != missing, nil }
	d, err := report.Read(write(t, p))
	if err != nil {
		t.Fatal(err)
	}
	for row := range d.Rows {
		c := d.Curves[row]
		points, losses := 700, 700
		switch {
		case row == 2:
			points, losses = 0, 0
		case row >= 10:
			points, losses = 15, 30
		}
		if len(c.Steps) != points || len(c.Val) != points || len(c.Train) != points || len(c.Loss) != losses || len(c.LossSteps) != losses {
			t.Fatalf("row %d has %d accuracies and %d losses, want %d and %d", row, len(c.Val), len(c.Loss), points, losses)
		}
		if points > 0 && (c.Steps[0] != 1 || c.Steps[points-1] != 700) {
			t.Errorf("row %d has the iterations %d to %d, want 1 to 700", row, c.Steps[0], c.Steps[points-1])
		}
		for i, step := range c.Steps {
			if want := float64(whole.Val[step-1]); float32(c.Val[i]) != whole.Val[step-1] && !(math.IsNaN(want) && math.IsNaN(c.Val[i])) {
				t.Fatalf("row %d: the accuracy after %d is %v, want %v", row, step, c.Val[i], want)
			}
		}
		for i, step := range c.LossSteps {
			got, want := c.Loss[i], float64(whole.Loss[step-1])
			if math.IsNaN(want) != math.IsNaN(got) || math.IsInf(want, 1) != math.IsInf(got, 1) || math.Abs(math.Log2(got/want)) > .5/1024+1e-9 {
				t.Fatalf("row %d: the loss of iteration %d is %v, want %v", row, step, got, want)
			}
		}
	}
	if !strings.Contains(d.CurvesNote, "at most 15 accuracies and 30 losses") {
		t.Errorf("the page says %q of points that are left out", d.CurvesNote)
	}
}

// TestMostCurves checks that a page has at most 200,000 curves, and at least half of that if there are more trials.
func TestMostCurves(t *testing.T) {
	const best, most = 10_000, 200_000
	for _, rows := range []int{1, most - 1, most, most + 1, 379_999, 390_000, 390_001, report.MostTrials} {
		n, every := 0, report.CurvesEvery(rows)
		for row := range rows {
			if row < best || row%every == 0 {
				n++
			}
		}
		if n > most || n < min(rows, most/2) {
			t.Errorf("of %d trials, %d have curves", rows, n)
		}
	}
}

// TestAnswer checks what the page says without its script.
func TestAnswer(t *testing.T) {
	text := string(write(t, page(gridOf())))
	for _, want := range []string{
		`<p class="hero">0.5030 <small>± 0.0050</small></p>`, // mean of .501, .503 and .505; 4.3027·.002/√3
		"mean validation accuracy over 3 seeds, 95 % interval",
		"<strong>1</strong> of the 11 other settings cannot be told from the best, compared seed by seed (standard deviation between seeds 0.0020).",
		"3 settings are not compared, because fewer than two seeds have comparable results in both.", // their trials diverged
		"The best of 12 is in part the luckiest: with fresh seeds, expect less than 0.5030.",
		"<strong>reg</strong> is best at the highest tried (0.5): go higher.",
		"9 of 36 trials diverged (25 %), the lowest at lr 1.",
		"run true [{reg 0.5,0.1} {seed 3..7}]",
		"run false [{lr log:0.0001..0.01:5} {reg 0.5,2,8} {seed 0,1,2}]",
	} {
		if !strings.Contains(strings.ReplaceAll(text, "&#43;", "+"), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	few := recordOf(1e-3, 0, 0, .99)
	few.Config.Split[1] = 100
	few.Key = few.Config.Key()
	stopped := []results.Record{recordOf(1e-3, 0, 0, .5), recordOf(1e-3, 0, 1, .502), recordOf(1e-3, 0, 2, .504), recordOf(1e-3, .1, 0, .503), recordOf(1e-3, .1, 1, .5), recordOf(1e-3, .1, 2, .502)}
	for i := range stopped {
		stopped[i].State, stopped[i].Steps, stopped[i].Accuracy.FinalStep = results.Stopped, 50, 50
	}
	for name, c := range map[string]struct {
		records []results.Record
		want    []string
	}{
		"all diverged": {gridOf()[27:], []string{"All trials on record diverged, so there is no best setting.", "There is nothing to compare yet."}},
		"one trial":    {gridOf()[:1], []string{`<p class="hero">0.3000`, "setting was tried, so nothing is compared.", "No parameter varies among the trials."}},
		"one seed": {oneSeed(), []string{"<strong>1</strong> of the 8 other settings lies above 0.4711, the lower end of the interval of the best: the choice of the images alone may explain that.",
			`<p class="hero">0.5020 <small>(0.4711 to 0.5329)</small></p>`, "with one seed; 95 % interval over the choice of 1000 images"}},
		"99 of 100 images":  {[]results.Record{few}, []string{`<p class="hero">0.9900 <small>(0.9455 to 0.9982)</small></p>`}},
		"best has one seed": {append(gridOf()[:9], recordOf(5e-3, .1, 0, .9)), []string{"No other setting of 4 is compared with the best, because fewer than two seeds have comparable results in both."}},
		"other seeds":       {[]results.Record{recordOf(1e-3, 0, 1, .5), recordOf(1e-3, .1, 2, .4)}, []string{"No other setting of 2 is compared with the best, because no seed has comparable results in both."}},
		"stopped":           {stopped, []string{"<strong>1</strong> other setting cannot be told from the best, compared seed by seed (standard deviation between seeds 0.0018).", "differ by 0.0003: seeds alone will hardly tell them apart"}},
	} {
		text := string(write(t, page(c.records)))
		if n := strings.Count(text, "Every other setting differs"); n > 0 {
			t.Errorf("%s: the page says that every other setting differs from the best", name)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the page lacks %s", name, want)
			}
		}
	}
}

// functionOf returns the records of a function of two parameters, which is maximized, or of its negative, which is
// minimized. The setting with x 2 is the best, and that with x 3 is tied with it.
func functionOf(minimize bool) []results.Record {
	var all []results.Record
	for x := range 5 {
		for y := range 3 {
			for seed := range uint32(3) {
				v := 7 - math.Abs(float64(x)-2.4)/10 - float64(y)/100 + []float64{0, .03, -.02}[(int(seed)+x)%3]
				c := results.Config{Objective: "f", Minimize: minimize, Seed: seed, Iters: 1, Params: results.Params{{Name: "x", Number: float64(x)}, {Name: "y", Number: float64(y)}}}
				if minimize {
					v = -v
				}
				r := results.Record{Key: c.Key(), State: results.Done, Config: c, Steps: 1}
				r.Accuracy.FinalVal = &v
				all = append(all, r)
			}
		}
	}
	return all
}

// TestMinimized compares the page of a function that is maximized with that of its negative, which is minimized.
func TestMinimized(t *testing.T) {
	var said [2]string
	for i, minimize := range []bool{false, true} {
		text := string(write(t, page(functionOf(minimize))))
		body := text[strings.Index(text, "<main>"):strings.Index(text, "</main>")]
		said[i] = body
		for _, want := range []string{
			"<dt>x</dt><dd>2</dd>", "differ by 0.02: about 19 seeds",
			[]string{"expect less than 6.96", "expect more than -6.96"}[i], []string{"-0.01 ± ", "&#43;0.01 ± "}[i],
		} {
			if !strings.Contains(body, want) {
				t.Errorf("minimize %t: the page lacks %s", minimize, want)
			}
		}
	}
	// The cells of the heat map and the bars of the strips have the same colours.
	colors := func(body string) string {
		return strings.Join(regexp.MustCompile(`class="r\d+" x="[\d.]+"`).FindAllString(body, -1), " ")
	}
	if up, down := colors(said[0]), colors(said[1]); up != down || strings.Count(up, "class") < 15 {
		t.Errorf("the colours of the function are\n%s\nand those of its negative\n%s", up, down)
	}
	one := func(minimize bool) []results.Record {
		return slices.DeleteFunc(functionOf(minimize), func(r results.Record) bool { return r.Config.Seed != 0 })
	}
	for minimize, want := range map[bool]string{false: " below the best", true: " above the best"} {
		text := string(write(t, page(one(minimize))))
		if !strings.Contains(text, want) || strings.Contains(text, `<title>-`) {
			t.Errorf("minimize %t: the page lacks %q, or has a negative distance", minimize, want)
		}
	}
}

func oneSeed() []results.Record {
	return slices.DeleteFunc(gridOf()[:27], func(r results.Record) bool { return r.Config.Seed != 0 })
}

// TestFolders checks that a page of two folders has one column for each.
func TestFolders(t *testing.T) {
	records := append(gridOf()[:18], gridOf()[:9]...)
	p := page(records)
	p.Folders = []report.Folder{{Name: "a"}, {Name: "b"}}
	p.Folder = func(row int) int {
		if index := slices.IndexFunc(records, func(r results.Record) bool { return r.Key == p.Table.Record(row).Key }); index < 9 {
			return row % 2
		}
		return 0
	}
	text := write(t, p)
	if want := `<thead><tr><th scope="col">folder</th><th scope="col">a</th><th scope="col">b</th></tr></thead>`; !strings.Contains(string(text), want) {
		t.Errorf("the page lacks %s", want)
	}
	d, err := report.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if c := d.Column("out"); c == nil || !c.Axis || !slices.Contains(c.Texts, "b") {
		t.Errorf("the column out is %+v", c)
	}
	if strings.Contains(string(text), "of 12 cannot") {
		t.Error("trials that are in both folders count twice")
	}
}

// TestInert checks that texts of records cannot become markup.
func TestInert(t *testing.T) {
	records := gridOf()
	evil := `</script><img src=x onerror=alert(1)>"'<!--`
	for i := range records {
		records[i].DataName, records[i].Impl, records[i].Machine.CPU = evil, evil, evil
		records[i].Error = evil
	}
	p := page(records)
	p.Folders[0].Name, p.Folders[0].Verify = evil, evil
	p.Version = evil
	p.Net = func(int, *results.Record) (*report.Net, error) {
		return &report.Net{Classes: []string{evil}, Confusion: [][]int{{1}}}, nil
	}
	text := string(write(t, p))
	if strings.Contains(text, "<img") {
		t.Error("a label is an element")
	}
	if n, want := strings.Count(text, "</script>"), strings.Count(text, "<script"); n != want {
		t.Errorf("%d elements script begin and %d end", want, n)
	}
	d, err := report.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Column("impl").Texts[0]; got != evil {
		t.Errorf("the label is %q, want %q", got, evil)
	}
	var v struct{ Title string }
	if err := json.Unmarshal(d.View, &v); err != nil || v.Title != evil+", two-layer" {
		t.Errorf("the title is %q: %v", v.Title, err)
	}
}

// TestSelfContained checks that the page names no other file and no server.
func TestSelfContained(t *testing.T) {
	p := page(gridOf())
	text := string(write(t, p))
	for _, m := range regexp.MustCompile(`(?i)(src|href|action)\s*=\s*["']?([^"'\s>]*)`).FindAllStringSubmatch(text[:strings.LastIndex(text, "<script>")], -1) {
		if m[2] != "#table" && m[2] != "data:," {
			t.Errorf("the page has %s", m[0])
		}
	}
	if strings.Contains(text, "@import") || strings.Contains(text, "url(http") {
		t.Error("the styles load something")
	}
	if !report.IsPage(strings.NewReader(text)) || report.IsPage(strings.NewReader("<!doctype html><html>")) || report.IsPage(strings.NewReader("")) {
		t.Error("IsPage does not recognize pages")
	}
}

func TestNoTrials(t *testing.T) {
	if err := page(nil).Write(new(bytes.Buffer)); !errors.Is(err, report.ErrNoTrials) {
		t.Errorf("error %v, want ErrNoTrials", err)
	}
}

// TestCurveError checks that the page is not written if a curve cannot be read.
func TestCurveError(t *testing.T) {
	p := page(gridOf())
	broken := errors.New("broken")
	p.Folders[0].Curve = func(string) (curve.Curve, bool, error) { return curve.Curve{}, false, broken }
	if err := p.Write(new(bytes.Buffer)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

// TestDeterministic checks that two pages of the same trials are the same.
func TestDeterministic(t *testing.T) {
	a, b := gridOf(), gridOf()
	slices.Reverse(b)
	if !bytes.Equal(write(t, page(a)), write(t, page(b))) {
		t.Error("the page depends on the order of the records")
	}
}

// FuzzRead checks that the reader returns an error or consistent data for any page.
func FuzzRead(f *testing.F) {
	p := page(gridOf()[:3])
	p.Folders[0].Curve = func(string) (curve.Curve, bool, error) { return curveOf(3), true, nil }
	text := write(f, p)
	at := bytes.Index(text, []byte(`<script type="application`))
	end := bytes.LastIndex(text, []byte("<script>"))
	f.Add(text[at:end])
	f.Add([]byte(`<script type="application/gzip;base64" id="data">AAAA</script>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := report.Read(text)
		if err != nil {
			return
		}
		for _, c := range d.Columns {
			if len(c.Texts)+len(c.Numbers) != d.Rows {
				t.Errorf("column %s has %d and %d values, want %d", c.Name, len(c.Texts), len(c.Numbers), d.Rows)
			}
		}
	})
}
