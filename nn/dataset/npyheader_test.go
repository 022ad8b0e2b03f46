package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/internal/required"
)

// plainHeaders are headers in the forms of several programs.
var plainHeaders = []struct {
	text string
	want npy
}{
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }     \n", npy{descr: "<f4", size: 4, shape: []int{2, 3}}},
	{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}\n", npy{descr: "<f4", size: 4, shape: []int{2, 3}}},
	{"{'descr':'>f8','fortran_order':True,'shape':(2,3,)}", npy{descr: ">f8", size: 8, fortran: true, shape: []int{2, 3}}},
	{`{"shape": (7,), "fortran_order": False, "descr": "|u1"}`, npy{descr: "|u1", size: 1, shape: []int{7}}},
	{" {\n\t'descr' : '=i2' ,\r\n\t'fortran_order' : False ,\r\n\t'shape' : ( 0 , 00 ) ,\r\n}\r\n", npy{descr: "<i2", size: 2, shape: []int{0, 0}}},
	{"{u'descr': u\"f4\", u'fortran_order': False, u'shape': ()}", npy{descr: "<f4", size: 4}},
	{"{'descr': '>u1', 'fortran_order': False, 'shape': (2L, 3L), }", npy{descr: "|u1", size: 1, shape: []int{2, 3}}},
}

// otherHeaders are headers that are refused. NumPy refuses all but the last two, or reads no numbers.
var otherHeaders = []string{
	"", "{", "{}", "[]", "{'descr': '<f4', 'fortran_order': False}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x",
	"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}",
	"{, 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "{'descr': '<f4',, 'fortran_order': False, 'shape': (2,)}",
	"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "{'descr': '<f4', 'fortran_order': Falsey, 'shape': (2,)}",
	"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", "{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}", "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
	"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
	"{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (02,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,}",
	"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 2)}",
	"{'descr': '<f4\", 'fortran_order': False, 'shape': (2,)}", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "{'descr': '', 'fortran_order': False, 'shape': (2,)}",
	"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", "{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}",
	"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (2,)}",
}

func TestNPYHeaders(t *testing.T) {
	for _, c := range plainHeaders {
		var a npy
		if err := a.parse(c.text); err != nil || !reflect.DeepEqual(a, c.want) {
			t.Errorf("%q: %+v, error %v, want %+v", c.text, a, err, c.want)
		}
	}
	for i, text := range otherHeaders {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			var a npy
			err := a.parse(text)
			if err == nil {
				t.Fatalf("it is read as %+v", a)
			}
			golden.Check(t, "testdata/errors.txt", err.Error())
		})
	}
}

// readHeaders is a program of Python that reads headers as NumPy does. It prints the type, the order and the shape, or
// null.
const readHeaders = `
import io, json, struct, sys, warnings
import numpy
warnings.simplefilter("ignore")
for line in sys.stdin:
    text = json.loads(line).encode("latin1")
    try:
        shape, fortran, dtype = numpy.lib.format.read_array_header_1_0(io.BytesIO(struct.pack("<H", len(text)) + text))
        print(json.dumps([dtype.str, fortran, list(shape)]))
    except Exception:
        print("null")
`

// TestNPYHeadersLikeNumPy compares the reader with NumPy. It may refuse what NumPy reads, but must not read anything
// else.
func TestNPYHeadersLikeNumPy(t *testing.T) {
	python := "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import numpy").CombinedOutput(); err != nil {
		required.Skip(t, "numpy", fmt.Sprintf("%s: %v %.200s; install it with make deps", python, err, out))
	}
	var headers []string
	for _, c := range plainHeaders {
		headers = append(headers, c.text)
	}
	headers = append(headers, otherHeaders...)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		b := []byte(plainHeaders[rng.IntN(len(plainHeaders))].text)
		for range 1 + rng.IntN(3) {
			const any = "{}()[],:'\"uTFL0123456789 <>|=fib\t\n\r\f#\\-+._"
			i, c := rng.IntN(len(b)), any[rng.IntN(len(any))]
			switch rng.IntN(3) {
			case 0:
				b[i] = c
			case 1:
				b = slices.Delete(b, i, i+1)
			case 2:
				b = slices.Insert(b, i, c)
			}
		}
		headers = append(headers, string(b))
	}
	var input bytes.Buffer
	for _, text := range headers {
		if err := json.NewEncoder(&input).Encode(text); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(python, "-c", readHeaders)
	c.Stdin = &input
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(headers) {
		t.Fatalf("%d answers to %d headers", len(lines), len(headers))
	}
	read := 0
	for i, text := range headers {
		var a npy
		if a.parse(text) != nil {
			if i < len(plainHeaders) {
				t.Errorf("%q is refused", text)
			}
			continue
		}
		read++
		got := []any{a.descr, a.fortran, []any{}}
		for _, n := range a.shape {
			got[2] = append(got[2].([]any), float64(n))
		}
		var want []any
		if err := json.Unmarshal([]byte(lines[i]), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, and %v in NumPy, error %v", text, got, want, err)
		}
	}
	if read < 100 {
		t.Errorf("only %d headers are read", read)
	}
}

func FuzzNPYHeader(f *testing.F) {
	for _, c := range plainHeaders {
		f.Add(c.text)
	}
	for _, text := range otherHeaders {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a, again npy
		if a.parse(text) != nil {
			return
		}
		shape := ""
		for _, n := range a.shape {
			shape += fmt.Sprintf("%d, ", n)
		}
		order := "False"
		if a.fortran {
			order = "True"
		}
		plain := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }\n", a.descr, order, shape)
		if err := again.parse(plain); err != nil || !reflect.DeepEqual(a, again) {
			t.Errorf("%q is %+v, but %q is %+v, error %v", text, a, plain, again, err)
		}
	})
}
