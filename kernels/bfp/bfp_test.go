package bfp_test

import (
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/kerneltest"
	"fusegrid/kernels/reference"
)

// TestFirstLayers runs the conformance suite in plain Go. The root package runs it on all sets of the
// machine.
func TestFirstLayers(t *testing.T) {
	for _, class := range []kernels.Class{kernels.BFP16, kernels.BFP16D8} {
		kerneltest.RunIntegers(t, bfp.New(reference.Fused(), class, nil))
	}
}
