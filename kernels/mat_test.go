package kernels

import (
	"math"
	"math/bits"
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
