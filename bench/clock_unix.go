//go:build unix

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the CPU time of this process. This clock stops while the operating system runs
// other processes.
var cpuTime = func() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		panic(err) // cannot happen: the arguments are valid constants
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
