//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package results

// lockName returns the file to lock for a journal: the journal itself, since flock(2) keeps nobody from
// reading or writing.
func lockName(journal string) string { return journal }
