//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package kerneltest

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// newArena returns an arena of at least n bytes, a whole number of pages.
func newArena(n int) *arena {
	page := os.Getpagesize()
	n = (n + page - 1) / page * page
	all, err := unix.Mmap(-1, 0, n+2*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(fmt.Sprintf("kerneltest: no memory for an operand of %d bytes: %v", n, err))
	}
	a := &arena{all: all, mem: all[page : page+n : page+n], state: noAccess}
	a.protect(readWrite)
	return a
}

func (a *arena) protect(s access) {
	if a.state == s {
		return
	}
	prot := [...]int{readWrite: unix.PROT_READ | unix.PROT_WRITE, onlyRead: unix.PROT_READ, noAccess: unix.PROT_NONE}
	if err := unix.Mprotect(a.mem, prot[s]); err != nil {
		panic(fmt.Sprintf("kerneltest: cannot protect an operand: %v", err))
	}
	a.state = s
}

func (a *arena) free() {
	if err := unix.Munmap(a.all); err != nil {
		panic(fmt.Sprintf("kerneltest: cannot release an operand: %v", err))
	}
}

// fenced reports whether arenas have pages that fault.
const fenced = true
