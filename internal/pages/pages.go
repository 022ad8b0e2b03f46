// Package pages allocates slices that are aligned for fast access. Each slice starts at a cache
// line. Large slices use huge pages if the operating system grants them on request. Huge pages
// reduce TLB misses when a core reads megabytes in order or picks images from a whole data set.
package pages

import "unsafe"

// Line is the size of a cache line in bytes.
const Line = 64

const huge = 2 << 20 // size of a huge page in bytes

// Make returns a slice of n zeros that starts at a cache line. A slice of 2 MiB or more starts at a
// huge page. Make requests huge pages for the nearest whole number of pages, so at most 1 MiB of
// them is not used.
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
