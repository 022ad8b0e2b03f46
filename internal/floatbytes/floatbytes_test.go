package floatbytes

import (
	"bytes"
	"math"
	"testing"
)

func TestAppend(t *testing.T) {
	got := Append([]byte{9}, float32(1), float32(math.Copysign(0, -1)))
	if want := []byte{9, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x80}; !bytes.Equal(got, want) {
		t.Errorf("float32: %x, want %x", got, want)
	}
	got = Append(nil, -2, math.Float64frombits(0x7ff0000000000001))
	if want := []byte{0, 0, 0, 0, 0, 0, 0, 0xc0, 1, 0, 0, 0, 0, 0, 0xf0, 0x7f}; !bytes.Equal(got, want) {
		t.Errorf("float64: %x, want %x", got, want)
	}
}

// TestDecode checks that Decode restores all bits, those of NaNs included.
func TestDecode(t *testing.T) {
	singles := []float32{1, math.Float32frombits(1), float32(math.Inf(-1)), math.Float32frombits(0x7fc00abc)}
	b := Append(nil, singles...)
	got := make([]float32, len(singles))
	Decode(got, append(b, 7))
	if again := Append(nil, got...); !bytes.Equal(again, b) {
		t.Errorf("float32: %x, want %x", again, b)
	}
	doubles := []float64{1, math.SmallestNonzeroFloat64, math.Inf(-1), math.Float64frombits(0x7ff8000000000abc)}
	b = Append(nil, doubles...)
	back := make([]float64, len(doubles))
	Decode(back, append(b, 7))
	if again := Append(nil, back...); !bytes.Equal(again, b) {
		t.Errorf("float64: %x, want %x", again, b)
	}
}

func TestDecodeOfTooFewBytes(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Decode did not panic")
		}
	}()
	Decode(make([]float32, 2), make([]byte, 7))
}
