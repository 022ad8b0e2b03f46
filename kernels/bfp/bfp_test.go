package bfp_test

import (
	"testing"

	"fusegrid/kernels/bfp"
	"fusegrid/kernels/kerneltest"
	"fusegrid/kernels/reference"
)

// TestFirstLayers runs the conformance suite in plain Go. The root package runs it on all sets of the
// machine.
func TestFirstLayers(t *testing.T) { kerneltest.RunBFP16(t, bfp.New(reference.Fused(), nil)) }
