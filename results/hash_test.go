package results

import (
	"math"
	"testing"
)

// TestHash compares hashes with those of Python's hashlib and struct.
func TestHash(t *testing.T) {
	var singles []float32
	var doubles []float64
	for i := range 2500 {
		singles, doubles = append(singles, float32(i)/4), append(doubles, float64(i)/4)
	}
	negative := math.Copysign(0, -1)
	for _, nan := range []uint64{0x7ff8000000000001, 0xfff8000000000abc} {
		const want = "ac9937e5edf9a2b068ae9852b1c841004285e36212aa6755edc2e38351da3770"
		if got := Hash(doubles[:7], doubles[7:], nil, []float64{negative, math.Float64frombits(nan)}); got != want {
			t.Errorf("float64 with NaN %x: %s, want %s", nan, got, want)
		}
	}
	for _, nan := range []uint32{0x7fc00000, 0xffc00abc} {
		const want = "8126fa8dd9d0435ea0d82aad57163cf9cf89810b37549167b4e8f904b2e513e2"
		if got := Hash(singles, []float32{float32(negative), math.Float32frombits(nan)}); got != want {
			t.Errorf("float32 with NaN %x: %s, want %s", nan, got, want)
		}
	}
	if last := len(doubles) - 1; Hash(doubles) == Hash(doubles[:last]) {
		t.Error("the hash does not depend on the last number")
	}
	if Hash(doubles) == Hash([]float64{0}, doubles) {
		t.Error("the hash does not depend on the first number")
	}
}

func BenchmarkHash(b *testing.B) {
	weights, biases := make([]float32, 24), make([]float32, 2)
	b.ReportAllocs()
	for b.Loop() {
		Hash(weights, biases)
	}
}
