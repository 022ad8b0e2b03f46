package pages

import "golang.org/x/sys/unix"

// advise asks the kernel to back b with huge pages. Both ends of b must lie on the boundary of
// a huge page. An error is ignored, because small pages work too.
func advise(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
