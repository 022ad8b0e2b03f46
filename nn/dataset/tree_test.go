package dataset

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
)

// pngFile returns a PNG image whose pixels count from from. It is grey unless colour is true.
func pngFile(t testing.TB, width, height, from int, colour bool) []byte {
	t.Helper()
	var img image.Image
	if colour {
		rgb := image.NewNRGBA(image.Rect(0, 0, width, height))
		for i := range width * height {
			rgb.SetNRGBA(i%width, i/width, color.NRGBA{uint8(from + i), uint8(100 + from + i), uint8(200 + from + i), 255})
		}
		img = rgb
	} else {
		grey := image.NewGray(image.Rect(0, 0, width, height))
		for i := range grey.Pix {
			grey.Pix[i] = uint8(from + i)
		}
		img = grey
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegFile(t testing.TB, width, height int, grey uint8) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = grey
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTree(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{
		"dog/b.png": pngFile(t, 3, 2, 10, true), "dog/a.PNG": pngFile(t, 3, 2, 20, false), "cat/x.png": pngFile(t, 3, 2, 30, true),
		"dog/notes.txt": []byte("no image"), "dog/._b.png": []byte("of a Mac"), "cat/y.jpeg": jpegFile(t, 3, 2, 77),
	})
	d, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "little-mnist" || d.Shape != (Shape{2, 3, 3}) || !slices.Equal(d.Classes, []string{"cat", "dog"}) || d.Test.Len() != 0 {
		t.Errorf("name %q, shape %v, classes %q", d.Name, d.Shape, d.Classes)
	}
	colour := func(from int) []byte {
		return slices.Concat(numbers(from, 6), numbers(100+from, 6), numbers(200+from, 6))
	}
	grey := slices.Repeat(numbers(20, 6), 3)
	want := slices.Concat(colour(30), bytes.Repeat([]byte{77}, 18), grey, colour(10))
	if !bytes.Equal(d.Train.X, want) || !slices.Equal(d.Train.Y, []uint16{0, 0, 1, 1}) {
		t.Errorf("pixels %v, labels %v", d.Train.X, d.Train.Y)
	}
	if got := d.place(false, 3); got != "dog/b.png" {
		t.Error(got)
	}
}

// TestTreeParts reads folders of training, validation and test images, all of them grey.
func TestTreeParts(t *testing.T) {
	files := map[string][]byte{"train/empty/readme": nil}
	for i, name := range []string{"train/a/1.png", "train/a/2.png", "train/b/1.png", "val/b/9.png", "test/a/1.png", "test/b/1.png"} {
		files[name] = pngFile(t, 2, 2, 10*i, false)
	}
	d, err := Load(writeFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.DefaultSplit(HWC)
	if err != nil {
		t.Fatal(err)
	}
	if d.Shape != (Shape{2, 2, 1}) || s.Sizes() != [3]int{3, 1, 2} || s.Val.Row(0)[0] != 30 || s.Val.Y[0] != 1 || s.Test.Row(1)[0] != 50 {
		t.Errorf("shape %v, split %v, validation %v, test %v", d.Shape, s.Sizes(), s.Val, s.Test)
	}
	if got := d.place(true, 1); got != "b/1.png" {
		t.Error(got)
	}
}

func TestTreeRejects(t *testing.T) {
	sound := func() map[string][]byte {
		return map[string][]byte{"a/1.png": pngFile(t, 3, 2, 0, false), "a/2.png": pngFile(t, 3, 2, 6, false), "b/1.png": pngFile(t, 3, 2, 9, false)}
	}
	clear := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	var transparent bytes.Buffer
	if err := png.Encode(&transparent, clear); err != nil {
		t.Fatal(err)
	}
	huge := pngFile(t, 3, 2, 0, false)
	huge = slices.Concat(huge[:16], []byte{0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff}, huge[24:])
	wide := pngFile(t, maxSide+1, 1, 0, false)
	for _, c := range []struct {
		name, file string
		content    []byte
	}{
		{"another size", "a/2.png", pngFile(t, 4, 2, 0, false)},
		{"ragged", "b/1.png", pngFile(t, 3, 2, 0, false)[:40]},
		{"empty", "b/1.png", nil},
		{"a page", "b/1.png", []byte("<!DOCTYPE html>")},
		{"transparent", "b/1.png", transparent.Bytes()},
		{"lying header", "b/1.png", huge},
		{"wide", "b/1.png", wide},
		{"one class", "b/1.png", nil},
		{"a new class in the test", "test/c/1.png", pngFile(t, 3, 2, 0, false)},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := sound()
			files[c.file] = c.content
			switch c.name {
			case "one class":
				delete(files, c.file)
			case "a new class in the test":
				for _, name := range []string{"a/1.png", "b/1.png"} {
					files["train/"+name] = files[name]
				}
			}
			dir := writeFiles(t, files)
			d, err := Load(dir)
			if err == nil {
				t.Fatalf("%v is a set", d)
			}
			golden.Check(t, "testdata/errors.txt", strings.ReplaceAll(filepath.ToSlash(err.Error()), dir, "DIR"))
		})
	}
}

func TestResize(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"a/1.png": pngFile(t, 4, 2, 0, false), "b/1.png": pngFile(t, 2, 1, 8, false)})
	d, err := LoadWith(dir, LoadOptions{Resize: Size{2, 1}})
	if err != nil {
		t.Fatal(err)
	}
	// The halves of 0 1 2 3 / 4 5 6 7 have the means 2.5 and 4.5, which are rounded up.
	if !bytes.Equal(d.Train.X, []byte{3, 5, 8, 9}) || d.Shape != (Shape{1, 2, 1}) {
		t.Errorf("pixels %v, shape %v", d.Train.X, d.Shape)
	}
	for _, c := range []struct {
		from, want []uint8
		w, size    int
	}{
		{[]uint8{0, 90, 180}, []uint8{30, 150}, 3, 2}, // (0 + 90/2)/1.5 and (90/2 + 180)/1.5
		{[]uint8{10, 40}, []uint8{10, 25, 40}, 2, 3},
		{[]uint8{10, 40}, []uint8{10, 10, 40, 40}, 2, 4},
		{[]uint8{255, 255, 255, 255, 255}, []uint8{255, 255, 255}, 5, 3},
	} {
		got := decoded{height: 1, width: c.w, pixels: c.from}.resized(Size{c.size, 1})
		if !bytes.Equal(got.pixels, c.want) {
			t.Errorf("%v in %d pixels is %v, want %v", c.from, c.size, got.pixels, c.want)
		}
		got = decoded{height: c.w, width: 1, pixels: c.from}.resized(Size{1, c.size})
		if !bytes.Equal(got.pixels, c.want) {
			t.Errorf("%v in %d rows is %v, want %v", c.from, c.size, got.pixels, c.want)
		}
	}
	for _, o := range []LoadOptions{{Resize: Size{2, 1}}, {Labels: Coarse}} {
		if _, err := LoadWith(numpyFile("images"), o); err == nil {
			t.Errorf("a file of NumPy with %v is a set", o)
		}
	}
}

func FuzzPicture(f *testing.F) {
	f.Add(pngFile(f, 3, 2, 0, true))
	f.Add(jpegFile(f, 8, 8, 9))
	f.Fuzz(func(t *testing.T, b []byte) {
		config, _, err := image.DecodeConfig(bytes.NewReader(b))
		if err == nil && config.Width*config.Height > 1<<20 {
			return // slow to fuzz
		}
		dir := writeFiles(t, map[string][]byte{"1.png": b})
		d, err := decodeFile(filepath.Join(dir, "1.png"), Size{2, 2})
		if err == nil && (len(d.pixels) != 4 && len(d.pixels) != 12) {
			t.Fatalf("%d bytes", len(d.pixels))
		}
	})
}
