package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid/internal/golden"
	"fusegrid/internal/searchtest"
	"fusegrid/nn/dataset"
	"fusegrid/nn/nprand"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// goldenFile returns the absolute name of a file of testdata, for tests that change the folder.
func goldenFile(t *testing.T, name string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// said returns what commands print and their exit codes, with the same name of the program in all tests.
func said(t *testing.T, commands ...[]string) string {
	t.Helper()
	var b strings.Builder
	for _, args := range commands {
		stdout, stderr, code := call(t, args...)
		fmt.Fprintf(&b, "$ sweep %s\n%s%s", quote(args), stdout, stderr)
		if code != exitOK {
			fmt.Fprintf(&b, "exit code %d\n", code)
		}
	}
	return strings.ReplaceAll(b.String(), strings.TrimSpace(commandLine(nil))+" ", "sweep ")
}

// TestShow shows folders of an earlier version, whose times do not change.
func TestShow(t *testing.T) {
	file := goldenFile(t, "show.txt")
	fma := goldenFile(t, "earlier/fma")
	copyEarlier(t, "muladd")
	if err := os.CopyFS("fma", os.DirFS(fma)); err != nil {
		t.Fatal(err)
	}
	const keep = "key,out,lr,hidden,rule,val,state"
	text := said(t,
		[]string{"show", "muladd", "-top", "4"},
		[]string{"show", "muladd/trials.jsonl", "-where", "state==done && val>0.14 || val==none", "-sort", "hidden,-lr"},
		[]string{"show", "-where", "lr>1e99", "muladd"},
		[]string{"show", "muladd", "-columns", "rank,key,hidden,rule,mu,lr,val,steps,data", "-sort", "rule,-val", "-top", "6"},
		[]string{"show", "muladd", "fma", "-columns", keep, "-top", "3", "-sort", "out"},
		[]string{"show", "muladd", "fma", "-columns", keep, "-where", "out==fma&&hidden=~x", "-csv"},
		[]string{"show", "muladd", "-columns", "rank,hidden,val,test,rule,seed", "-where", "rule!=sgd", "-json", "-top", "3"},
		[]string{"show", "muladd", "fma", "-top", "2"},
		[]string{"show", "muladd", "-where", "hiden==3"},
		[]string{"show", "muladd", "-where", "colour==3 && lr<1"},
	)
	golden.Check(t, file, text)
	for line := range strings.Lines(said(t, []string{"show", "muladd", "fma"})) {
		if n := utf8.RuneCountInString(line); n > 81 && !strings.HasPrefix(line, "no room") {
			t.Errorf("%d columns: %s", n-1, line)
		}
	}
}

// TestShowTrial shows all of a stopped trial.
func TestShowTrial(t *testing.T) {
	file := goldenFile(t, "show.txt")
	copyEarlier(t, "muladd")
	t.Setenv("LC_ALL", "C.UTF-8")
	golden.Check(t, file, said(t,
		[]string{"show", "muladd", "-trial", "bb771864"},
		[]string{"show", "muladd", "-trial", "bb771864", "-columns", "key,val", "-csv"},
		[]string{"show", "muladd", "-trial", "x"},
		[]string{"show", "muladd", "-trial", "bb771864", "-o", "p"},
	))
}

// TestTrainAgain checks that the command for a trial has one point, with the key of the trial.
func TestTrainAgain(t *testing.T) {
	searchtest.Long(t) // it splits the whole synthetic set, as copyEarlier arranges
	for _, name := range []string{"muladd-512", "fma-512"} {
		t.Run(name, func(t *testing.T) {
			out := copyEarlier(t, name)
			splits := map[string]*dataset.Split{}
			for _, r := range searchtest.Recorded(t, out) {
				words, _ := new(page).again(&r)
				o, err := parseOptions(words)
				if err != nil {
					if strings.Contains(err.Error(), "no kernel set") {
						t.Skipf("this build or machine lacks the kernels of the record: %v", err)
					}
					t.Fatal(err)
				}
				if splits[r.Config.Net] == nil {
					if splits[r.Config.Net], err = synthetic().DefaultSplit(pixels(r.Config.Net)); err != nil {
						t.Fatal(err)
					}
				}
				o.Data = splits[r.Config.Net]
				o.Runner = searchtest.RunnerFunc(func(context.Context, plan.Block, runner.Hooks) error { return nil })
				p, err := search.DryRun(t.Context(), o.study())
				if err != nil {
					t.Fatal(err)
				}
				if len(p.Points) != 1 || p.Points[0].Config.Key() != r.Key {
					t.Errorf("%s trains another trial than %.12s: %+v", quote(words), r.Key, p.Points)
				}
			}
		})
	}
}

// TestNetFiles checks that the confusion matrix of a trial has the validation accuracy on record, and that the picture
// of its weights has a tile for each unit.
func TestNetFiles(t *testing.T) {
	isolate(t)
	for _, args := range []string{"-net two-layer -hidden 5 -iters 20", "-net fc -hidden 6x5 -epochs 1 -dtype f64"} {
		dir := strings.Fields(args)[1]
		all := append(strings.Fields("-data synthetic -impl reference -quiet -keep 1 -batch 1000 -std 1e-2 -lr 1e-3 -reg 0 -out"), dir)
		if _, stderr, code := call(t, append(all, strings.Fields(args)...)...); code != exitOK {
			t.Fatal(stderr)
		}
		r := searchtest.Recorded(t, dir)[0]
		stdout, stderr, code := call(t, "show", dir, "-trial", r.Key[:8], "-o", "p", "-data", builtIn)
		if code != exitOK || stderr != "" {
			t.Fatalf("exit code %d, stderr %s", code, stderr)
		}
		stem := filepath.Join("p", r.Key[:12])
		for _, name := range []string{filepath.Join(dir, folder.WeightsDir, r.Key), stem + "-weights.png", stem + "-confusion.csv"} {
			if !strings.Contains(stdout, name) {
				t.Errorf("no word of %s in %s", name, stdout)
			}
		}
		if got := diagonal(t, stem+"-confusion.csv"); got != *r.Val() {
			t.Errorf("%s: the confusion matrix has accuracy %v, on record is %v", args, got, *r.Val())
		}
		f, err := os.Open(stem + "-weights.png")
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if want := 2 * (3*32 + 2*3); err != nil || img.Bounds().Dx() != want {
			t.Errorf("%v, picture of %v, want a width of %d", err, img.Bounds(), want)
		}
	}
}

// TestSameFolder checks that a sweep cannot be named twice, whatever the name.
func TestSameFolder(t *testing.T) {
	copyEarlier(t, "muladd")
	for _, args := range []string{"show muladd muladd", "show muladd ./muladd/trials.jsonl", "diff muladd muladd"} {
		words := strings.Fields(args)
		want := fmt.Sprintf("sweep: %s and %s are the same sweep; name each once\n", words[1], words[2])
		if stdout, stderr, code := call(t, words...); code != exitBadInput || stdout != "" || stderr != want {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", args, code, stdout, stderr, want)
		}
	}
}

// TestNoPicture checks that a message says why there is no picture of the weights of a net for features.
func TestNoPicture(t *testing.T) {
	isolate(t)
	writeNPZ(t, "features.npz", madeUp(1, "train", "<f8", 60, 5)...)
	r, _ := trained(t, "o", "-data features.npz -iters 4 -lr 1e-3 -impl reference -hidden 2 -batch 10")
	_, stderr, code := call(t, "show", "o", "-trial", r.Key[:8], "-o", "p")
	if want := "sweep: no picture of the weights: they are for samples of 5 features in floats, not for images of 1 or 3 channels\n"; code != exitOK || stderr != want {
		t.Errorf("exit code %d, stderr %q, want %q", code, stderr, want)
	}
}

// TestTiles checks that the picture of weights does not depend on the order of the pixels, also if images are not square.
func TestTiles(t *testing.T) {
	data := &dataset.Split{Name: "wide", Shape: dataset.Shape{Height: 2, Width: 4, Channels: 3}, Classes: []string{"a", "b"}, Mean: make([]float64, 24)}
	rng := nprand.New(0)
	hwc, chw := make([]float32, 5*24), make([]float32, 5*24)
	for i := range hwc {
		hwc[i] = float32(rng.Randn())
		u, pixel, channel := i/24, i%24/3, i%3
		chw[24*u+8*channel+pixel] = hwc[i]
	}
	var pictures []image.Image
	for _, order := range []dataset.Order{dataset.HWC, dataset.CHW} {
		data.Order = order
		layers := [][]float32{hwc, make([]float32, 5), make([]float32, 10), make([]float32, 2)}
		if order == dataset.CHW {
			layers[0] = chw
		}
		c := results.Config{Net: "fc", DType: "f32", Hidden: []int{5}, Pixels: data.PixelOrder()}
		f, err := folder.WeightsFile(results.Record{Key: c.Key(), Config: c, Weights: results.Hash(layers...)}, data, layers)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := safetensors.Write(&b, f); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "w")
		writeFile(t, name, b.Bytes())
		w, err := folder.ReadWeights(name)
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, tiles(w))
	}
	if want := image.Rect(0, 0, 3*4+2*3, 3*2+2*3); pictures[0].Bounds() != want || !reflect.DeepEqual(pictures[0], pictures[1]) {
		t.Errorf("the pictures have the bounds %v and %v, want %v, or differ", pictures[0].Bounds(), pictures[1].Bounds(), want)
	}
}

// diagonal returns the share of images on the diagonal of a confusion matrix.
func diagonal(t *testing.T, name string) float64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 11 || len(lines[0]) != 11 {
		t.Fatalf("%v, %d lines", err, len(lines))
	}
	right, total := 0, 0
	for i, line := range lines[1:] {
		for j, cell := range line[1:] {
			n, err := strconv.Atoi(cell)
			if err != nil {
				t.Fatal(err)
			}
			total += n
			if i == j {
				right += n
			}
		}
	}
	return float64(right) / float64(total)
}

func TestNatural(t *testing.T) {
	texts := []string{"", "5", "05", "9", "50", "50x3", "100", "100x20", "100x100", "a", "a2", "a10", "b"}
	for i, a := range texts {
		for j, b := range texts {
			if got, want := natural(a, b), min(max(i-j, -1), 1); got != want {
				t.Errorf("natural(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}

// TestShowIsExact checks that the JSON of all trials is that of table.jsonl.
func TestShowIsExact(t *testing.T) {
	out := copyEarlier(t, "muladd")
	var want strings.Builder
	if err := results.NewTable(searchtest.Recorded(t, out)).WriteJSONL(&want); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := call(t, "show", out, "-json"); got != want.String() {
		t.Errorf("got\n%s\nwant\n%s", got, want.String())
	}
}
