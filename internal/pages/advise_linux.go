package pages

import "golang.org/x/sys/unix"

// advise asks for huge pages under b, which begins one and ends one. Where there are none to be had, small ones
// do: an error changes nothing.
func advise(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
