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
)

// TestHuge asks the system whether it took the request.
func TestHuge(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this Linux was built without transparent huge pages:", err)
	}
	if flags := flagsOf(t, Make[float32](huge)); !slices.Contains(flags, "hg") {
		t.Errorf("a large slice has the flags %v: want hg among them", flags)
	}
}

// flagsOf returns the flags of the mapping that x lies in, as Linux tells them.
func flagsOf(t *testing.T, x []float32) []string {
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
	t.Fatal("/proc/self/smaps has no VmFlags of a slice")
	return nil
}
