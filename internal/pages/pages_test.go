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

func TestMake(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 17, huge/4 - 1, huge / 4, huge/4 + 1, 3 * huge / 8, 3*huge/8 - 1, huge} {
		check[uint8](t, n)
		check[float32](t, n)
		check[float64](t, n)
	}
}

func check[T uint8 | float32 | float64](t *testing.T, n int) {
	t.Helper()
	x := Make[T](n)
	if len(x) != n || cap(x) != n {
		t.Fatalf("Make(%d) has length %d and capacity %d", n, len(x), cap(x))
	}
	bytes := n * int(unsafe.Sizeof(T(0)))
	align := uintptr(line)
	if bytes >= huge {
		align = huge
	}
	if at := uintptr(unsafe.Pointer(unsafe.SliceData(x))); n > 0 && at%align != 0 {
		t.Errorf("Make(%d), %d bytes, begins at %#x: want a multiple of %d", n, bytes, at, align)
	}
	if slices.ContainsFunc(x, func(v T) bool { return v != 0 }) {
		t.Errorf("Make(%d) is not all zeros", n)
	}
}

// TestHuge asks the system whether it took the request.
func TestHuge(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is asked for huge pages")
	}
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no huge pages:", err)
	}
	if flags := flagsOf(t, Make[float32](huge)); !slices.Contains(flags, "hg") {
		t.Errorf("a large slice has the flags %v: want hg among them", flags)
	}
}

// flagsOf returns the flags of the mapping that x lies in, as Linux tells them.
func flagsOf(t *testing.T, x []float32) []string {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip("the mappings cannot be read:", err)
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
	t.Skip("this kernel tells no flags of mappings")
	return nil
}
