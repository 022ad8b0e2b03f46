//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package results

// lockName returns the name of the file to lock for a journal. It is a file next to the journal. On
// Windows, a lock on the journal would block its readers. With fcntl(2), a process loses its lock
// on the journal when it closes any descriptor of the journal, for example after reading.
func lockName(journal string) string { return journal + ".lock" }
