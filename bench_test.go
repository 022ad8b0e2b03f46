package fusegrid_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"fusegrid"
	"fusegrid/bench/cases"
)

// TestMain restarts the process if OpenBLAS chose too weak a core, and prints the machine before
// the benchmarks.
func TestMain(m *testing.M) {
	fusegrid.EnsureOpenBLAS(os.Stderr)
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		for _, l := range cases.Machine(fusegrid.All()) {
			fmt.Printf("%s: %s\n", l.Key, l.Value)
		}
		for _, unit := range cases.Units {
			fmt.Printf("Unit %s better=higher\n", unit)
		}
	}
	os.Exit(m.Run())
}

func BenchmarkGemm(b *testing.B)        { benchmark(b, "Gemm") }
func BenchmarkForward(b *testing.B)     { benchmark(b, "Forward") }
func BenchmarkUpdate(b *testing.B)      { benchmark(b, "Update") }
func BenchmarkReLU(b *testing.B)        { benchmark(b, "ReLU") }
func BenchmarkReLUGrad(b *testing.B)    { benchmark(b, "ReLUGrad") }
func BenchmarkAddBias(b *testing.B)     { benchmark(b, "AddBias") }
func BenchmarkBiasReLU(b *testing.B)    { benchmark(b, "BiasReLU") }
func BenchmarkSoftmaxLoss(b *testing.B) { benchmark(b, "SoftmaxLoss") }
func BenchmarkAxpby(b *testing.B)       { benchmark(b, "Axpby") }
func BenchmarkRMSProp(b *testing.B)     { benchmark(b, "RMSProp") }
func BenchmarkAdam(b *testing.B)        { benchmark(b, "Adam") }
func BenchmarkSumSquares(b *testing.B)  { benchmark(b, "SumSquares") }
func BenchmarkAddSquares(b *testing.B)  { benchmark(b, "AddSquares") }
func BenchmarkColSums(b *testing.B)     { benchmark(b, "ColSums") }
func BenchmarkSubMean(b *testing.B)     { benchmark(b, "SubMean") }

// BenchmarkMatMul compares a gonum program with and without the drop-in. With the option -cpu 1 of
// go test, both use one thread.
func BenchmarkMatMul(b *testing.B) { benchmark(b, "MatMul") }

// BenchmarkPeak measures the rate of multiply-adds in registers, which no product can exceed.
func BenchmarkPeak(b *testing.B) {
	for _, set := range fusegrid.All() {
		peak(b, "dtype=f32/impl="+set.Name, func(d time.Duration) (float64, bool) { return fusegrid.Peak[float32](set, d) })
		peak(b, "dtype=f64/impl="+set.Name, func(d time.Duration) (float64, bool) { return fusegrid.Peak[float64](set, d) })
	}
}

func peak(b *testing.B, name string, measure func(time.Duration) (float64, bool)) {
	if _, ok := measure(0); !ok {
		return
	}
	b.Run(name, func(b *testing.B) {
		best := 0.0
		for b.Loop() {
			flops, _ := measure(time.Millisecond)
			best = max(best, flops)
		}
		b.ReportMetric(best, "FLOP/s")
	})
}

// benchmark runs every case of a kernel.
func benchmark(b *testing.B, kernel string) {
	for _, g := range cases.Of(fusegrid.All()) {
		if g.Kernel != kernel {
			continue
		}
		for _, row := range g.Rows() {
			b.Run(g.Name+"/impl="+row.Impl, func(b *testing.B) {
				peak := 0.0
				if row.Peak != nil {
					peak = row.Peak(10 * time.Millisecond)
				}
				row.Run()
				for b.Loop() {
					row.Run()
				}
				seconds := b.Elapsed().Seconds() / float64(b.N)
				for _, m := range g.Metrics(seconds, peak) {
					b.ReportMetric(m.Value, m.Unit)
				}
			})
		}
	}
}
