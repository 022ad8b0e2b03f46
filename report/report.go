// Package report writes the trials of sweeps as one page: a file of HTML that holds its data, its script and its
// styles, and that reads nothing else. docs/report.md describes what the page shows.
//
// The data is in blocks, which are elements script of a type that browsers do not run. A block is the base64 text of a
// gzip file of
//
//	uint32     length of the header, little-endian as all numbers
//	JSON       the header
//	zeros      up to a multiple of 8 bytes
//	data       columns one after the other, each from a multiple of 8 bytes
//
// The header of the element data has the columns with their encodings, names and offsets. The rows of all columns are
// the trials in the order of [results.Rank], the best first. The encodings of a column are
//
//	const      no data: the only value of the dictionary, or missing values if the dictionary is empty
//	d8, d16    codes of the dictionary as uint8 or uint16; the largest code is a missing value
//	q16        like d16, but all low bytes stand before all high bytes
//	f32, f64   floats; NaN is a missing value
//	p32, p64   like these, but the first bytes of all rows stand first, then the second bytes, and so on
//	hex        the first bytes of the keys of trials
//
// Parameters and outcomes are exact. Times and rates are rounded to float32. The writer takes the encoding that is the
// smallest in the file. [Read] reads the blocks.
//
// The element curvesdata has the learning curves, and is absent if there are none. Accuracies are multiples of a unit,
// which is exact if accuracies are shares of up to 30,000 images. The values of functions are float32. A loss x is
// round(1024·log2 x).
package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"fusegrid/results"
	"fusegrid/results/curve"
)

// MostTrials is the number of trials that a page can have. Browsers limit the height of its table.
const MostTrials = 500_000

// mostNets is the number of kept nets whose pictures a page has.
const mostNets = 10

// folderColumn is the name of the column of folders.
const folderColumn = "out"

// A Page is the material of a page.
type Page struct {
	Table   *results.Table    // all trials of all folders
	Folders []Folder          // at least one
	Folder  func(row int) int // the folder of a row of Table; nil if there is one folder
	Implied map[string]string // values that records omit, by column
	Version string            // of the program that writes the page

	// Net returns pictures of the kept net of a trial. Write calls it from one goroutine. It returns nil if the weights are not kept. A nil function
	// keeps none.
	Net func(folder int, r *results.Record) (*Net, error)

	// Command returns a command that trains trials with the parameters of base, other than those in lists, and a note
	// on the command, or "". With zip, the values of lists other than seed are paired. A nil function leaves
	// commands out.
	Command func(base *results.Record, lists []List, zip bool) (text, note string)

	// Lists are the parameters of which Command takes lists.
	Lists []string

	// Live is nil unless the page follows a study that runs.
	Live *Live
}

// A Folder is an output folder of a page.
type Folder struct {
	Name   string
	Verify string // command that verifies a trial, up to the key; "" if there is none

	// Curve returns the curve of a trial, and reports whether there is one. It is safe for concurrent calls.
	Curve func(key string) (curve.Curve, bool, error)
}

// A List is a list of values of a parameter, in the syntax of the flags of a sweep.
type List struct{ Name, Values string }

// A Net has pictures of a trained net.
type Net struct {
	PNG       []byte   `json:"png,omitempty"`     // weights of the first layer
	Classes   []string `json:"classes,omitempty"` // names of the classes
	Confusion [][]int  `json:"confusion,omitempty"`
	Samples   string   `json:"samples,omitempty"` // what the confusion matrix counts, such as validation images
}

// A view has what the page's script shows in addition to columns.
type view struct {
	Title    string      `json:"title"`
	Result   string      `json:"result"`   // what val is
	Accuracy bool        `json:"accuracy"` // val is from 0 to 1
	Minimize bool        `json:"minimize"` // smaller values of val are better
	Order    []string    `json:"order"`    // axes, the most important first, without the seed
	Folders  []linkNames `json:"folders"`
	NetsNote string      `json:"nets_note"`
	Without  []string    `json:"without"` // columns of tables that the page leaves out
}

// linkNames has what the script needs to know of a folder.
type linkNames struct {
	Name   string `json:"name"`
	Verify string `json:"verify"`
}

// without lists the columns that the page leaves out, because they are long and differ in every trial.
var without = []string{"weights", "losses", "ended"}

// ErrNoTrials is the error of a page without trials.
var ErrNoTrials = errors.New("there are no trials on record")

// mark begins each page.
const mark = "<!doctype html>\n<html lang=\"en\" data-page=\"sweep-report\">\n"

// IsPage reports whether r begins like a page that Write wrote.
func IsPage(r io.Reader) bool {
	b := make([]byte, len(mark))
	_, err := io.ReadFull(r, b)
	return err == nil && string(b) == mark
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	switch {
	case p.Table.Len() == 0 && p.Live != nil:
		return p.writeEmpty(w)
	case p.Table.Len() == 0:
		return ErrNoTrials
	}
	rows := min(p.Table.Len(), MostTrials)
	// The parts are computed side by side. They only read the table.
	var all sync.WaitGroup
	var curves, nets []byte
	var curveErr, netErr error
	var cols []column
	if p.Live == nil { // a live page asks for curves
		all.Go(func() { curves, curveErr = curvesBlock(rows, p.curveOf) })
	}
	all.Go(func() { cols = encodeColumns(p.columns(), rows, p.Implied) })
	all.Go(func() { nets, netErr = p.nets(rows) })
	s := p.study()
	all.Wait()
	if err := cmp.Or(curveErr, netErr); err != nil {
		return err
	}
	data, err := p.data(s, cols, rows)
	if err != nil {
		return err
	}
	return p.html(w, s, data, curves, nets)
}

// study computes what the answer needs.
func (p *Page) study() *study {
	s := &study{page: p, table: p.Table, row: make(map[*results.Record]int, p.Table.Len()), accuracy: true}
	unique := make([]*results.Record, 0, p.Table.Len())
	seen := map[string]bool{}
	for row := range p.Table.Len() {
		r := p.Table.Record(row)
		if r.Config.Objective != "" {
			s.accuracy = false
		}
		if p.Folder != nil { // a trial may be in several folders
			if seen[r.Key] {
				continue
			}
			seen[r.Key] = true
		}
		s.row[r] = row
		unique = append(unique, r)
	}
	if all := p.Table.Summary(); all != nil && p.Folder == nil {
		s.settings = all.Settings()
	} else {
		s.settings = results.RankSettingsOf(unique, results.ByMean)
	}
	vary := append(p.Table.Varying(), folderColumn)
	s.axes = axesOf(p.columns(), p.Table.Len(), vary, p.Implied)
	s.importance()
	s.compare()
	return s
}

// importance orders the axes.
func (s *study) importance() {
	im, err := s.table.Importance()
	if err != nil {
		s.unknown = err.Error()
	}
	s.shares = im
	rank := func(x *axis) int {
		i := slices.IndexFunc(im.Axes, func(a results.Share) bool { return a.Axis == x.name })
		if i < 0 {
			return len(im.Axes)
		}
		return i
	}
	for _, x := range s.axes {
		if x.name != "seed" {
			s.order = append(s.order, x)
		}
	}
	slices.SortStableFunc(s.order, func(a, b *axis) int { return cmp.Compare(rank(a), rank(b)) })
}

// columns returns the columns of the page, with the folder if there are several. A live page has no test accuracies: it
// would show those of each trial that was the best for a time, and trials must not be chosen by them.
func (p *Page) columns() []results.Column {
	all := slices.DeleteFunc(p.Table.Columns(), func(c results.Column) bool {
		return slices.Contains(without, c.Name) || c.Name == "key" || p.Live != nil && c.Name == "test"
	})
	if p.Folder != nil {
		out := results.NewColumn(folderColumn, results.Text, func(b []byte, row int) []byte { return append(b, p.Folders[p.Folder(row)].Name...) })
		out.Role = results.Parameter
		all = append([]results.Column{out}, all...)
	}
	return append(all, p.shareOfPeak())
}

// shareOfPeak returns the column of the rate of a core as a share of its measured peak.
func (p *Page) shareOfPeak() results.Column {
	c := results.NewColumn("of_peak", results.Number, func(b []byte, row int) []byte {
		r := p.Table.Record(row)
		if r.Speed.Peak <= 0 || r.Speed.FLOPs <= 0 {
			return b
		}
		return fmt.Appendf(b, "%.4g", perCore(r)/r.Speed.Peak)
	})
	c.Role = results.Timing
	return c
}

// perCore returns the floating-point operations per second of one core.
func perCore(r *results.Record) float64 {
	cores := r.Speed.Cores
	if r.Machine.Cores > 0 {
		cores = min(cores, r.Machine.Cores)
	}
	return r.Speed.FLOPs / float64(max(cores, 1))
}

// folderOf returns the folder of a row.
func (p *Page) folderOf(row int) int {
	if p.Folder == nil {
		return 0
	}
	return p.Folder(row)
}

// curveOf returns the curve of a row.
func (p *Page) curveOf(row int) (c curve.Curve, ok bool, err error) {
	if of := p.Folders[p.folderOf(row)].Curve; of != nil {
		return of(p.Table.Record(row).Key)
	}
	return c, false, nil
}

// data returns the data block of encoded columns.
func (p *Page) data(s *study, cols []column, rows int) ([]byte, error) {
	keys := make([]string, rows)
	for row := range keys {
		keys[row] = p.Table.Record(row).Key
	}
	for i := range cols {
		for _, x := range s.axes {
			if cols[i].Name == x.name {
				cols[i].Axis, cols[i].Log = true, x.log
			}
		}
	}
	cols = append([]column{encodeKeys(keys)}, cols...)
	v := view{Title: p.title(), Result: s.what(), Accuracy: s.accuracy, Minimize: s.minimized(), Order: []string{}, Without: without, NetsNote: p.netsNote()}
	for _, x := range s.order {
		v.Order = append(v.Order, x.name)
	}
	for _, f := range p.Folders {
		v.Folders = append(v.Folders, linkNames{f.Name, f.Verify})
	}
	return dataBlock(dataHeader{Rows: rows, Total: p.Table.Len(), View: v}, cols)
}

func (p *Page) netsNote() string {
	if p.Net == nil {
		return ""
	}
	return fmt.Sprintf("The page has pictures of at most %d kept nets.", mostNets)
}

// title names the data and the net.
func (p *Page) title() string {
	first := p.Table.Record(0)
	if first.Config.Objective != "" {
		return first.Config.Objective
	}
	names := []string{first.DataName}
	net := first.Config.Net
	for row := range p.Table.Len() {
		r := p.Table.Record(row)
		if !slices.Contains(names, r.DataName) && len(names) < 3 {
			names = append(names, r.DataName)
		}
		if r.Config.Net != net {
			net = "several nets"
		}
	}
	return strings.Join(names, " and ") + ", " + net
}

// nets returns the pictures of the best kept nets as JSON, by key.
func (p *Page) nets(rows int) ([]byte, error) {
	if p.Net == nil {
		return nil, nil
	}
	all := map[string]*Net{}
	for row := range rows {
		r := p.Table.Record(row)
		if len(all) == mostNets {
			break
		}
		if _, ok := all[r.Key]; ok {
			continue
		}
		n, err := p.Net(p.folderOf(row), r)
		if err != nil {
			return nil, err
		}
		if n != nil {
			all[r.Key] = n
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	err := json.NewEncoder(&b).Encode(all) // escapes <, > and &
	return b.Bytes(), err
}
