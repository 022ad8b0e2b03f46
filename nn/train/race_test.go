//go:build race

package train_test

// The race detector allocates.
const raceEnabled = true
