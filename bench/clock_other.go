//go:build !unix

package main

import "time"

// cpuTime is nil because the CPU time of a process is not available on this system.
var cpuTime func() time.Duration
