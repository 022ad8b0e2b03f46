//go:build unix

package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
	"fusegrid/nn/train"
	"fusegrid/search"
	"fusegrid/search/plan"
)

// dots returns a data set of 40 images of 12 pixels, the smallest that a sweep can train.
func dots() *dataset.Split {
	const pixels = 12
	subset := func(n int) labelled.Samples {
		s := labelled.Samples{X: make([]uint8, n*pixels), Y: make([]uint16, n)}
		for i := range s.X {
			s.X[i] = uint8(i * i)
		}
		for i := range s.Y {
			s.Y[i] = uint16(i % 2)
		}
		return s
	}
	return &dataset.Split{
		Name: "dots", Hash: "5ad1", Order: dataset.HWC, Classes: []string{"odd", "even"},
		Train: subset(20), Val: subset(10), Test: subset(10), Mean: make([]float64, pixels),
	}
}

// BenchmarkBookkeeping measures everything that a sweep does for a trial except its training, from the flags to the
// last table: grid, plan, schedule, hashes of weights and losses, journal with its fsyncs, ranks, tables. It runs a
// sweep of 100,000 tiny nets for one iteration. Then it trains the same blocks alone, and subtracts that time. A
// runner that trains nothing would omit the work of the real one for a record.
//
// It reports CPU time, too, which other programs disturb less. Sweeps with and without learning curves take turns, and
// curves-ratio is the CPU time of the first divided by that of the second.
func BenchmarkBookkeeping(b *testing.B) {
	for _, how := range []string{"on", "off"} {
		b.Run("fuse="+how, func(b *testing.B) { benchBookkeeping(b, how) })
	}
}

func benchBookkeeping(b *testing.B, fuse string) {
	const trials = 100_000
	// CIFAR-10 is in memory, because the live memory determines how often garbage is collected.
	images := make([]byte, 60_000*dataset.Dim)
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent(len(images))))
	defer runtime.KeepAlive(images)
	data := dots()
	sweep := func(out, curves string) *options {
		o, err := parseOptions([]string{
			"-impl", "reference", "-quiet", "-workers", "1", "-fuse", fuse, "-out", out, "-curves", curves,
			"-lr", "log:1e-5..1e-1:400", "-reg", "0..1:250", "-hidden", "2", "-batch", "2", "-iters", "1",
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := o.sweep(b.Context(), data, io.Discard, io.Discard); err != nil {
			b.Fatal(err)
		}
		runtime.GC() // so that no sweep collects the garbage of another
		return o
	}
	var whole, alone, wholeCPU, plainCPU, aloneCPU time.Duration
	for i := 0; b.Loop(); i++ {
		start, startCPU := time.Now(), cpuTime(b)
		o := sweep(fmt.Sprint(b.TempDir(), i), "on")
		whole, wholeCPU = whole+time.Since(start), wholeCPU+cpuTime(b)-startCPU
		startCPU = cpuTime(b)
		sweep(fmt.Sprint(b.TempDir(), i, "-plain"), "off")
		plainCPU += cpuTime(b) - startCPU

		o.Dir = b.TempDir() // with no trial on record
		p, err := search.DryRun(b.Context(), o.study())
		if err != nil {
			b.Fatal(err)
		}
		if n := plan.Trials(p.Blocks); n != trials {
			b.Fatalf("%d trials, want %d", n, trials)
		}
		start, startCPU = time.Now(), cpuTime(b)
		for _, block := range p.Blocks {
			if err := trainOnly(o.Kernels, data, block); err != nil {
				b.Fatal(err)
			}
		}
		alone, aloneCPU = alone+time.Since(start), aloneCPU+cpuTime(b)-startCPU
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(b.N) / trials }
	b.ReportMetric(0, "ns/op") // hidden, because it includes the training
	b.ReportMetric(each(whole-alone), "µs/trial")
	b.ReportMetric(each(wholeCPU-aloneCPU), "cpu-µs/trial")
	b.ReportMetric(each(plainCPU-aloneCPU), "plain-cpu-µs/trial")
	b.ReportMetric(float64(wholeCPU-aloneCPU)/float64(plainCPU-aloneCPU), "curves-ratio")
	b.ReportMetric(each(alone), "training-µs/trial")
}

// trainOnly trains a block and measures accuracies as a runner does, but makes no records.
func trainOnly(set *kernels.Set, data *dataset.Split, block plan.Block) error {
	c := block.Trials[0].Config
	var nets []train.Net
	for _, trial := range block.Trials {
		c := trial.Config
		nets = append(nets, train.Net{Hidden: c.Hidden, LR: c.LR, Reg: c.Reg, Decay: c.Decay, Scale: c.Std, Mu: c.Mu})
	}
	shape := train.Shape{Inputs: len(data.Mean), Classes: len(data.Classes), Batch: c.Batch}
	nn, err := train.New(set, shape, nets, make([]float32, len(data.Mean)), 1)
	if err != nil {
		return err
	}
	rng := nprand.New(c.Seed)
	nn.Init(0, rng)
	for k := range nets[1:] {
		nn.Copy(k+1, 0)
	}
	schedule := train.Schedule{Iterations: c.Iters, Batch: c.Batch, Train: data.Train, Val: data.Val}
	trainer, err := train.NewTrainer(nn, schedule, rng)
	if err != nil {
		return err
	}
	for !trainer.Finished() {
		trainer.Step()
	}
	for _, images := range []labelled.Samples{data.Train, data.Val, data.Test} {
		idx := make([]int, images.Len())
		for i := range idx {
			idx[i] = i
		}
		nn.Hits(images, idx)
	}
	return nil
}

// cpuTime returns the CPU time of the process.
func cpuTime(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
