package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/nn/nprand"
)

// numpyFile returns the path of a file that NumPy wrote. It must be called before the test changes its folder.
func numpyFile(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "nn", "dataset", "testdata", "numpy", name+".npz"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDescribe(t *testing.T) {
	images, features, file := numpyFile(t, "images"), numpyFile(t, "f32"), ""
	if wd, err := os.Getwd(); err == nil {
		file = filepath.Join(wd, "testdata", "data.txt")
	}
	isolate(t)
	for _, args := range []string{
		"data images", "data images -split 1,1,1 -split-seed 4", "data f32", "data f32 -split random:3,2,2", "data -data f32 -norm standard",
	} {
		t.Run(args, func(t *testing.T) {
			words := strings.Fields(args)
			for i, w := range words {
				switch w {
				case "images":
					words[i] = images
				case "f32":
					words[i] = features
				}
			}
			stdout, stderr, code := call(t, words...)
			if code != exitOK || stderr != "" {
				t.Fatalf("exit code %d, stderr %q", code, stderr)
			}
			golden.Check(t, file, stdout)
		})
	}
	if _, stderr, code := call(t, "data", images, "-mean", "mean.png"); code != exitOK {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	f, err := os.Open("mean.png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil || img.Bounds() != image.Rect(0, 0, 256, 128) {
		t.Fatalf("the picture has bounds %v, error %v", img.Bounds(), err)
	}
	// The first pixels of the four training images are 0, 24, 48 and 72, and so on.
	if got := color.NRGBAModel.Convert(img.At(0, 0)); got != (color.NRGBA{36, 37, 38, 255}) {
		t.Errorf("the first pixel is %v", got)
	}
	for _, c := range []struct{ args, want string }{
		{"FEATURES -mean other.png", "-mean draws images of 1 or 3 channels; this set has samples of "},
		{"nowhere -mean other.png", "no such file or directory"},
		{"nowhere -mean mean.png", "-mean mean.png: the file exists; name another, or remove it first"},
		{"nowhere -mean none/mean.png", "-mean none/mean.png: there is no folder none; make it first"},
		{"nowhere -data there", "data describes one set, not there and nowhere; name it once, also if it is the value of -data"},
		{"nowhere nowhere", "data describes one set, not nowhere and nowhere; name it once, "},
	} {
		words := strings.Fields("data " + strings.ReplaceAll(c.args, "FEATURES", features))
		if stdout, stderr, code := call(t, words...); code != exitBadInput || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", c.args, code, stdout, stderr)
		}
	}
}

// TestOwnData trains on a folder of images and on features from the command line, and verifies the trials.
func TestOwnData(t *testing.T) {
	isolate(t)
	rng := nprand.New(0)
	for i := range 60 {
		img := image.NewGray(image.Rect(0, 0, 6, 4))
		for p := range img.Pix {
			img.Pix[p] = uint8(60*(i%3) + rng.Intn(60))
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("shades/%c/%d.png", 'a'+i%3, i)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const common = " -impl reference -quiet -hidden 5 -batch 10 -lr 1e-3 -std 1e-2 -data shades -fresh"
	for _, c := range []struct{ args, out, caption string }{
		{"-iters 40", "out/shades-two-layer-f32", "shades ("},
		{"-iters 40 -resize 3x2 -split 0.7,0.1,0.2 -norm none", "out/shades-two-layer-f32", "partition stratified:0, norm none"},
		{"-iters 40 -split random:40,10,10 -split-seed 9", "out/shades-two-layer-f32", "partition random:9"},
		{"-epochs 4 -split ordered:40,10,10 -dtype f64 -net fc", "out/shades-fc-f64", "fc, hidden 5"},
	} {
		stdout, stderr, code := call(t, strings.Fields(c.args+common)...)
		if code != exitOK || !strings.Contains(strings.ReplaceAll(stdout, "\n", " "), c.caption) {
			t.Errorf("%s: exit code %d, stderr %q, stdout\n%s", c.args, code, stderr, stdout)
			continue
		}
		_, out, _ := strings.Cut(stderr, "all trials and tables are in ")
		out = strings.TrimSpace(out)
		if !strings.HasPrefix(out, c.out) {
			t.Errorf("%s: the folder is %s, want %s", c.args, out, c.out)
		}
		verify := []string{"verify", "-data", "shades", "-out", out}
		if strings.Contains(c.args, "-resize") {
			verify = append(verify, "-resize", "3x2")
		}
		if stdout, stderr, code := call(t, verify...); code != exitOK || !strings.Contains(stdout, "the same bits") {
			t.Errorf("verify %s: exit code %d, stderr %q, stdout %q", c.args, code, stderr, stdout)
		}
	}
}
