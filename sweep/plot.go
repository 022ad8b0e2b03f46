package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/internal/atomicfile"
	"fusegrid/internal/cli"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// A plotter draws the pictures of an output folder.
type plotter struct {
	dir   string // the output folder
	to    string // folder of the pictures
	force bool
	where string // condition on the columns; "" for all trials
	x, y  string // axes of the heat map; "" for those that suit the trials

	stdout, stderr io.Writer
	drawn          int
}

// plotsDir is the folder of the pictures in an output folder, unless the user names another.
const plotsDir = "plots"

// drawPlots is the command sweep plot. A sweep may be writing to the folder.
func drawPlots(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p := &plotter{stdout: stdout, stderr: stderr}
	flags := cli.NewFlags("plot")
	flags.Func("o", "`folder`", text(&p.to))
	flags.Func("where", "", text(&p.where))
	flags.Func("x", "", text(&p.x))
	flags.Func("y", "", text(&p.y))
	flags.BoolVar(&p.force, "force", false, "")
	names, err := parseNames(flags, args)
	if err != nil {
		return err
	}
	if len(names) > 1 {
		return badInput{fmt.Errorf("%q: sweep plot takes one folder; see sweep help plot", names[1])}
	}
	if (p.x == "") != (p.y == "") {
		return badInput{errors.New("-x and -y are the two axes of the heat map; give both")}
	}
	table, err := readTable(names, stderr)
	if err != nil {
		return err
	}
	p.dir = folderName(table.dirs[0])
	if p.to == "" {
		p.to, p.force = filepath.Join(p.dir, plotsDir), true // the folder is ours
	}
	rows, err := rowsWhere(p.where, table.Columns(), table.Len())
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return badInput{fmt.Errorf("-where %s: no trial of %s fits", p.where, p.dir)}
	}
	return p.draw(ctx, table.Select(rows))
}

// A drawing is a picture and its files.
type drawing struct {
	name, what string
	why        string // why there is no such picture; "" if there is one
	png, svg   func(io.Writer) error
}

// draw writes all pictures of a table.
func (p *plotter) draw(ctx context.Context, table *results.Table) error {
	heat, err := p.heatMap(table)
	if err != nil {
		return err
	}
	curves, err := p.curves(table)
	if err != nil {
		return err
	}
	weights, err := p.weights(table)
	if err != nil {
		return err
	}
	drawings := []drawing{heat, curves, times(table), weights}
	if err := p.mayWrite(drawings); err != nil {
		return err
	}
	for _, d := range drawings {
		if d.why != "" {
			logger(p.stderr).Printf("no %s: %s", d.what, d.why)
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.write(d); err != nil {
			return err
		}
	}
	if p.drawn == 0 {
		return badInput{fmt.Errorf("%s has nothing to draw", p.dir)}
	}
	return nil
}

func (p *plotter) heatMap(table *results.Table) (drawing, error) {
	d := drawing{name: "heatmap", what: "heat map"}
	vary := slices.DeleteFunc(table.Varying(), func(name string) bool { return name == "seed" })
	for _, axis := range []string{p.x, p.y} {
		if axis != "" && !slices.Contains(vary, axis) {
			return d, badInput{fmt.Errorf("%q is no parameter that varies; the axes of the heat map can be %s", axis, and(vary))}
		}
	}
	if p.x == p.y && p.x != "" {
		return d, badInput{fmt.Errorf("-x %s -y %s: the axes of the heat map must differ", p.x, p.y)}
	}
	x, y := p.x, p.y
	if x == "" {
		x, y = results.HeatAxes(table)
	}
	if x == "" {
		d.why = "fewer than two parameters vary"
		return d, nil
	}
	h := results.NewHeatMap(table, x, y)
	if !h.Worthwhile() {
		d.why = fmt.Sprintf("%s and %s have no result, one value or too many words", x, y)
	}
	d.png, d.svg = h.WritePNG, h.WriteSVG
	return d, nil
}

func (p *plotter) curves(table *results.Table) (drawing, error) {
	d := drawing{name: "curves", what: "learning curves"}
	kept, err := (&folder.Folder{Dir: p.dir}).Curves()
	if err != nil {
		return d, badInput{err}
	}
	defer kept.Close()
	best, err := results.NewBestCurves(table, sound(kept))
	if err != nil {
		return d, err
	}
	if !best.Worthwhile() {
		d.why = "no trial with a result has a curve of at least 20 losses"
	}
	d.png, d.svg = best.WritePNG, best.WriteSVG
	return d, nil
}

func times(table *results.Table) drawing {
	t := results.NewTimePlot(table)
	d := drawing{name: "time", what: "accuracy against time", png: t.WritePNG, svg: t.WriteSVG}
	if !t.Worthwhile() {
		d.why = "all trials took the same time; nets of one block share it"
	}
	return d
}

// weights draws the first layers of the best and of the worst kept net.
func (p *plotter) weights(table *results.Table) (drawing, error) {
	d := drawing{name: "weights", what: "weights", why: "no weights of images are kept; sweep -keep N keeps those of the N best trials"}
	var kept []*results.Record
	for row := range table.Len() {
		r := table.Record(row)
		if _, err := os.Stat(p.weightsOf(r)); err == nil {
			kept = append(kept, r)
		}
	}
	if len(kept) == 0 {
		return d, nil
	}
	titles := []string{"best", "worst kept"}
	if kept[0] == kept[len(kept)-1] {
		kept, titles = kept[:1], titles[:1]
	} else {
		kept = []*results.Record{kept[0], kept[len(kept)-1]}
	}
	var images []results.Captioned
	for i, r := range kept {
		w, err := readWeights(p.weightsOf(r), r)
		if err != nil {
			return d, badInput{err}
		}
		img := tiles(w)
		if img == nil {
			d.why = fmt.Sprintf("the weights are for %s, not for images of 1 or 3 channels", kind(w.Shape, w.Floats))
			return d, nil
		}
		caption := fmt.Sprintf("%s, %.6s", titles[i], r.Key)
		if r.Val() != nil {
			caption = fmt.Sprintf("%s, val %.4f (%.6s)", titles[i], *r.Val(), r.Key)
		}
		images = append(images, results.Captioned{Caption: caption, Image: img})
	}
	d.why = ""
	d.png = func(w io.Writer) error { return results.WriteImagesPNG(w, images...) }
	return d, nil
}

func (p *plotter) weightsOf(r *results.Record) string {
	return filepath.Join(p.dir, folder.WeightsDir, r.Key+".safetensors")
}

// files returns the names of the files of a drawing.
func (p *plotter) files(d drawing) (names []string) {
	for suffix, write := range map[string]func(io.Writer) error{".png": d.png, ".svg": d.svg} {
		if d.why == "" && write != nil {
			names = append(names, filepath.Join(p.to, d.name+suffix))
		}
	}
	slices.Sort(names)
	return names
}

// mayWrite returns an error if a picture would replace a file that is not ours, and makes the folder.
func (p *plotter) mayWrite(drawings []drawing) error {
	for _, d := range drawings {
		for _, name := range p.files(d) {
			if _, err := os.Lstat(name); !p.force && !errors.Is(err, fs.ErrNotExist) {
				return badInput{fmt.Errorf("%s exists; replace it with -force, or name another folder with -o", name)}
			}
		}
	}
	if err := os.MkdirAll(p.to, 0o755); err != nil {
		return badInput{fmt.Errorf("-o: %w", err)}
	}
	return nil
}

func (p *plotter) write(d drawing) error {
	names := p.files(d)
	for _, name := range names {
		content := d.png
		if strings.HasSuffix(name, ".svg") {
			content = d.svg
		}
		if err := atomicfile.Write(name, content); err != nil {
			return err
		}
	}
	p.drawn++
	_, err := fmt.Fprintf(p.stdout, "%s: %s\n", d.what, strings.Join(names, ", "))
	return err
}
