package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"fusegrid"
	"fusegrid/kernels"
)

var errorsCommand = command{
	name:  "errors",
	short: "measure the errors of long sums",
	long: `
bench errors compares float32 products with sums in float64. A product has 16
rows and 16 columns, and its sums have k terms. The numbers are uniform from 0
to 1, so the terms of a sum have one sign and its error is as large as it gets.
An error is in units of 2^-24 times the sum of the absolute terms: 1 is the
largest error of a single rounding. The output is a Markdown table of the root
mean square and the maximum over all elements and transpositions.
`,
	setup: func(f *flag.FlagSet) action {
		ks := []int{512, 3072, 49000, 1 << 20}
		f.Func("k", "numbers of terms, with commas (default 512,3072,49000,1048576)", func(text string) error {
			ks = nil
			for word := range strings.SplitSeq(text, ",") {
				var k int
				if n, err := fmt.Sscanf(word+"\n", "%d\n", &k); n != 1 || err != nil || k < 1 || k > 1<<24 {
					return fmt.Errorf("give whole numbers from 1 to %d", 1<<24)
				}
				ks = append(ks, k)
			}
			return nil
		})
		return func(ctx context.Context, _ []string, stdout, _ io.Writer) error {
			return writeErrors(ctx, fusegrid.All(), ks, stdout)
		}
	},
}

// errorSide is the number of rows and of columns of a product whose errors are measured.
const errorSide = 16

func writeErrors(ctx context.Context, sets []*kernels.Set, ks []int, w io.Writer) error {
	head, rule := "| k |", "|---:|"
	for _, s := range sets {
		head += " " + s.Name + " |"
		rule += "---:|"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, rule)
	for _, k := range ks {
		line := fmt.Sprintf("| %d |", k)
		for _, s := range sets {
			if err := ctx.Err(); err != nil {
				return err
			}
			rms, most := sumErrors(s, k)
			line += fmt.Sprintf(" %.2g (%.2g) |", rms, most)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// sumErrors returns the root mean square and the maximum of the errors of a set.
func sumErrors(s *kernels.Set, k int) (rms, most float64) {
	rng := rand.New(rand.NewPCG(1, uint64(k)))
	uniform := func(rows, cols int) kernels.Mat[float32] {
		m := kernels.NewMat[float32](rows, cols)
		for i := range m.Data {
			m.Data[i] = rng.Float32()
		}
		return m
	}
	squares, n := 0.0, 0
	for transposes := range 4 {
		p := kernels.Product[float32]{
			Alpha: 1, TransA: transposes&1 != 0, TransB: transposes&2 != 0, C: kernels.NewMat[float32](errorSide, errorSide),
		}
		aRow, aStep, bStep, bCol := k, 1, errorSide, 1
		if p.A = uniform(errorSide, k); p.TransA {
			p.A = kernels.MatOf(k, errorSide, p.A.Data)
			aRow, aStep = 1, errorSide
		}
		if p.B = uniform(k, errorSide); p.TransB {
			p.B = kernels.MatOf(errorSide, k, p.B.Data)
			bStep, bCol = 1, k
		}
		kernels.Of[float32](s).Gemm(p)
		for i := range errorSide {
			for j := range errorSide {
				sum := 0.0 // the terms are positive, so this is the sum of the absolute terms, too
				for l := range k {
					sum += float64(p.A.Data[i*aRow+l*aStep]) * float64(p.B.Data[l*bStep+j*bCol])
				}
				e := math.Abs(float64(p.C.Row(i)[j])-sum) / (sum * 0x1p-24)
				squares, n, most = squares+e*e, n+1, max(most, e)
			}
		}
	}
	return math.Sqrt(squares / float64(n)), most
}
