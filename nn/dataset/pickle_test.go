package dataset

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/nn/dataset/datasettest"
)

func pixels(n int) []byte {
	b := make([]byte, n*Dim)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestReadPython(t *testing.T) {
	b := datasettest.PythonBatch([]byte{3, 0, 9}, pixels(3))
	im, err := readPython(bytes.NewReader(b), int64(len(b)), newImages)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(im.Y, []uint16{3, 0, 9}) || !slices.Equal(im.X, pixels(3)) {
		t.Error("labels or pixels differ from what was written")
	}
}

// officialMeta is the official batches.meta, byte for byte.
const officialMeta = "\x80\x02}q\x01(U\x13num_cases_per_batchq\x02M\x10'U\x0blabel_namesq\x03]q\x04(" +
	"U\x08airplaneq\x05U\nautomobileq\x06U\x04birdq\x07U\x03catq\x08U\x04deerq\tU\x03dogq\n" +
	"U\x04frogq\x0bU\x05horseq\x0cU\x04shipq\rU\x05truckq\x0eeU\x07num_visq\x0fM\x00\x0cu."

func TestPickleClasses(t *testing.T) {
	names, err := pickleClasses([]byte(officialMeta))
	if want := "airplane automobile bird cat deer dog frog horse ship truck"; err != nil || strings.Join(names, " ") != want {
		t.Errorf("classes %v, error %v", names, err)
	}
}

// again returns pickles that Python 3 and NumPy have written, by name. See testdata/pickles/make.py.
func again(tb testing.TB, pattern string) map[string][]byte {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "pickles", pattern+".gz"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("%d files, error %v", len(paths), err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			tb.Fatal(err)
		}
		defer f.Close()
		r, err := gzip.NewReader(f)
		if err != nil {
			tb.Fatal(err)
		}
		if files[strings.TrimSuffix(filepath.Base(path), ".gz")], err = io.ReadAll(r); err != nil {
			tb.Fatal(err)
		}
	}
	return files
}

// TestReadPythonPickledAgain checks that batches that Python 3 has pickled again hold the same
// images under all protocols.
func TestReadPythonPickledAgain(t *testing.T) {
	read := 0
	for _, pattern := range []string{"bytes-list-[0-5]", "str-array-fortran-[0-5]", "str-scalars-[0-5]", "numpy2-[0-5]", "big-endian-4", "column-4"} {
		for name, b := range again(t, pattern) {
			im, err := readPython(bytes.NewReader(b), int64(len(b)), newImages)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if !slices.Equal(im.Y, []uint16{3, 9}) || !slices.Equal(im.X, pixels(2)) {
				t.Errorf("%s: labels %v or pixels differ", name, im.Y)
			}
			read++
			for n := range len(b) {
				if n > 300 && n < len(b)-300 {
					continue // the middle of the file holds only pixels
				}
				if _, err := readPython(bytes.NewReader(b[:n]), int64(n), newImages); err == nil {
					t.Errorf("%s: the first %d of %d bytes are accepted", name, n, len(b))
				}
			}
		}
	}
	if read != 26 {
		t.Errorf("%d files, want 26", read)
	}
	for name, b := range again(t, "meta-[05]") {
		if names, err := pickleClasses(b); err != nil || !slices.Equal(names, []string{"a", "b"}) {
			t.Errorf("%s: classes %v, error %v", name, names, err)
		}
	}
}

func TestReadPythonRefusesOtherPickles(t *testing.T) {
	for _, name := range []string{"float-3", "float-labels-4", "objects-4", "images-4", "function-4"} {
		t.Run(name, func(t *testing.T) {
			b := again(t, name)[name]
			_, err := readPython(bytes.NewReader(b), int64(len(b)), newImages)
			checkError(t, err, "")
		})
	}
}

// TestReadPython2Protocol0 reads strings with quotation marks, which Python 2 writes under protocol 0.
func TestReadPython2Protocol0(t *testing.T) {
	var quoted strings.Builder
	for _, v := range pixels(1) {
		fmt.Fprintf(&quoted, `\x%02x`, v)
	}
	b := "(dp1\nS'labels'\np2\n(lp3\nI3\nasS\"data\"\np4\ncnumpy.core.multiarray\n_reconstruct\np5\n(cnumpy\nndarray\np6\n(I0\ntS'b'\ntRp7\n" +
		"(I1\n(L1L\nI3072\ntcnumpy\ndtype\np8\n(S'u1'\nI0\nI1\ntRp9\n(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'" + quoted.String() + "'\ntbsS'a\\n\\'\\\\'\nF1e3\ns."
	im, err := readPython(strings.NewReader(b), int64(len(b)), newImages)
	if err != nil || im.Y[0] != 3 || !slices.Equal(im.X, pixels(1)) {
		t.Errorf("label %d, error %v", im.Y[0], err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`'u1'`, `u1`, "a string has no quotation marks"},
		{`\\'`, `\q'`, "the invalid escape"},
		{`\\'`, `\'`, "ends in an escape"},
		{`\xff`, `\xfg`, "the invalid escape"},
	} {
		bad := strings.Replace(b, c.old, c.new, 1)
		if _, err := readPython(strings.NewReader(bad), int64(len(bad)), newImages); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.new, err, c.want)
		}
	}
}

func TestTranspose(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, 130} {
		src, dst := pixels(n), make([]byte, n*Dim)
		transpose(dst, src, n)
		for i := range n {
			for p := range Dim {
				if dst[i*Dim+p] != src[p*n+i] {
					t.Fatalf("%d images: pixel %d of image %d differs", n, p, i)
				}
			}
		}
	}
}

func TestReadPythonRejects(t *testing.T) {
	good := string(datasettest.PythonBatch([]byte{3, 0}, pixels(2)))
	replace := func(old, new string) func() string {
		return func() string {
			if strings.Count(good, old) != 1 {
				t.Fatalf("%q occurs %d times", old, strings.Count(good, old))
			}
			return strings.Replace(good, old, new, 1)
		}
	}
	text := func(s string) func() string { return func() string { return s } }
	for _, c := range []struct {
		name  string
		input func() string
	}{
		{"empty", text("")},
		{"label", replace("K\x03K\x00e", "K\x03K\x0ae")},
		{"negative label", replace("K\x03K\x00e", "K\x03J\xff\xff\xff\xffe")},
		{"label of another type", replace("K\x03K\x00e", "K\x03Ne")},
		{"few labels", replace("K\x03K\x00e", "K\x03e")},
		{"no labels", replace("U\x06labels", "U\x06labelz")},
		{"no data", replace("U\x04data", "U\x04dat_")},
		{"shape", replace("M\x02\x00M\x00\x0c\x86", "M\x03\x00M\x00\x0c\x86")},
		{"other shape", replace("M\x02\x00M\x00\x0c\x86", "M\x00\x0cM\x02\x00\x86")},
		{"dtype", replace("U\x02u1", "U\x02O8")},
		{"no order", replace("tb\x89T", "tbK\x00T")},
		{"string beyond the end", replace("T\x00\x18\x00\x00", "T\x00\x18\x00\x7f")},
		{"negative length", replace("T\x00\x18\x00\x00", "T\x00\x18\x00\xff")},
		{"protocol", text("\x80\x06}.")},
		{"system", text("cos\nsystem\n(U\x02ls\x85R.")},
		{"eval", text("c__builtin__\neval\nU\x011\x85R.")},
		{"long global", text("c" + strings.Repeat("x", 100000) + "\ny\n.")},
		{"endless global", text("cnumpy")},
		{"call of a dtype for an array", text("cnumpy\nndarray\n)R.")},
		{"wrong call", text("cnumpy\nndarray\nK\x00\x85R.")},
		{"instance", text("(i__main__\nX\n.")},
		{"object by class", text("\x81.")},
		{"extension", text("\x82\x01.")},
		{"persistent", text("Pid\n.")},
		{"empty memo", text("h\x01.")},
		{"hole in the memo", text("}q\x02h\x01.")},
		{"memo out of range", text("}r\xff\xff\xff\xff.")},
		{"memo in words", text("}pten\n.")},
		{"a mark in the memo", text("(q\x00.")},
		{"PUT of nothing", text("\x94.")},
		{"builtins", text("\x80\x04\x8c\x08builtins\x8c\x04eval\x93.")},
		{"NumPy's own loader", text("cnumpy.core.multiarray\nfromfile\n.")},
		{"another codec", text("c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00bz2\x86R.")},
		{"characters beyond bytes", text("c_codecs\nencode\nX\x03\x00\x00\x00€X\x06\x00\x00\x00latin1\x86R.")},
		{"another escape", text("c_codecs\nencode\nVa\\x41\nVlatin1\n\x86R.")},
		{"bytes out of one string again and again", text("c_codecs\nencode\nq\x00V" + strings.Repeat("x", 1000) + "\nVlatin1\n\x86q\x01R0" +
			strings.Repeat("h\x00h\x01R", 100))},
		{"bytes out of one string twice", text("(c_codecs\nencode\nq\x00V" + strings.Repeat("x", 1000) + "\nVlatin1\n\x86q\x01R" +
			strings.Repeat("h\x00h\x01R", 100))},
		{"out of band", text("\x97.")},
		{"frame", text("\x95\xff\xff\xff\xff\xff\xff\xff\xff}.")},
		{"huge bytes", text("\x8e\xff\xff\xff\xff\xff\xff\xff\xff.")},
		{"long integer", text("\x8a\x09123456789.")},
		{"not a number", text("Iten\n.")},
		{"set of Python", text("\x8f.")},
		{"new object", text("cnumpy\nndarray\n)\x81.")},
		{"dictionary as key", text("}}K\x01s.")},
		{"labels of a shape", replace("labelsq\x04]q\x05(K\x03K\x00e", "labels}")},
		{"underflow", text("\x86.")},
		{"underflow at a mark", text("K\x01(\x85.")},
		{"no mark", text("}u.")},
		{"APPENDS to a dictionary", text("}(K\x01e.")},
		{"APPENDS to nothing", text("(K\x01e.")},
		{"SETITEMS of three", text("}(U\x01aK\x01U\x01bu.")},
		{"number as key", text("}(K\x01K\x01u.")},
		{"key twice", text("}(U\x01aK\x01U\x01aK\x02u.")},
		{"long key", text("}(T\x41\x00\x00\x00" + strings.Repeat("k", 65) + "K\x01u.")},
		{"BUILD of a list", text("]K\x01b.")},
		{"not a dictionary", text("].")},
		{"a mark alone", text("(.")},
		{"nothing", text(".")},
		{"two values", text("}}.")},
		{"trailing bytes", func() string { return good + "x" }},
		{"many values", text(strings.Repeat("]", maxValues+1))},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.input()
			_, err := readPython(strings.NewReader(b), int64(len(b)), newImages)
			checkError(t, err, "")
			if n := len(err.Error()); n > 300 {
				t.Errorf("error of %d bytes", n)
			}
		})
	}
	t.Run("huge file", func(t *testing.T) {
		_, err := readPython(strings.NewReader(""), maxPickle+1, newImages)
		checkError(t, err, "")
	})
}

// TestReadPythonTruncated checks that a file that is cut anywhere is rejected.
func TestReadPythonTruncated(t *testing.T) {
	b := datasettest.PythonBatch([]byte{3}, pixels(1))
	for n := range len(b) {
		if _, err := readPython(bytes.NewReader(b[:n]), int64(n), newImages); err == nil {
			t.Fatalf("the first %d of %d bytes are accepted", n, len(b))
		}
	}
}

func FuzzPickle(f *testing.F) {
	f.Add(datasettest.PythonBatch([]byte{3}, pixels(1)))
	for _, b := range again(f, "*") {
		f.Add(b)
	}
	f.Add([]byte(officialMeta))
	f.Add([]byte("cos\nsystem\n(U\x02ls\x85R."))
	f.Add([]byte("}(U\x04dataT\xff\xff\xff\x7fu."))
	f.Fuzz(func(t *testing.T, b []byte) {
		im, err := readPython(bytes.NewReader(b), int64(len(b)), newImages)
		if err == nil {
			if im.Y[0] >= numClasses {
				t.Error("accepted a label out of range")
			}
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("error of several lines: %q", err)
		}
		u := unpickler{b: b}
		for !u.step() && u.err == nil {
		}
		if u.made > len(b) || len(u.memo) > maxValues || len(u.stack) > maxValues {
			t.Errorf("%d bytes, %d entries and %d values from a file of %d bytes", u.made, len(u.memo), len(u.stack), len(b))
		}
		if names, err := pickleClasses(b); err == nil && len(strings.Join(names, "")) > len(b) {
			t.Error("class names longer than the file")
		}
	})
}
