package bfp_test

import (
	"math"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/reference"
)

// TestNewLeavesItsBase checks that a set is a copy.
func TestNewLeavesItsBase(t *testing.T) {
	base := reference.Fused()
	set := bfp.New(base, kernels.BFP16, nil)
	if base.Class != kernels.FMA || base.F32.Layout != nil {
		t.Errorf("the base has class %s after New", base.Class)
	}
	if set.Name != base.Name || set.Class != kernels.BFP16 || !set.Stable {
		t.Errorf("set %s of class %s, stable %t", set.Name, set.Class, set.Stable)
	}
}

// TestMisuse checks that wrong arguments panic with a message that names them.
func TestMisuse(t *testing.T) {
	ops := kernels.Of[float32](bfp.New(reference.Fused(), kernels.BFP16, nil))
	load := func(mean float32) {
		w := ops.NewPanels(2, 3)
		ops.Load(ops.NewMinibatch(1, w), []uint8{1, 2}, []int{0}, []float32{7, mean})
	}
	for want, misuse := range map[string]func(){
		"set reference has class muladd-512, want a stable set of class fma-512": func() { bfp.New(reference.New(), kernels.BFP16, nil) },
		"1025 images of 1 pixels, want at most 1024 of 16777216":                 func() { ops.NewMinibatch(1025, ops.NewPanels(1, 1)) },
		"1 images of 16777217 pixels":                                            func() { ops.NewMinibatch(1, ops.NewPanels(1<<24+1, 0)) },
		"pixel 1 of the mean image is -0.5, want 0…255":                          func() { load(-0.5) },
		"pixel 1 of the mean image is 255.00002":                                 func() { load(255.00002) },
		"pixel 1 of the mean image is NaN":                                       func() { load(float32(math.NaN())) },
	} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, want) {
					t.Errorf("panic %q, want one with %q", v, want)
				}
			}()
			misuse()
		}()
	}
}
