package dataset

import (
	"bytes"
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
	im := newImages(3)
	if err := readPython(bytes.NewReader(b), int64(len(b)), im); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(im.Labels, []byte{3, 0, 9}) || !slices.Equal(im.Pixels, pixels(3)) {
		t.Error("labels or pixels differ from what was written")
	}
}

// The official batches.meta, byte for byte.
const officialMeta = "\x80\x02}q\x01(U\x13num_cases_per_batchq\x02M\x10'U\x0blabel_namesq\x03]q\x04(" +
	"U\x08airplaneq\x05U\nautomobileq\x06U\x04birdq\x07U\x03catq\x08U\x04deerq\tU\x03dogq\n" +
	"U\x04frogq\x0bU\x05horseq\x0cU\x04shipq\rU\x05truckq\x0eeU\x07num_visq\x0fM\x00\x0cu."

func TestPickleClasses(t *testing.T) {
	names, err := pickleClasses([]byte(officialMeta))
	if want := "airplane automobile bird cat deer dog frog horse ship truck"; err != nil || strings.Join(names, " ") != want {
		t.Errorf("classes %v, error %v", names, err)
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
		want  string
	}{
		{"empty", text(""), "byte 0: 1 more bytes wanted, 0 left"},
		{"label", replace("K\x03K\x00e", "K\x03K\x0ae"), `record 1: label 10, want 0 to 9`},
		{"negative label", replace("K\x03K\x00e", "K\x03J\xff\xff\xff\xffe"), `record 1: label -1`},
		{"label of another type", replace("K\x03K\x00e", "K\x03Ne"), `record 1 is missing or None`},
		{"few labels", replace("K\x03K\x00e", "K\x03e"), `"labels" has 1 entries, want 2`},
		{"no labels", replace("U\x06labels", "U\x06labelz"), `"labels" is missing`},
		{"no data", replace("U\x04data", "U\x04dat_"), `"data" is missing`},
		{"shape", replace("M\x02\x00M\x00\x0c\x86", "M\x03\x00M\x00\x0c\x86"), "shape (3, 3072) with 6144 bytes"},
		{"other shape", replace("M\x02\x00M\x00\x0c\x86", "M\x00\x0cM\x02\x00\x86"), `"data" has shape (3072, 2), want (2, 3072)`},
		{"dtype", replace("U\x02u1", "U\x02O8"), "a call of numpy.dtype"},
		{"Fortran order", replace("tb\x89T", "tb\x88T"), "opcode 0x88"},
		{"string beyond the end", replace("T\x00\x18\x00\x00", "T\x00\x18\x00\x7f"), "2130712576 more bytes wanted"},
		{"negative length", replace("T\x00\x18\x00\x00", "T\x00\x18\x00\xff"), "more bytes wanted"},
		{"protocol", text("\x80\x05}."), "protocol 5"},
		{"system", text("cos\nsystem\n(U\x02ls\x85R."), `byte 0: global "os.system"`},
		{"eval", text("c__builtin__\neval\nU\x011\x85R."), `global "__builtin__.eval"`},
		{"long global", text("c" + strings.Repeat("x", 100000) + "\ny\n."), `global "xxx`},
		{"endless global", text("cnumpy"), "truncated"},
		{"call of a dtype for an array", text("cnumpy\nndarray\n)R."), "opcode 0x29"},
		{"wrong call", text("cnumpy\nndarray\nK\x00\x85R."), "a call of numpy.ndarray"},
		{"instance", text("(i__main__\nX\n."), "opcode 0x69"},
		{"object by class", text("\x81."), "opcode 0x81"},
		{"extension", text("\x82\x01."), "opcode 0x82"},
		{"persistent", text("Pid\n."), "opcode 0x50"},
		{"memo read", text("}q\x01h\x01."), "opcode 0x68"},
		{"underflow", text("\x86."), "too few values"},
		{"underflow at a mark", text("K\x01(\x85."), "too few values"},
		{"no mark", text("}u."), "no mark"},
		{"APPENDS to a dictionary", text("}(K\x01e."), "APPENDS of a dictionary"},
		{"APPENDS to nothing", text("(K\x01e."), "APPENDS of an empty stack"},
		{"SETITEMS of three", text("}(U\x01aK\x01U\x01bu."), "want pairs"},
		{"number as key", text("}(K\x01K\x01u."), "a key is an integer"},
		{"key twice", text("}(U\x01aK\x01U\x01aK\x02u."), `key "a" occurs twice`},
		{"long key", text("}(T\x41\x00\x00\x00" + strings.Repeat("k", 65) + "K\x01u."), "a key of 65 bytes"},
		{"BUILD of a list", text("]K\x01b."), "BUILD of a list"},
		{"not a dictionary", text("]."), "holds a list"},
		{"a mark alone", text("(."), "holds a mark"},
		{"nothing", text("."), "0 values"},
		{"two values", text("}}."), "2 values"},
		{"trailing bytes", func() string { return good + "x" }, "1 bytes left over"},
		{"many values", text(strings.Repeat("]", maxValues+1)), "byte 100000: more than 100000 values"},
	} {
		b := c.input()
		err := readPython(strings.NewReader(b), int64(len(b)), newImages(2))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		} else if msg := err.Error(); strings.Contains(msg, "\n") || len(msg) > 300 {
			t.Errorf("%s: error of %d bytes or several lines: %q", c.name, len(msg), msg)
		}
	}
	if err := readPython(strings.NewReader(""), maxPickle+1, newImages(1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("huge file: error %v", err)
	}
}

// Cut anywhere, the file is refused.
func TestReadPythonTruncated(t *testing.T) {
	b := datasettest.PythonBatch([]byte{3}, pixels(1))
	for n := range len(b) {
		if err := readPython(bytes.NewReader(b[:n]), int64(n), newImages(1)); err == nil {
			t.Fatalf("the first %d of %d bytes are accepted", n, len(b))
		}
	}
}

func FuzzPickle(f *testing.F) {
	f.Add(datasettest.PythonBatch([]byte{3}, pixels(1)))
	f.Add([]byte(officialMeta))
	f.Add([]byte("cos\nsystem\n(U\x02ls\x85R."))
	f.Add([]byte("}(U\x04dataT\xff\xff\xff\x7fu."))
	f.Fuzz(func(t *testing.T, b []byte) {
		im := newImages(1)
		if err := readPython(bytes.NewReader(b), int64(len(b)), im); err == nil {
			if im.Labels[0] >= numClasses || !bytes.Contains(b, im.Pixels) {
				t.Error("accepted a label out of range or pixels that are not in the file")
			}
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("error of several lines: %q", err)
		}
		if names, err := pickleClasses(b); err == nil && len(strings.Join(names, "")) > len(b) {
			t.Error("class names longer than the file")
		}
	})
}
