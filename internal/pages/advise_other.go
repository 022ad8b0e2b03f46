//go:build !linux

package pages

// advise does nothing, because the operating system has no such request.
func advise([]byte) {}
