// Package fusegrid finds out what this machine can do: it offers every kernel
// set that the CPU and the build can run, widest first.
package fusegrid
