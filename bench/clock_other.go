//go:build !linux

package main

import "time"

// threadTime is the CPU time of the calling thread: only Linux has it.
var threadTime func() time.Duration
