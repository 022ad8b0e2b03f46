package bfp_test

import (
	"testing"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/kerneltest"
	"fusegrid/kernels/reference"
)

// bases returns the sets of class FMA of this machine, and the one in plain Go.
func bases() []*kernels.Set {
	all := []*kernels.Set{reference.Fused()}
	for _, s := range fusegrid.All() {
		if s.Class == kernels.FMA && s.Stable {
			all = append(all, s)
		}
	}
	return all
}

func TestFirstLayers(t *testing.T) {
	for _, base := range bases() {
		kerneltest.RunBFP16(t, bfp.New(base))
	}
}
