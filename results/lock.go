package results

import (
	"fmt"
	"io"
	"os"

	"github.com/gofrs/flock"
)

// lock takes the journal of that name for this process alone, until the lock is closed. The system
// releases it when the process ends, however it ends.
func lock(journal string) (io.Closer, error) {
	l := flock.New(lockName(journal), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
	ok, err := l.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("it cannot be locked: %w", err)
	case !ok:
		return nil, ErrLocked
	}
	return l, nil
}
