package main

import (
	"context"
	"fmt"
	"io"
	"testing"

	"fusegrid/results"
)

// BenchmarkBookkeeping is all that a sweep does for a trial but train it: plan, checkpoints,
// journal with its fsyncs, ranks, tables and the heat map.
func BenchmarkBookkeeping(b *testing.B) {
	const trials = 20_000
	for i := 0; b.Loop(); i++ {
		o, err := parseOptions([]string{"-impl", "reference", "-quiet", "-lr", "log:1e-5..1e-1:200", "-reg", "0..1:100", "-hidden", "1", "-iters", "1", "-out", fmt.Sprint(b.TempDir(), i)})
		if err != nil {
			b.Fatal(err)
		}
		data := tiny()
		s := &job{disk: files{}, options: o, data: data, base: base(o, data), stdout: io.Discard, stderr: io.Discard}
		if err := s.run(b.Context(), runnerFunc(func(_ context.Context, bl block, h hooks) error {
			var records []results.Record
			for _, t := range bl.open() {
				records = append(records, results.Record{Key: t.key, Config: t.config, State: results.Done, Steps: 1, Accuracy: results.Accuracy{Val: ptr(0.5)}})
			}
			h.ended(records)
			return nil
		}), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/trials, "µs/trial")
}
