//go:build race

package kerneltest

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
