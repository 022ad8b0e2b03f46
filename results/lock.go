package results

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

// lock locks a journal for this process until the lock is closed. The operating system releases the lock
// when the process ends, even if it is killed.
func lock(journal string) (io.Closer, error) {
	l := flock.New(lockName(journal), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
	ok, err := l.TryLock()
	if err == nil && !ok {
		time.Sleep(20 * time.Millisecond) // InUse has the lock for an instant
		ok, err = l.TryLock()
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot lock the file: %w", err)
	case !ok:
		return nil, ErrLocked
	}
	return l, nil
}

// InUse reports whether another process has a journal open. It creates no file. If it cannot tell, it reports false.
func InUse(journal string) bool {
	name := lockName(journal)
	if _, err := os.Stat(name); err != nil {
		return false
	}
	l := flock.New(name, flock.SetFlag(os.O_RDONLY))
	defer l.Close()
	ok, err := l.TryRLock()
	return err == nil && !ok
}

// lockName returns the name of the file to lock for a journal. It is the journal if the system has
// flock(2), which does not block readers or writers. Otherwise it is a file next to the journal. On
// Windows, a lock on the journal would block its readers. With fcntl(2), a process loses its lock on
// the journal when it closes any descriptor of the journal, for example after reading.
func lockName(journal string) string {
	switch runtime.GOOS {
	case "darwin", "dragonfly", "freebsd", "illumos", "linux", "netbsd", "openbsd":
		return journal
	}
	return journal + ".lock"
}

// syncDir writes the names in a folder to disk, if the system can do that.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
