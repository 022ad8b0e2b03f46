//go:build !linux

package pages

// advise does nothing: the system has no such request.
func advise([]byte) {}
