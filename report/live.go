package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"fusegrid/results"
	"fusegrid/results/curve"
)

// A Live says that a page follows a study that runs. Such a page has no curves in it, and may have no trials yet.
type Live struct {
	Events  string `json:"events"`  // address of the stream of events
	Curves  string `json:"curves"`  // address of curves
	After   string `json:"after"`   // the last event that is in the page
	Version string `json:"version"` // of the program
	Shape   string `json:"shape"`   // see [Page.Cards]
}

// emptyLive is the body of a live page without trials.
const emptyLive = `<header class="bar"><div class="bar-in"><h1>{{.Title}}</h1><p id="counts">0 trials</p><p id="live" class="app"></p><p id="aloud" class="vh" role="status"></p></div></header>
<main><section class="card w12" aria-labelledby="h-empty"><h2 class="label" id="h-empty">Trials</h2><p class="empty">No trial has ended yet. The page shows each trial as soon as it has ended.</p></section></main>
<footer><p>{{.Footer}}</p></footer>
<div id="tip" hidden></div>`

// writeEmpty writes a live page without trials.
func (p *Page) writeEmpty(w io.Writer) error {
	title := p.Folders[0].Name
	return p.file(w, title, func(b io.Writer) error {
		t := template.Must(template.New("empty").Parse(emptyLive))
		return t.Execute(b, struct{ Title, Footer string }{title, "Written by " + p.Version + "."})
	}, nil, nil, nil, nil)
}

// Cards returns the cards of a page that its script does not draw, as HTML, and the shape of the page: the script can
// add trials to a page while its shape remains the same.
func (p *Page) Cards() (html, shape string, err error) {
	s := p.study()
	t, err := template.New("body").Parse(bodyText)
	if err != nil {
		return "", "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, p.body(s))
	return b.String(), s.shape(), err
}

// shape describes the axes and columns of a page.
func (s *study) shape() string {
	var b strings.Builder
	for _, c := range s.page.columns() {
		fmt.Fprintf(&b, "%s %t\n", c.Name, c.Kind == results.Text)
	}
	for _, x := range s.axes {
		fmt.Fprintf(&b, "%s %t %t\n", x.name, x.numeric, x.log)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:6])
}

// Rows are trials for the script of a live page.
type Rows struct {
	Columns []string `json:"columns"`
	Keys    []string `json:"keys"`
	Cells   [][]any  `json:"cells"` // by trial and column: a number, a text, or nil
}

// Rows returns the trials of the page in the order of its table.
func (p *Page) Rows() *Rows {
	cols := p.columns()
	r := &Rows{Keys: []string{}, Cells: make([][]any, p.Table.Len())}
	for i := range cols {
		if cols[i].Name != "rank" {
			r.Columns = append(r.Columns, cols[i].Name)
		}
	}
	for row := range p.Table.Len() {
		r.Keys = append(r.Keys, p.Table.Record(row).Key)
		for i := range cols {
			if cols[i].Name != "rank" {
				r.Cells[row] = append(r.Cells[row], p.cell(&cols[i], row))
			}
		}
	}
	return r
}

// cell returns a value as JSON has it. Infinite numbers are texts.
func (p *Page) cell(c *results.Column, row int) any {
	if c.Kind == results.Text {
		text, ok := c.Text(row)
		if !ok {
			text = p.Implied[c.Name]
		}
		if text == "" {
			return nil
		}
		return text
	}
	switch x, ok := c.Number(row); {
	case !ok || math.IsNaN(x):
		return nil
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	case c.Role == results.Timing:
		return float32(x)
	default:
		return x
	}
}

// live returns what the script of a live page needs to follow the study.
func (p *Page) live(s *study) ([]byte, error) {
	l := *p.Live
	l.Version = p.Version
	if s != nil {
		l.Shape = s.shape()
	}
	return json.Marshal(l) // escapes <, > and &
}

// A Series is a learning curve for the script of a live page. Missing values are nil.
type Series struct {
	Steps     []int `json:"steps"`
	Val       []any `json:"val"`
	Train     []any `json:"train"`
	LossSteps []int `json:"lossSteps"`
	Loss      []any `json:"loss"`
}

// SeriesOf returns the kept points of a curve.
func SeriesOf(c curve.Curve) *Series {
	k := thin(c, true)
	finite := func(series []float32) []any {
		all := make([]any, len(series))
		for i, v := range series {
			if x := float64(v); !math.IsNaN(x) && !math.IsInf(x, 0) {
				all[i] = v
			}
		}
		return all
	}
	return &Series{k.steps, finite(k.val), finite(k.train), k.lossSteps, finite(k.loss)}
}
