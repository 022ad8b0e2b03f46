//go:build unix

package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
)

// BenchmarkReport measures sweep report on 50,000 trials with their curves: a grid with five seeds, and random values. It
// reports CPU time, which other programs disturb less, and the size of the page.
func BenchmarkReport(b *testing.B) {
	for _, kind := range []string{"grid", "random"} {
		b.Run(kind, func(b *testing.B) {
			dir := b.TempDir()
			manyTrials(b, dir, 50_000, kind == "random")
			page := filepath.Join(b.TempDir(), "report.html")
			before := cpuTime(b)
			for b.Loop() {
				if code := run(b.Context(), []string{"report", "-o", page, dir}, io.Discard, io.Discard); code != exitOK {
					b.Fatalf("exit code %d", code)
				}
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
			info, err := os.Stat(page)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/1e6, "MB")
		})
	}
}

// manyTrials writes a folder with n trials. Each has a curve of 15 accuracies and 200 losses.
func manyTrials(b *testing.B, dir string, n int, random bool) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	out, err := folder.Open(folder.OS{}, dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	if err := out.KeepCurves(curve.Nets, nil); err != nil {
		b.Fatal(err)
	}
	const lot = 1000
	var records []results.Record
	var chunks []byte
	for i := range n {
		c := results.Config{
			Data: fmt.Sprintf("%064x", 7), Split: [3]int{49000, 1000, 1000}, Pixels: "hwc", Net: "two-layer", Batch: 200, Iters: 3000, Std: 1e-4, DType: "f32", Class: "fma-512",
			Seed: uint32(i % 5), LR: 3e-5 * math.Pow(333, float64(i/5%25)/24), Hidden: []int{[]int{20, 50, 100, 200, 400}[i/125%5]}, Reg: .01 * float64(i/625%20), Decay: []float64{.9, .95, .99, 1}[i/12500%4],
		}
		if random {
			c.Seed, c.LR, c.Reg = 0, 3e-5*math.Pow(333, rng.Float64()), rng.Float64()
		}
		x := math.Log10(c.LR) + 2.85
		val := math.Round(1000*max(.09, .57-.09*x*x+.03*math.Log10(float64(c.Hidden[0])/50)+.008*rng.NormFloat64())) / 1000
		train := math.Round(1000*min(1, val*1.12+.01*rng.Float64())) / 1000
		loss := 2.3 - 1.8*val
		r := results.Record{
			Key: c.Key(), State: results.Done, Config: c, Steps: 3000, DataName: "cifar-10", Impl: "avx2", Ended: time.Unix(1_700_000_000+int64(i), 0).UTC(),
			Weights: fmt.Sprintf("%016x%048x", rng.Uint64(), i), Losses: fmt.Sprintf("%016x%048x", rng.Uint64(), i),
			Accuracy: results.Accuracy{FinalVal: &val, FinalTrain: &train, FinalStep: 3000, EpochVal: &val, EpochTrain: &train, BestVal: &val},
			Loss:     results.Loss{First: new(2.302), Last: &loss, Min: &loss},
			Speed:    results.Speed{Seconds: .4 + .3*rng.Float64(), FLOPs: 140e9 + 10e9*rng.Float64(), Samples: 3e5, Iters: 1500, Peak: 178e9, Workers: 2, Block: 20, Cores: 1},
			Machine:  results.Machine{CPU: "Testing CPU", Features: "avx2", Cores: 2, Platform: "linux/amd64", Go: "go1.26"},
		}
		if c.LR > 6.5e-3 && rng.Float64() < .6 {
			r.State, r.Steps, r.Accuracy, r.Weights = results.Diverged, 200, results.Accuracy{}, ""
		}
		h := curve.History{}
		for k := range 200 {
			h.Loss = append(h.Loss, 2.3-1.8*(val-.1)*(1-math.Exp(-float64(k)/50))+.05*rng.NormFloat64())
		}
		for k := range 15 {
			t := 1 - math.Exp(-float64(k+1)/4)
			h.Steps = append(h.Steps, 13*(k+1))
			h.Val, h.Train = append(h.Val, math.Round(1000*(.1+(val-.1)*t+.008*rng.NormFloat64()))/1000), append(h.Train, math.Round(1000*(.1+(train-.1)*t+.01*rng.NormFloat64()))/1000)
		}
		records = append(records, r)
		if chunks, err = curve.AppendChunk(chunks, r.Key, h); err != nil {
			b.Fatal(err)
		}
		if len(records) == lot || i == n-1 {
			if err := out.AppendCurves(chunks); err != nil {
				b.Fatal(err)
			}
			if err := out.Append(records); err != nil {
				b.Fatal(err)
			}
			records, chunks = records[:0], chunks[:0]
		}
	}
}
