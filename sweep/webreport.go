package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/internal/atomicfile"
	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/nn/dataset"
	"fusegrid/report"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
)

// A reporter writes the page of some output folders.
type reporter struct {
	file  string
	force bool
	data  dataChoice // given by flags

	stderr io.Writer
	table  *sweepTable
	curves []*folder.Curves
	words  []page                    // of each folder: the data set of its trials
	splits map[string]*dataset.Split // by folder and split; nil if the data set is not here
	kept   map[int]map[string]bool   // files of weights, by folder
}

// writeReport is the command sweep report. A sweep may be writing to the folders.
func writeReport(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	r := &reporter{file: "report.html", stderr: stderr, splits: map[string]*dataset.Split{}, kept: map[int]map[string]bool{}}
	flags := cli.NewFlags("report")
	flags.Func("o", "`file`", text(&r.file))
	flags.BoolVar(&r.force, "force", false, "")
	r.data.loadFlags(flags)
	names, err := parseNames(flags, args)
	if err != nil {
		return err
	}
	if err := r.mayWrite(); err != nil {
		return err
	}
	collectFor(0) // nearly all of the memory is records, and garbage of the same size is affordable
	if r.table, err = readTable(names, stderr); err != nil {
		return err
	}
	if r.table.Len() == 0 {
		return badInput{fmt.Errorf("%s has no trial on record yet", strings.Join(r.table.dirs, ", "))}
	}
	p, err := r.page(ctx)
	defer r.close()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := atomicfile.Write(r.file, func(w io.Writer) error {
		_, err := w.Write(b.Bytes())
		return err
	}); err != nil {
		return fmt.Errorf("-o %s: %w", r.file, err)
	}
	_, err = fmt.Fprintf(stdout, "%s: %s, %s; open it in a browser\n", r.file, say.Plural(r.table.Len(), "trial"), say.Bytes(int64(b.Len())))
	return err
}

// mayWrite returns an error if the file exists, unless it is such a page or may be replaced.
func (r *reporter) mayWrite() error {
	info, err := os.Stat(r.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if dir := filepath.Dir(r.file); !isFolder(dir) {
			return badInput{fmt.Errorf("-o %s: there is no folder %s; make it first", r.file, dir)}
		}
		return nil
	case err != nil:
		return badInput{fmt.Errorf("-o: %w", err)}
	case info.IsDir():
		return badInput{fmt.Errorf("-o %s: it is a folder; name a file", r.file)}
	case precious(r.file):
		return badInput{fmt.Errorf("-o %s: it is a file of a sweep; name another file", r.file)}
	case r.force:
		return nil
	}
	f, err := os.Open(r.file)
	if err != nil {
		return badInput{fmt.Errorf("-o: %w", err)}
	}
	defer f.Close()
	if !report.IsPage(f) {
		return badInput{fmt.Errorf("-o %s: it exists and is no page of sweep report; replace it with -force, or name another file", r.file)}
	}
	return nil
}

// page returns the material of the page.
func (r *reporter) page(ctx context.Context) (*report.Page, error) {
	p := &report.Page{Table: r.table.Table, Implied: implied, Version: cli.Version("sweep"), Command: r.command}
	index := map[string]int{}
	for i, dir := range r.table.dirs {
		index[dir] = i
		curves, err := (&folder.Folder{Dir: folderName(dir)}).Curves()
		if err != nil {
			return nil, badInput{err}
		}
		r.curves = append(r.curves, curves)
		if n := len(curves.Recovery.Damage); n > 0 {
			logger(r.stderr).Printf("%s: %s are damaged and left out", filepath.Join(folderName(dir), folder.CurvesName), say.Plural(n, "curve"))
		}
		r.choose(dir)
		p.Folders = append(p.Folders, report.Folder{Name: dir, Curve: sound(curves)})
	}
	if len(r.table.dirs) > 1 {
		p.Folder = func(row int) int { return index[r.table.folderOf(r.table.Record(row))] }
	}
	r.verifyCommands(p)
	p.Lists = listedAxes(r.table.Record(0).Config)
	p.Net = func(i int, rec *results.Record) (*report.Net, error) { return r.net(ctx, i, rec) }
	return p, nil
}

// choose chooses the data set that the commands of the next folder name.
func (r *reporter) choose(dir string) {
	choice := r.data
	if choice == (dataChoice{}) {
		choice = choiceOf(folderName(dir))
	}
	r.words = append(r.words, page{data: choice})
}

// sound returns the curves that are not damaged.
func sound(curves *folder.Curves) func(key string) (curve.Curve, bool, error) {
	return func(key string) (curve.Curve, bool, error) {
		c, ok, err := curves.Of(key)
		if err != nil {
			return c, false, nil
		}
		return c, ok, nil
	}
}

func (r *reporter) close() {
	for _, c := range r.curves {
		c.Close()
	}
}

// folderName returns the folder of a name that may be that of a journal.
func folderName(name string) string {
	if isFolder(name) {
		return name
	}
	return filepath.Dir(name)
}

// choiceOf returns the data set that the last sweep into a folder named, if its status says so.
func choiceOf(dir string) (c dataChoice) {
	status, err := readStatus(filepath.Join(dir, folder.StatusName))
	if err != nil || status == nil {
		return c
	}
	flags := cli.NewFlags("sweep")
	c.loadFlags(flags)
	words := unquote(status.Command)
	for i, word := range words {
		name, value, valued := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !strings.HasPrefix(word, "-") || flags.Lookup(name) == nil {
			continue
		}
		if !valued && i+1 < len(words) {
			value = words[i+1]
		}
		if name == "data" && value != builtIn && !filepath.IsAbs(value) {
			if here, err := os.Getwd(); err == nil && here != status.Dir {
				value = filepath.Join(status.Dir, value)
			}
		}
		if flags.Set(name, value) != nil {
			return dataChoice{}
		}
	}
	return c
}

// unquote splits a command that quote wrote into its words.
func unquote(command string) (words []string) {
	var word strings.Builder
	quoted, some := false, false
	for i := 0; i < len(command); i++ {
		switch c := command[i]; {
		case c == '\'':
			quoted, some = !quoted, true
		case c == '\\' && !quoted && i+1 < len(command):
			i++
			word.WriteByte(command[i])
		case c == ' ' && !quoted:
			if word.Len() > 0 || some {
				words = append(words, word.String())
			}
			word.Reset()
			some = false
		default:
			word.WriteByte(c)
		}
	}
	if word.Len() > 0 || some {
		words = append(words, word.String())
	}
	return words
}

// listedAxes returns the axes of which a sweep of such trials takes lists.
func listedAxes(c results.Config) (names []string) {
	for _, a := range grid.Standard() {
		if a.Name != "seed" && a.Name != "epochs" && !(c.Net == "fc" && a.Name == "iters") {
			names = append(names, a.Name)
		}
	}
	return names
}

// verifyCommands adds the commands that verify trials.
func (r *reporter) verifyCommands(p *report.Page) {
	for i, dir := range r.table.dirs {
		if r.table.Record(0).Config.Objective != "" {
			continue
		}
		words := append([]string{"verify", "-out", folderName(dir)}, r.words[i].dataWords()...)
		p.Folders[i].Verify = commandLine(append(words, "-trial"))
	}
}

// command returns the command of a sweep into the folder of a trial, which trains trials like it.
func (r *reporter) command(base *results.Record, lists []report.List, zip bool) (text, note string) {
	i := slices.Index(r.table.dirs, r.table.folderOf(base))
	if i < 0 {
		i = 0
	}
	given := map[string]string{"out": folderName(r.table.dirs[i])}
	var zipped []string
	for _, l := range lists {
		given[l.Name] = l.Values
		if l.Name != "seed" {
			zipped = append(zipped, l.Name)
		}
	}
	if zip && len(zipped) > 1 {
		given["zip"] = strings.Join(zipped, ",")
	}
	words, unknown := r.words[i].againWith(base, given)
	if unknown != "" {
		return "", "The page has no command, because the folder of the data is not known; sweep report -data DIR names it."
	}
	return commandLine(words), ""
}

// net returns the pictures of a kept net.
func (r *reporter) net(ctx context.Context, i int, rec *results.Record) (*report.Net, error) {
	dir := folderName(r.table.dirs[i])
	if r.kept[i] == nil { // once, because trials may be many
		r.kept[i] = keptNets(dir)
	}
	if !r.kept[i][rec.Key+weightsEnd] {
		return nil, nil
	}
	w, picture, err := drawWeights(dir, rec)
	if err != nil {
		logger(r.stderr).Printf("a picture is left out: %v", err)
		return nil, nil
	}
	n := report.Net{PNG: picture}
	data, err := r.split(ctx, i, rec)
	if err != nil {
		return nil, err
	}
	const mostClasses = 20
	if data != nil && len(data.Classes) <= mostClasses {
		val, err := predictVal(ctx, w, data)
		if err != nil {
			return nil, err
		}
		n.Confusion, n.Classes, n.Samples = val.confusion(), data.Classes, "Validation samples"
	}
	return &n, nil
}

// weightsEnd is the end of the names of files of weights, after the key.
const weightsEnd = ".safetensors"

// keptNets returns the names of the files of weights in an output folder.
func keptNets(dir string) map[string]bool {
	kept := map[string]bool{}
	names, _ := os.ReadDir(filepath.Join(dir, folder.WeightsDir)) // no folder has no nets
	for _, n := range names {
		kept[n.Name()] = true
	}
	return kept
}

// drawWeights returns the kept weights of a trial, and a picture of them as PNG, or nil if they are not for images.
func drawWeights(dir string, rec *results.Record) (w *folder.Weights, picture []byte, err error) {
	if w, err = readWeights(filepath.Join(dir, folder.WeightsDir, rec.Key+weightsEnd), rec); err != nil {
		return nil, nil, err
	}
	img := tiles(w)
	if img == nil {
		return w, nil, nil
	}
	var b bytes.Buffer
	err = png.Encode(&b, img)
	return w, b.Bytes(), err
}

// split returns the data of a trial, or nil if it is not found. It returns an error if a flag names the data.
func (r *reporter) split(ctx context.Context, i int, rec *results.Record) (*dataset.Split, error) {
	key := fmt.Sprint(i, rec.Config.Data, rec.Config.Net, rec.Config.Split, rec.Config.Partition, rec.Config.Norm)
	if s, ok := r.splits[key]; ok {
		return s, nil
	}
	v := &verifier{data: r.words[i].data, stderr: io.Discard, splits: map[string]*dataset.Split{}}
	s, err := v.split(ctx, *rec)
	if err != nil && r.data != (dataChoice{}) {
		return nil, err
	}
	if err != nil {
		s = nil
	}
	r.splits[key] = s
	return s, ctx.Err()
}
