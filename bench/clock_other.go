//go:build !unix

package main

import "time"

// cpuTime is the CPU time of this process: not known here.
var cpuTime func() time.Duration
