package kernels_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

// ramp returns a rows×cols matrix of small distinct numbers.
func ramp(rows, cols int) kernels.Mat[float32] {
	m := kernels.NewMat[float32](rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(i%23-11) / 7
	}
	return m
}

func TestGemmParallelHasTheBitsOfGemm(t *testing.T) {
	ops := kernels.Of[float32](reference.New())
	for _, shape := range [][3]int{{210, 130, 100}, {37, 700, 120}, {3, 3, 1000}} {
		m, n, k := shape[0], shape[1], shape[2]
		for bits := range 4 {
			p := kernels.Product[float32]{Alpha: 0.5, TransA: bits&1 != 0, TransB: bits&2 != 0, Beta: 2}
			p.A, p.B = ramp(m, k), ramp(k, n)
			if p.TransA {
				p.A = ramp(k, m)
			}
			if p.TransB {
				p.B = ramp(n, k)
			}
			if bits == 0 {
				p.BetaCol = ramp(1, n).Data
			} else if bits == 1 {
				p.BetaRow = ramp(m, 1).Data
			}
			p.C = ramp(m, n)
			ops.Gemm(p)
			want := p.C
			for _, workers := range []int{-1, 0, 1, 2, 3, 1000} {
				p.C = ramp(m, n)
				ops.GemmParallel(p, workers)
				if !slices.Equal(p.C.Data, want.Data) {
					t.Errorf("%v, transposes %02b: %d workers change the result", shape, bits, workers)
				}
			}
		}
	}
}

func TestGemmParallelPassesOnAPanic(t *testing.T) {
	s := reference.New()
	s.F32.Gemm = func(p kernels.Product[float32]) {
		if p.C.Data[0] == 1 {
			panic("a broken kernel")
		}
		p.C.Data[0] = 2
	}
	p := kernels.Product[float32]{A: ramp(200, 3072), B: ramp(3072, 50), C: kernels.NewMat[float32](200, 50)}
	p.C.Data[100*50] = 1 // row 100 opens the second part
	defer func() {
		err, _ := recover().(error)
		if err == nil || !strings.Contains(err.Error(), "worker 1: a broken kernel") {
			t.Errorf("recovered %v, want the worker's panic", err)
		}
		if p.C.Data[0] != 2 {
			t.Error("the caller's part was not computed")
		}
	}()
	kernels.Of[float32](s).GemmParallel(p, 2)
	t.Error("no panic")
}

func TestGemmParallelChecksFirst(t *testing.T) {
	ops := kernels.Of[float32](reference.New())
	p := kernels.Product[float32]{A: ramp(200, 3072), B: ramp(3071, 50), C: kernels.NewMat[float32](200, 50)}
	err := func() (err error) {
		defer func() { err = errors.New(fmt.Sprint(recover())) }()
		ops.GemmParallel(p, 2)
		return nil
	}()
	if want := "kernels: Gemm: op(B) has 3071 rows, op(A) has 3072 columns"; err.Error() != want {
		t.Errorf("got panic %q, want %q", err, want)
	}
}
