//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package results

// lockName returns the name of the file to lock for a journal. It is the journal itself, because
// flock(2) does not block readers or writers.
func lockName(journal string) string { return journal }
