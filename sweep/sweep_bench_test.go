package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fusegrid"
	"fusegrid/nn/dataset"
)

// BenchmarkSweep runs the command on CIFAR-10, from process start to the last table. The data must be
// fetched, or in the folder FUSEGRID_DATA. All figures are medians.
//
//   - whole: 32 points × 1,000 iterations on all cores, for each type with first layers in float32 or integers. The share is that of the flops of the first layers in the
//     peak of all cores together, which is measured just before and after.
//   - workers: 16 points × 500 iterations on one core and on two, in turn.
//   - fuse: 16 points × 500 iterations on all cores, each point alone and fused, in turn.
func BenchmarkSweep(b *testing.B) {
	dir, ok := dataset.Find()
	if !ok {
		b.Skip(`no CIFAR-10: "sweep fetch" gets it`)
	}
	command := filepath.Join(b.TempDir(), "sweep.exe") // Windows wants the suffix
	build := []string{"build", "-o", command}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				build = append(build, "-tags", s.Value) // the kernels of this benchmark
			}
		}
	}
	if out, err := exec.Command("go", append(build, ".")...).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	runs := 0
	sweep := func(b *testing.B, grid string, flags ...string) time.Duration {
		runs++
		args := append(strings.Fields(grid), "-quiet", "-data", dir, "-out", filepath.Join(b.TempDir(), fmt.Sprint(runs)))
		start := time.Now()
		if out, err := exec.Command(command, append(args, flags...)...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		return time.Since(start)
	}
	const half = "-lr log:1e-4..2e-3:4 -reg 0.25,0.5,0.85,0.89 -iters 500"

	for _, dtype := range []string{"f32", "bfp16", "bfp16d8"} {
		b.Run("whole/dtype="+dtype, func(b *testing.B) {
			if set, err := fusegrid.Best(); err == nil {
				if _, err = fusegrid.ForType(set, dtype); err != nil {
					b.Skipf("the fastest kernel set cannot train this type: %v", err)
				}
			}
			const flops = 32 * 1000 * 4.0 * 200 * dataset.Dim * 50
			var seconds, shares []float64
			for b.Loop() {
				before, _ := corePeaks(b)
				took := sweep(b, "-lr log:1e-4..2e-3:8 -reg 0.25,0.5,0.85,0.89 -iters 1000", "-dtype", dtype)
				seconds = append(seconds, took.Seconds())
				if after, ok := corePeaks(b); ok {
					shares = append(shares, flops/took.Seconds()/(before+after)*2)
				}
			}
			b.ReportMetric(middle(seconds)*1e9, "ns/op")
			if len(shares) > 0 {
				b.ReportMetric(middle(shares), "peak-share")
			}
		})
	}
	inTurn := func(name, unit string, slow, fast []string) {
		b.Run(name, func(b *testing.B) {
			var a, c, ratios []float64
			for b.Loop() {
				s, f := sweep(b, half, slow...), sweep(b, half, fast...)
				a, c = append(a, s.Seconds()), append(c, f.Seconds())
				ratios = append(ratios, s.Seconds()/f.Seconds())
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(middle(a), "s-"+slow[1])
			b.ReportMetric(middle(c), "s-"+fast[1])
			b.ReportMetric(middle(ratios), unit)
		})
	}
	inTurn("workers", "speedup", []string{"-workers", "1"}, []string{"-workers", "2"})
	inTurn("fuse", "speedup", []string{"-fuse", "off"}, []string{"-fuse", "on"})
}

// corePeaks measures the peak of all cores together for half a second. ok is false if the kernels have no such
// measure.
func corePeaks(b *testing.B) (sum float64, ok bool) {
	set, err := fusegrid.Best()
	if err != nil {
		b.Fatal(err)
	}
	if _, ok := fusegrid.Peak[float32](set, 0); !ok {
		return 0, false
	}
	var wg sync.WaitGroup
	rates := make([]float64, runtime.GOMAXPROCS(0))
	for i := range rates {
		wg.Go(func() {
			var all []float64
			for start := time.Now(); time.Since(start) < time.Second/2; {
				r, _ := fusegrid.Peak[float32](set, 0)
				all = append(all, r)
			}
			rates[i] = middle(all)
		})
	}
	wg.Wait()
	for _, r := range rates {
		sum += r
	}
	return sum, true
}

func middle(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
