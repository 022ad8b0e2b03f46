//go:build race

package fused_test

// The race detector allocates.
const raceEnabled = true
