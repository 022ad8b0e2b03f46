//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package results

// lockName returns the file to lock for a journal: one beside it. Windows would keep those out that read the
// journal, and with fcntl(2) whoever closes it, having read it, gives up the lock.
func lockName(journal string) string { return journal + ".lock" }
