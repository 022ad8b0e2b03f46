//go:build race

package kerneltest

// raceEnabled reports whether the race detector is on. It allocates memory itself.
const raceEnabled = true
