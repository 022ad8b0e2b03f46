package blocked

import (
	"fmt"
	"math"
	"testing"

	"fusegrid/kernels"
)

// testMicro returns a Micro with tiles like those of a CPU, but without functions that compute.
func testMicro() Micro[float32] {
	return Micro[float32]{
		Tile: kernels.Tile{MR: 3, NR: 8, Lanes: 4}, KC: 16, Narrow: 2, PackMR: 3,
		PackImageLanes: func(dst []float32, src []uint8, mean []float32, tiles, stride int) {},
	}
}

// TestLayoutPlaces checks that, in either layout and after First, no two elements of a matrix share
// a place and all lie within the size.
func TestLayoutPlaces(t *testing.T) {
	l := &layer[float32]{gemm: gemm[float32]{micro: testMicro()}}
	for _, rows := range []int{0, 1, 7, 8, 9, 24, 30} {
		for room := range 20 {
			for lanes := range room + 1 {
				for _, layout := range []kernels.Layout[float32]{wide[float32]{l}, flipped[float32]{l, room}} {
					size := layout.Size(rows, lanes)
					used := map[int]bool{}
					for lane := range lanes {
						at, length, stride := layout.Runs(rows, lane)
						for i := 0; i < rows; i, at = i+length, at+stride {
							for p := range min(length, rows-i) {
								if at+p < 0 || at+p >= size || used[at+p] {
									t.Fatalf("%d×%d in %s: element (%d, %d) is at %d of %d, which is used twice or outside", rows, lanes, layout, i+p, lane, at+p, size)
								}
								used[at+p] = true
							}
						}
					}
				}
			}
		}
	}
	f := flipped[float32]{l, 5}
	if got := f.Size(1, 6); got != math.MaxInt {
		t.Errorf("6 lanes in %s have size %d, want no room", f, got)
	}
}

// TestLayoutSpans checks that the spans of lanes [l0, l1) hold each element of these lanes once and
// no element of other lanes.
func TestLayoutSpans(t *testing.T) {
	l := &layer[float32]{gemm: gemm[float32]{micro: testMicro()}}
	for _, layout := range []kernels.Layout[float32]{wide[float32]{l}, flipped[float32]{l, 19}} {
		for _, rows := range []int{1, 7, 8, 9, 24, 30} {
			for lanes := 1; lanes < 20; lanes++ {
				owner := map[int]int{}
				for lane := range lanes {
					at, length, stride := layout.Runs(rows, lane)
					for i := 0; i < rows; i, at = i+length, at+stride {
						for p := range min(length, rows-i) {
							owner[at+p] = lane
						}
					}
				}
				for l0 := range lanes {
					for l1 := l0 + 1; l1 <= lanes; l1++ {
						held := map[int]int{}
						for l := l0; l < l1; {
							s := layout.Span(rows, lanes, l, l1)
							if s.End <= l || s.End > l1 {
								t.Fatalf("%d×%d in %s: lanes [%d, %d) end with %d", rows, lanes, layout, l, l1, s.End)
							}
							for i := range s.Count {
								for at := range s.Length {
									held[s.First+i*s.Stride+at]++
								}
							}
							l = s.End
						}
						for at, lane := range owner {
							want := 0
							if l0 <= lane && lane < l1 {
								want = 1
							}
							if held[at] != want {
								t.Fatalf("%d×%d in %s: lanes [%d, %d) hold an element of lane %d %d times", rows, lanes, layout, l0, l1, lane, held[at])
							}
						}
						for at := range held {
							if at < 0 || at >= layout.Size(rows, lanes) {
								t.Fatalf("%d×%d in %s: lanes [%d, %d) have an element at %d", rows, lanes, layout, l0, l1, at)
							}
						}
					}
				}
			}
		}
	}
}

// TestLayoutChoice checks that weights are flipped exactly if the micro-kernel supports it and the
// lanes waste enough of the vectors.
func TestLayoutChoice(t *testing.T) {
	s := new(kernels.Slots[float32])
	without := testMicro()
	without.PackImageLanes = nil
	tolerant := testMicro()
	tolerant.FlipWaste = 1000
	for _, c := range []struct {
		micro Micro[float32]
		lanes int
		want  string
	}{
		{testMicro(), 0, "panels of 8"},
		{testMicro(), 3, "tiles of 3×8"},
		{testMicro(), 9, "tiles of 9×8"},
		{testMicro(), 8, "panels of 8"},
		{testMicro(), 800, "panels of 8"},
		{without, 3, "panels of 8"},
		{tolerant, 3, "panels of 8"},
		{tolerant, 1, "tiles of 1×8"},
	} {
		if got := fmt.Sprint(Layouts(c.micro, s)(c.lanes)); got != c.want {
			t.Errorf("%d lanes, FlipWaste %d: %s, want %s", c.lanes, c.micro.FlipWaste, got, c.want)
		}
	}
	// Arrays of one shape must have equal layouts, because velocities are added to weights.
	layouts := Layouts(testMicro(), s)
	for _, lanes := range []int{3, 8} {
		if a, b := layouts(lanes), layouts(lanes); a != b {
			t.Errorf("two layouts of %d lanes differ: %s and %s", lanes, a, b)
		}
	}
	if a, b := layouts(3), layouts(5); a == b {
		t.Errorf("tiles of different sizes are one layout: %s and %s", a, b)
	}
}
