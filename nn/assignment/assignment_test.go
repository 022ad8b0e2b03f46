package assignment

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/internal/required"
	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/reference"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
)

// TestFigures checks the figures that need no images on every kernel set.
func TestFigures(t *testing.T) {
	for _, set := range fusegrid.All() {
		t.Run("impl="+set.Name, func(t *testing.T) {
			report, err := Run(t.Context(), set, Options{})
			if err != nil {
				t.Fatal(err)
			}
			verify(t, report, 64)
		})
	}
}

// TestImages runs the long experiments with images on the best set. TestImagesOnEverySet covers
// the other sets.
func TestImages(t *testing.T) {
	t.Parallel()
	required.Long(t, "TestTrackedReport of package sweep compares all digits of these experiments")
	dir := imageFolder(t)
	set, err := fusegrid.Best()
	if err != nil {
		t.Fatal(err)
	}
	if slow(set) {
		t.Skipf("%s is too slow for a training at full length", set.Name)
	}
	for part, figures := range map[string]int{Grid: 18, Solver: 63} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			report, err := Run(t.Context(), set, Options{Data: dir, Parts: []string{part}})
			if err != nil {
				t.Fatal(err)
			}
			verify(t, report, figures)
		})
	}
}

// TestImagesOnEverySet runs the experiments with images on every set: the first run, which is cut
// short on slow sets, and the short experiments.
func TestImagesOnEverySet(t *testing.T) {
	t.Parallel()
	dir := imageFolder(t)
	for _, set := range fusegrid.All() {
		t.Run("impl="+set.Name, func(t *testing.T) {
			t.Parallel()
			parts, figures := []string{Autoencoder, Overfit, FirstRun}, 17
			if slow(set) {
				parts, figures = parts[:2], 3
				testBeginning(t, set, dir)
			}
			report, err := Run(t.Context(), set, Options{Data: dir, Parts: parts})
			if err != nil {
				t.Fatal(err)
			}
			verify(t, report, figures)
		})
	}
}

// testBeginning checks the first iterations of the first run of training.
func testBeginning(t *testing.T, set *kernels.Set, dir string) {
	const iterations = 5
	data, err := dataset.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := runner{set: set, data: data}
	im, err := images[float64](&r, dataset.HWC)
	if err != nil {
		t.Fatal(err)
	}
	rng := afterToy(set)
	net := cifarNet[float64](set, rng)
	net.Reg = 0.25
	hist, err := net.Train(t.Context(), im.train, im.val, nn.TrainConfig{
		LearningRate: 1e-4, Decay: decay, Iterations: iterations, BatchSize: batchSize,
	}, rng)
	if err != nil {
		t.Fatal(err)
	}
	if e := maxRelError(hist.Loss, parse[runGolden](runJSON).Loss[:iterations]); !(e < 1e-10) {
		t.Errorf("losses %v: relative error %g", hist.Loss, e)
	}
	if hist.ValAcc[0] != parse[runGolden](runJSON).ValAcc[0] || hist.TrainAcc[0] != parse[runGolden](runJSON).TrainAcc[0] {
		t.Errorf("accuracies %v, %v", hist.TrainAcc, hist.ValAcc)
	}
}

// slow reports whether a full training with set takes minutes.
func slow(set *kernels.Set) bool { return set.Name == "reference" || set.Name == "gonum" }

// verify logs all figures, and fails if a figure that must agree does not.
func verify(t *testing.T, report Report, atLeast int) {
	t.Helper()
	for _, f := range report.Figures {
		line := t.Logf
		if f.Must && !f.OK {
			line = t.Errorf
		}
		line("%-20s %-60s printed %s, ours %s", f.Part, f.Name, f.Printed, f.Ours)
	}
	if len(report.Figures) < atLeast {
		t.Errorf("%d figures, want at least %d", len(report.Figures), atLeast)
	}
	if report.OK() == t.Failed() {
		t.Errorf("OK is %v", report.OK())
	}
	t.Logf("seconds: %v", report.Seconds)
}

// imageFolder returns the folder with the CIFAR-10 batches, or skips the test.
func imageFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("FUSEGRID_DATA")
	if dir == "" {
		t.Skip("FUSEGRID_DATA is not set; to run this test, set it to the folder with the CIFAR-10 batches")
	}
	return dir
}

// TestFiguresRejectBrokenKernels checks that figures of broken kernels do not agree.
func TestFiguresRejectBrokenKernels(t *testing.T) {
	for i, c := range []struct {
		name  string
		spoil func(s *kernels.Slots[float64])
	}{
		{"a product off by 1e-12", func(s *kernels.Slots[float64]) {
			gemm := s.Gemm
			s.Gemm = func(p kernels.Product[float64]) { p.Alpha *= 1 + 1e-12; gemm(p) }
		}},
		{"no bias", func(s *kernels.Slots[float64]) { s.AddBias = func(dst, x kernels.Mat[float64], _ []float64) {} }},
		{"no ReLU", func(s *kernels.Slots[float64]) { s.ReLU = func(dst, x []float64) { copy(dst, x) } }},
		{"ReLU passes dy", func(s *kernels.Slots[float64]) {
			s.ReLUGrad = func(dx, dy, x kernels.Mat[float64]) { copy(dx.Data, dy.Data) }
		}},
		{"no norm", func(s *kernels.Slots[float64]) { s.SumSquares = func([]float64) float64 { return 0 } }},
	} {
		if testing.Short() && i > 0 {
			break
		}
		t.Run(c.name, func(t *testing.T) {
			sets := []*kernels.Set{reference.New(), reference.Gonum()}
			if testing.Short() {
				sets = sets[:1]
			}
			for _, set := range sets {
				c.spoil(&set.F64)
				report, err := Run(t.Context(), set, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if report.OK() {
					t.Errorf("%s, %s: every figure agrees", set.Name, c.name)
				}
			}
		})
	}
}

// TestBeyondRounding checks that an error of 10⁻⁶ in one element of a gradient does not pass as
// rounding.
func TestBeyondRounding(t *testing.T) {
	noise := differenceNoise(657, 20) // bound for the modular net
	num := []float64{1, -1, 0.5}
	for _, test := range []struct {
		name string
		off  float64
		want bool
	}{
		{"equal", 0, true},
		{"off by the noise", noise, true},
		{"off by -noise", -noise, true},
		{"off by the noise and a bound", noise + 2e-7, true},
		{"off by a millionth", 1e-6, false},
		{"off by minus a millionth", -1e-6, false},
		{"NaN", math.NaN(), false},
		{"infinite", math.Inf(1), false},
	} {
		grad := append([]float64(nil), num...)
		grad[1] += test.off
		if e := beyond(num, grad, noise); (e < 3e-7) != test.want {
			t.Errorf("%s: error %g beyond %g, accepted %v, want %v", test.name, e, noise, e < 3e-7, test.want)
		}
	}
}

func TestRunProgress(t *testing.T) {
	var seen []string
	_, err := Run(t.Context(), reference.New(), Options{
		Parts: []string{Layers, Toy},
		Progress: func(part string, done float64) {
			if done == 0 || done == 1 {
				seen = append(seen, part)
			}
		},
	})
	if got, want := strings.Join(seen, ", "), "toy net, toy net, layers, layers"; err != nil || got != want {
		t.Errorf("progress of %s, want %s; %v", got, want, err)
	}
}

func TestRunRefuses(t *testing.T) {
	set := reference.New()
	if _, err := Run(t.Context(), set, Options{Parts: []string{"toy"}}); err == nil || !strings.Contains(err.Error(), `there is no part "toy"; the parts are: `) {
		t.Errorf("unknown part: %v", err)
	}
	if _, err := Run(t.Context(), set, Options{Parts: []string{Grid}}); err == nil || !strings.Contains(err.Error(), "grid needs CIFAR-10") {
		t.Errorf("no data for a part that needs it: %v", err)
	}
	if _, err := Run(t.Context(), set, Options{Data: t.TempDir(), Parts: []string{Overfit}}); err == nil {
		t.Error("an empty data folder: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, set, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestBFP16 checks that sets of class BFP16 run only the nets for CIFAR-10, and that no figure of theirs must agree.
func TestBFP16(t *testing.T) {
	set := bfp.New(reference.Fused(), kernels.BFP16, nil)
	report, err := Run(t.Context(), set, Options{})
	if err != nil || len(report.Figures) > 0 {
		t.Errorf("%v, %d figures without images", err, len(report.Figures))
	}
	r := runner{ctx: t.Context(), set: set, report: Report{Seconds: map[string]float64{}}}
	figure := part{name: "x", run: func(*runner) ([]Figure, error) { return []Figure{number("n", "1", 2)}, nil }}
	if err := r.runPart(figure, Options{}); err != nil || !r.report.OK() {
		t.Errorf("%v, and the figures are %+v", err, r.report.Figures)
	}
}
