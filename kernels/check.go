package kernels

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

func checkLen(op, name string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("kernels: %s: %s has %d elements, want %d", op, name, got, want))
	}
}

func checkMat[T Float](op, name string, m Mat[T]) {
	hi, lo := bits.Mul64(uint64(m.Rows), uint64(m.Stride))
	tooLarge := hi != 0 || lo > math.MaxInt // and the extent would overflow
	if m.Rows < 0 || m.Cols < 0 || m.Stride < m.Cols || tooLarge {
		panic(fmt.Sprintf("kernels: %s: %s is %d×%d with stride %d", op, name, m.Rows, m.Cols, m.Stride))
	}
	if len(m.Data) < m.extent() {
		panic(fmt.Sprintf("kernels: %s: %s is %d×%d with stride %d but has %d elements, want %d",
			op, name, m.Rows, m.Cols, m.Stride, len(m.Data), m.extent()))
	}
}

func checkShape[T Float](op, name string, got, want Mat[T]) {
	if got.Rows != want.Rows || got.Cols != want.Cols {
		panic(fmt.Sprintf("kernels: %s: %s is %d×%d, want %d×%d", op, name, got.Rows, got.Cols, want.Rows, want.Cols))
	}
}

func checkBias[T Float](op string, dst, x Mat[T], bias []T) {
	checkMat(op, "dst", dst)
	checkMat(op, "x", x)
	checkShape(op, "dst", dst, x)
	checkLen(op, "bias", len(bias), x.Cols)
	checkSameMat(op, "dst", "x", dst, x)
	checkApart(op, "dst", "bias", dst.span(), bias)
}

// overlap reports whether a and b share memory.
func overlap[T Float](a, b []T) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	size := unsafe.Sizeof(a[0])
	a0, b0 := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return a0 < b0+uintptr(len(b))*size && b0 < a0+uintptr(len(a))*size
}

func checkApart[T Float](op, out, in string, dst, src []T) {
	if overlap(dst, src) {
		panic(fmt.Sprintf("kernels: %s: %s overlaps %s", op, out, in))
	}
}

func checkSameOrApart[T Float](op, out, in string, dst, src []T) {
	if len(dst) > 0 && len(src) > 0 && &dst[0] == &src[0] {
		return
	}
	checkApart(op, out, in, dst, src)
}

func checkSameMat[T Float](op, out, in string, dst, src Mat[T]) {
	if len(dst.Data) > 0 && len(src.Data) > 0 && &dst.Data[0] == &src.Data[0] &&
		(dst.Stride == src.Stride || dst.Rows == 1) {
		return
	}
	checkMatApart(op, out, in, dst, src)
}

func checkMatApart[T Float](op, out, in string, dst, src Mat[T]) {
	if overlap(dst.span(), src.span()) && !disjointColumns(dst, src) {
		panic(fmt.Sprintf("kernels: %s: %s overlaps %s", op, out, in))
	}
}

// disjointColumns reports whether a and b, whose spans overlap, are different columns of
// one matrix.
func disjointColumns[T Float](a, b Mat[T]) bool {
	if a.Stride != b.Stride {
		return false
	}
	a0, b0 := uintptr(unsafe.Pointer(&a.Data[0])), uintptr(unsafe.Pointer(&b.Data[0]))
	if a0 > b0 {
		a, b, a0, b0 = b, a, b0, a0
	}
	size := unsafe.Sizeof(a.Data[0])
	if (b0-a0)%size != 0 {
		return false
	}
	j := int((b0-a0)/size) % a.Stride // the column of a's matrix in which b starts
	return a.Cols <= j && j+b.Cols <= a.Stride
}
