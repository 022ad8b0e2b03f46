package nn

import (
	"math"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/internal/golden"
	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// onEverySet runs f on each kernel set of this machine.
func onEverySet(t *testing.T, f func(t *testing.T, set *kernels.Set)) {
	for _, set := range fusegrid.All() {
		t.Run("impl="+set.Name, func(t *testing.T) { f(t, set) })
	}
}

func randMat[T kernels.Float](rows, cols int, rng *nprand.State) kernels.Mat[T] {
	m := kernels.NewMat[T](rows, cols)
	for i := range m.Data {
		m.Data[i] = T(rng.Randn())
	}
	return m
}

// blobs returns n samples of c classes around c random centres, in d dimensions.
func blobs[T kernels.Float](n, d, c int, seed uint32) Floats[T] {
	rng := nprand.New(seed)
	centres := randMat[float64](c, d, rng)
	f := Floats[T]{X: kernels.NewMat[T](n, d), Y: make([]int, n)}
	for i := range f.Y {
		f.Y[i] = rng.Intn(c)
		for j, v := range centres.Row(f.Y[i]) {
			f.X.Row(i)[j] = T(v + float64(0.5*rng.Randn()))
		}
	}
	return f
}

// near fails the test unless |got − want| ≤ tol·max(1, |want|) for each element.
func near[S, T kernels.Float](t *testing.T, what string, got []S, want []T, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		g, w := float64(got[i]), float64(want[i])
		if !(math.Abs(g-w) <= tol*max(1, math.Abs(w))) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, g, w)
		}
	}
}

// sameBits fails the test unless got and want have the same bits.
func sameBits[T kernels.Float](t *testing.T, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Float64bits(float64(got[i])) != math.Float64bits(float64(want[i])) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func weights[T kernels.Float](m Model[T]) []T {
	var w []T
	for _, p := range m.Params() {
		w = append(w, p.Value.Data...)
	}
	return w
}

// checkError compares an error of one line with testdata/errors.txt.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %v, want one line", err)
	}
	golden.Check(t, "testdata/errors.txt", err.Error())
}

// wantError fails the test unless err is one line that contains all parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has more than one line: %q", err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q, want it to have %q", err, p)
		}
	}
}

// wantPanic fails the test unless f panics with a message that contains part.
func wantPanic(t *testing.T, part string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		msg, _ := recover().(string)
		if !strings.Contains(msg, part) {
			t.Errorf("panic %q, want one with %q", msg, part)
		}
	}()
	f()
}
