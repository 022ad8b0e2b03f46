package kerneltest

import (
	"errors"
	"fmt"
	"unsafe"

	"fusegrid/kernels"
)

// An arena holds one operand. Pages that fault lie before and after its memory if the system
// supports memory protection. Unused memory is filled with a mark.
type arena struct {
	all      []byte // the memory and its fences
	mem      []byte
	soft     [][]byte // fences of marks, for systems without memory protection
	state    access
	lo, hi   int // the operand is mem[lo:hi]
	wlo, whi int // the marks around it fill the rest of mem[wlo:whi]
}

type access int

const (
	readWrite access = iota
	onlyRead
	noAccess
)

// mark is the byte of a NaN of both types whose payload no arithmetic produces.
const mark = 0xff

// window is the number of marked bytes on each side of an operand.
const window = 512

// A spot is a place in an arena: offset elements from its head, or from its tail.
type spot struct {
	tail   bool
	offset int
}

func (s spot) String() string {
	if s.tail {
		return fmt.Sprintf("tail-%d", s.offset)
	}
	return fmt.Sprintf("head+%d", s.offset)
}

// place returns n elements at a spot in a. They are marked, writable and surrounded by marks.
func place[E kernels.Float | uint8](a *arena, n int, at spot) []E {
	size := int(unsafe.Sizeof(*new(E)))
	a.protect(readWrite)
	a.lo = at.offset * size
	if at.tail {
		a.lo = len(a.mem) - (at.offset+n)*size
	}
	a.hi = a.lo + n*size
	a.wlo, a.whi = max(0, a.lo-window), min(len(a.mem), a.hi+window)
	for i := range a.mem[a.wlo:a.whi] {
		a.mem[a.wlo+i] = mark
	}
	return unsafe.Slice((*E)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(a.mem)), a.lo)), n)
}

// spill returns an error if memory around the operand was written.
func (a *arena) spill() error {
	if a.state == noAccess {
		return nil
	}
	for _, fence := range a.soft {
		for i, v := range fence {
			if v != mark {
				fence[i] = mark
				return errors.New("memory was written outside the arena")
			}
		}
	}
	for i := a.wlo; i < a.whi; i++ {
		if i == a.lo {
			i = a.hi
		}
		if i < a.whi && a.mem[i] != mark {
			if i < a.lo {
				return fmt.Errorf("memory was written %d bytes before the operand", a.lo-i)
			}
			return fmt.Errorf("memory was written %d bytes after the operand", i-a.hi)
		}
	}
	return nil
}

// locate describes the place of an address in the memory or the fences of a.
func (a *arena) locate(addr uintptr) string {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(a.mem)))
	switch {
	case addr < base-uintptr(a.fence()) || addr >= base+uintptr(len(a.mem)+a.fence()):
		return ""
	case addr < base:
		return "before"
	case addr < base+uintptr(len(a.mem)):
		return "inside, against its protection,"
	default:
		return "behind"
	}
}

// fence is the size of the fence on each side.
func (a *arena) fence() int { return (len(a.all) - len(a.mem)) / 2 }

// padding returns an error if an element between the rows of m is no longer a mark.
func padding[T kernels.Float](m kernels.Mat[T]) error {
	for i := range m.Rows - 1 {
		if m.Cols == 0 {
			break
		}
		gap := m.Data[i*m.Stride+m.Cols : (i+1)*m.Stride]
		for j, v := range gap {
			if bitsOf(v) != bitsOf(markOf[T]()) {
				return fmt.Errorf("row %d: the element %d after the last column was written: %v", i, j+1, v)
			}
		}
	}
	return nil
}

// markOf returns the float whose bytes are marks.
func markOf[T kernels.Float]() T {
	var v T
	for i := range unsafe.Sizeof(v) {
		*(*byte)(unsafe.Add(unsafe.Pointer(&v), i)) = mark
	}
	return v
}
