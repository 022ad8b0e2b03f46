// Package pages makes slices that a CPU reaches fast. They begin a cache line, and large ones lie in huge
// pages where the operating system gives these on request: a core that walks through megabytes, or
// picks images from all over a data set, then seldom has to look up where a page is.
package pages

import "unsafe"

// Line is the bytes of a cache line.
const Line = 64

const huge = 2 << 20 // bytes of a huge page

// Make returns n zeros that begin a cache line. From 2 MiB on they begin a huge page, and have as
// many as their size, rounded, holds: up to 1 MiB goes unused.
func Make[T uint8 | float32 | float64](n int) []T {
	size := int(unsafe.Sizeof(T(0)))
	align, whole := Line, 0
	if n*size >= huge {
		align, whole = huge, (n*size+huge/2)/huge*huge
	}
	raw := make([]T, max(n, whole/size)+align/size-1)
	off := 0
	if rest := int(uintptr(unsafe.Pointer(unsafe.SliceData(raw))) % uintptr(align)); rest != 0 {
		off = (align - rest) / size
	}
	if whole > 0 {
		advise(unsafe.Slice((*byte)(unsafe.Pointer(&raw[off])), whole))
	}
	return raw[off : off+n : off+n]
}
