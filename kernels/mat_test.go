package kernels

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"testing"
)

func TestMatRefusesWhatIsOutside(t *testing.T) {
	m := MatOf(2, 4, make([]float32, 8))
	for name, f := range map[string]func(){
		"columns beyond":  func() { m.Slice(0, 1, 3, 6) },
		"rows beyond":     func() { m.Slice(1, 3, 0, 1) },
		"before":          func() { m.Slice(-1, 1, 0, 1) },
		"backwards":       func() { m.Slice(2, 1, 0, 1) },
		"negative shape":  func() { MatOf(-2, -4, make([]float32, 8)) },
		"overflow":        func() { MatOf(1<<(bits.UintSize/2), 1<<(bits.UintSize/2), []float32{}) },
		"new, overflow":   func() { NewMat[float32](math.MaxInt, 2) },
		"new, negative":   func() { NewMat[float32](-1, -1) },
		"too few numbers": func() { MatOf(2, 4, make([]float32, 7)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was accepted", name)
				}
			}()
			f()
		}()
	}
	if v := m.Slice(2, 2, 4, 4); v.Rows != 0 || v.Cols != 0 {
		t.Errorf("an empty slice at the end is %d×%d", v.Rows, v.Cols)
	}
}

func TestMat(t *testing.T) {
	m := MatOf(3, 4, []float32{0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23})
	v := m.Slice(1, 3, 1, 3)
	if got, want := v.Data, []float32{11, 12, 13, 20, 21, 22}; !slices.Equal(got, want) {
		t.Errorf("Slice(1, 3, 1, 3) spans %v, want %v", got, want)
	}
	if got, want := v.Row(1), []float32{21, 22}; !slices.Equal(got, want) {
		t.Errorf("its row 1 is %v, want %v", got, want)
	}
	for _, empty := range []Mat[float32]{m.Slice(1, 1, 0, 4), m.Slice(0, 3, 2, 2), NewMat[float32](2, 0), NewMat[float32](0, 2)} {
		if len(empty.Data) != 0 || len(empty.span()) != 0 {
			t.Errorf("%+v is not empty", empty)
		}
		checkMat("Test", "m", empty)
	}
	if got, want := panicOf(func() { MatOf(2, 2, make([]float32, 3)) }), "kernels: 3 elements for a 2×2 matrix"; got != want {
		t.Errorf("panic %q, want %q", got, want)
	}
}

// panicOf returns the message of the panic of f, or "no panic".
func panicOf(f func()) (msg string) {
	defer func() {
		if v := recover(); v != nil {
			msg = fmt.Sprint(v)
		}
	}()
	f()
	return "no panic"
}
