package results

import (
	"fmt"
	"io"
	"os"

	"github.com/gofrs/flock"
)

// lock locks a journal for this process until the lock is closed. The operating system releases the lock
// when the process ends, even if it is killed.
func lock(journal string) (io.Closer, error) {
	l := flock.New(lockName(journal), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
	ok, err := l.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot lock the file: %w", err)
	case !ok:
		return nil, ErrLocked
	}
	return l, nil
}
