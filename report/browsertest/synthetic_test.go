package browsertest

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"fusegrid/report"
	"fusegrid/results"
	"fusegrid/results/curve"
)

// trialsOf returns the records of n trials, at most 50,000 unless their values are random. Their results follow a smooth function with noise of the
// seed. Trials with a high learning rate diverge.
func trialsOf(n int, random bool) []results.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	levels := func(k int, low, high float64) []float64 {
		all := make([]float64, k)
		for i := range all {
			all[i] = low * math.Pow(high/low, float64(i)/float64(max(k-1, 1)))
		}
		return all
	}
	lrs, regs := levels(25, 3e-5, 1e-2), append([]float64{0}, levels(19, 1e-3, 3)...)
	hidden, decays := []int{20, 50, 100, 200, 400}, []float64{.9, .95, .99, 1}
	seeds := 5
	all := make([]results.Record, 0, n)
	for i := range n {
		k := i
		next := func(m int) int { j := k % m; k /= m; return j }
		seed := next(seeds)
		lr, reg := lrs[next(len(lrs))], 0.0
		h := hidden[next(len(hidden))]
		reg = regs[next(len(regs))]
		decay := decays[next(len(decays))]
		if random {
			seed, lr, reg = 0, math.Exp(math.Log(3e-5)+rng.Float64()*math.Log(1e-2/3e-5)), math.Exp(math.Log(1e-3)+rng.Float64()*math.Log(3e3))
		}
		c := results.Config{
			Data: fmt.Sprintf("%064x", 7), Split: [3]int{49000, 1000, 1000}, Pixels: "hwc", Net: "two-layer", Hidden: []int{h}, LR: lr, Reg: reg, Decay: decay,
			Batch: 200, Iters: 3000, Std: 1e-4, Seed: uint32(seed), DType: "f32", Class: "fma",
		}
		r := results.Record{Key: c.Key(), State: results.Done, Config: c, Steps: 3000, DataName: "cifar-10", Impl: "avx512",
			Speed:   results.Speed{Seconds: .4 + .3*rng.Float64() + float64(h)/400, FLOPs: 140e9 + 10e9*rng.Float64(), Peak: 178e9, Workers: 2, Block: 20, Cores: 1, Samples: 3e5, Iters: 1500},
			Machine: results.Machine{CPU: "Testing CPU", Features: "avx2 avx512f", Cores: 2, Platform: "linux/amd64", Go: "go1.26"},
			Ended:   time.Unix(1_700_000_000+int64(i), 0).UTC()}
		x := math.Log10(lr) + 2.85
		if lr > 6.5e-3 && rng.Float64() < .6 {
			r.State, r.Steps = results.Diverged, 200+rng.IntN(2000)
		} else {
			val := .57 - .09*x*x - .01*math.Pow(math.Log10(reg+1e-3)+1.3, 2) + .03*math.Log10(float64(h)/50) - .05*(1-decay) + .008*rng.NormFloat64()
			val = math.Round(1000*max(.09, val)) / 1000
			train := math.Round(1000*min(1, val*1.12+.01*rng.Float64())) / 1000
			loss := 2.3 - 1.8*val
			r.Accuracy = results.Accuracy{FinalVal: &val, FinalTrain: &train, FinalStep: 3000, EpochVal: &val, EpochTrain: &train, BestVal: &val}
			r.Loss = results.Loss{First: ptr(2.302), Last: &loss, Min: &loss}
		}
		all = append(all, r)
	}
	return all
}

func ptr(x float64) *float64 { return &x }

// curveFor returns the curve of a record: 15 accuracies and 30 losses.
func curveFor(r *results.Record) curve.Curve {
	rng := rand.New(rand.NewPCG(uint64(r.Config.Seed), uint64(math.Float64bits(r.Config.LR)^math.Float64bits(r.Config.Reg))))
	val, train := .1, .1
	if v := r.Val(); v != nil {
		val, train = *v, *r.Train()
	}
	c := curve.Curve{Iterations: 3000, Measurements: 15}
	for i := range 15 {
		t := 1 - math.Exp(-float64(i+1)/4)
		c.Steps = append(c.Steps, 200*(i+1))
		c.Val = append(c.Val, float32(math.Round(1000*(.1+(val-.1)*t+.008*rng.NormFloat64()))/1000))
		c.Train = append(c.Train, float32(math.Round(1000*(.1+(train-.1)*t+.01*rng.NormFloat64()))/1000))
	}
	for i := range 30 {
		c.LossSteps = append(c.LossSteps, 1+i*2999/29)
		c.Loss = append(c.Loss, float32(2.3-1.8*(val-.1)*(1-math.Exp(-float64(i)/8))+.05*rng.NormFloat64()))
	}
	return c
}

// pageOf writes the page of records.
func pageOf(t testing.TB, records []results.Record, change func(*report.Page)) []byte {
	t.Helper()
	p := &report.Page{
		Table:   results.NewTable(records),
		Implied: map[string]string{"rule": "sgd", "division": "floor"},
		Lists:   []string{"lr", "reg", "hidden", "decay"},
		Command: func(base *results.Record, lists []report.List, zip bool) (string, string) {
			text := "sweep -out out/test"
			for _, l := range lists {
				text += " -" + l.Name + " " + l.Values
			}
			return text, ""
		},
	}
	byKey := map[string]*results.Record{}
	for i := range records {
		byKey[records[i].Key] = &records[i]
	}
	p.Folders = []report.Folder{{Name: "out/test", Verify: "sweep verify -out out/test -trial", Curve: func(key string) (curve.Curve, bool, error) {
		return curveFor(byKey[key]), true, nil
	}}}
	if change != nil {
		change(p)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// median returns the median of some numbers.
func median(all []float64) float64 {
	sorted := append([]float64{}, all...)
	for i := range sorted {
		for j := i; j > 0 && cmp.Less(sorted[j], sorted[j-1]); j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return sorted[len(sorted)/2]
}
