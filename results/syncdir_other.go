//go:build !unix

package results

// syncDir does nothing, because this operating system cannot sync a folder.
func syncDir(string) error { return nil }
