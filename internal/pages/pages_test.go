package pages

import (
	"slices"
	"testing"
	"unsafe"
)

func TestMake(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 17, huge/4 - 1, huge / 4, huge/4 + 1, 3 * huge / 8, 3*huge/8 - 1, huge} {
		check[uint8](t, n)
		check[float32](t, n)
		check[float64](t, n)
	}
}

func check[T uint8 | float32 | float64](t *testing.T, n int) {
	t.Helper()
	x := Make[T](n)
	if len(x) != n || cap(x) != n {
		t.Fatalf("Make(%d) has length %d and capacity %d", n, len(x), cap(x))
	}
	bytes := n * int(unsafe.Sizeof(T(0)))
	align := uintptr(Line)
	if bytes >= huge {
		align = huge
	}
	if at := uintptr(unsafe.Pointer(unsafe.SliceData(x))); n > 0 && at%align != 0 {
		t.Errorf("Make(%d), %d bytes, starts at %#x, want a multiple of %d", n, bytes, at, align)
	}
	if slices.ContainsFunc(x, func(v T) bool { return v != 0 }) {
		t.Errorf("Make(%d) is not all zeros", n)
	}
}
