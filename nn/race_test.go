//go:build race

package nn

// The race detector allocates.
const raceEnabled = true
