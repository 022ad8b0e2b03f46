package pages

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestHuge checks that Linux has accepted the request for huge pages.
func TestHuge(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this Linux was built without transparent huge pages:", err)
	}
	own, err := unix.Mmap(-1, 0, 2*huge, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(own)
	if err := unix.Madvise(own, unix.MADV_HUGEPAGE); err != nil || !slices.Contains(flagsOf(t, own), "hg") {
		t.Skipf("this system does not report huge pages (QEMU's user emulation never does): %v", err)
	}
	if flags := flagsOf(t, Make[float32](huge)); !slices.Contains(flags, "hg") {
		t.Errorf("a large slice has the flags %v, want hg among them", flags)
	}
}

// flagsOf returns the flags that Linux reports for the mapping that contains x.
func flagsOf[T any](t *testing.T, x []T) []string {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	defer runtime.KeepAlive(x)
	at := uintptr(unsafe.Pointer(unsafe.SliceData(x)))
	inside := false
	for s := bufio.NewScanner(f); s.Scan(); {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &lo, &hi); n == 2 {
			inside = lo <= at && at < hi
		}
		if flags, ok := strings.CutPrefix(s.Text(), "VmFlags:"); ok && inside {
			return strings.Fields(flags)
		}
	}
	t.Fatal("/proc/self/smaps has no VmFlags for the mapping of a slice")
	return nil
}
