//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package kerneltest

// newArena returns an arena of n bytes. Without memory protection only the marks
// around an operand show that something was written there.
func newArena(n int) *arena {
	mem := make([]byte, n)
	return &arena{all: mem, mem: mem}
}

func (a *arena) protect(s access) {}

func (a *arena) free() {}

// fenced reports whether arenas have pages that fault.
const fenced = false
