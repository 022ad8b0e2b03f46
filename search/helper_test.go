package search

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/kernels/reference"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/runner"
)

// A testStudy is a study of nets whose settings a test may change.
type testStudy struct {
	Study
	Nets
}

// study returns the study.
func (c testStudy) study() Study {
	c.Objective = c.Nets
	return c.Study
}

// config returns the study that the flags of the command describe, on tiny images and the reference kernels.
func config(t *testing.T, words string) testStudy {
	t.Helper()
	c := testStudy{Study{Disk: searchtest.Unsynced{}}, Nets{Data: searchtest.Tiny(), Kernels: reference.New()}}
	fs := flag.NewFlagSet("config", flag.PanicOnError)
	set := grid.Setting{Given: map[string]string{}, Prefix: "-"}
	for _, a := range grid.Standard() {
		fs.Func(a.Name, "", func(list string) error {
			set.Given[a.Name] = list
			return nil
		})
	}
	fs.StringVar(&set.Net, "net", "", "")
	fs.StringVar(&set.Rule, "rule", "", "")
	fs.Func("sample", "", func(text string) (err error) {
		set.Sample, err = grid.ParseSampling(text)
		return err
	})
	fs.StringVar(&c.DType, "dtype", "", "")
	fs.StringVar(&c.Division, "division", "", "")
	order := fs.Int("order", -1, "")
	var failed error
	rule := func(parse func(string) (*halving.Rule, error)) func(string) error {
		return func(text string) error {
			rule, err := parse(text)
			if c.Halving != nil && err == nil {
				rule, err = halving.Combine(c.Halving, rule)
			}
			c.Halving = rule
			return err
		}
	}
	fs.Func("halving", "", rule(halving.ParseHalving))
	fs.Func("stop", "", rule(halving.ParseStop))
	fs.Func("patience", "", rule(halving.ParsePatience))
	fs.IntVar(&c.Workers, "workers", 0, "")
	fs.IntVar(&c.Block, "block", 0, "")
	fuse := fs.String("fuse", "on", "")
	seconds := fs.Float64("checkpoint", 60, "")
	fs.IntVar(&c.Weights, "keep", 0, "")
	states := fs.String("states", "0", "")
	fs.StringVar(&c.Dir, "out", "", "")
	err := fs.Parse(strings.Fields(words))
	if fs.NArg() > 0 {
		t.Fatalf("%s: what is %s?", words, fs.Arg(0))
	}
	if *order >= 0 {
		seed := uint32(*order)
		c.Order = &seed
	}
	if *fuse == "off" {
		c.Block = 1
	}
	c.Checkpoint = time.Duration(*seconds * float64(time.Second))
	if *states == "all" {
		c.States = folder.EveryTrial
	} else {
		for _, digit := range *states {
			c.States = 10*c.States + int(digit-'0')
		}
	}
	c.Grid, failed = grid.Standard().Parse(set)
	if err = errors.Join(err, failed); err != nil {
		t.Fatalf("%s: %v", words, err)
	}
	return c
}

// begin returns a sweep of a Config into a folder, its runner, and the buffer of its messages.
func begin(t *testing.T, out string, c testStudy) (*job, runner.Runner, *bytes.Buffer) {
	t.Helper()
	said := new(bytes.Buffer)
	c.Dir, c.Log = out, log.New(said, "sweep: ", 0)
	s, err := newJob(c.study())
	if err != nil {
		t.Fatal(err)
	}
	s.Runner = searchtest.Hasty{Runner: s.Runner}
	return s, s.Runner, said
}

// tinyJob returns a sweep that flags describe, on tiny images.
func tinyJob(t *testing.T, out, words string) (*job, runner.Runner, *bytes.Buffer) {
	t.Helper()
	return begin(t, out, config(t, words))
}

// fullJob returns a sweep that flags describe, on images of the size of CIFAR-10.
func fullJob(t *testing.T, out, words string) (*job, runner.Runner, *bytes.Buffer) {
	t.Helper()
	c := config(t, words)
	c.Data = searchtest.Images(dataset.Dim)
	return begin(t, out, c)
}

// hasty returns the runner of a Config, which measures only for a millisecond.
func hasty(t *testing.T, c testStudy) runner.Runner {
	t.Helper()
	_, r, _ := begin(t, t.TempDir(), c)
	return r
}

// runWith runs a sweep with a runner.
func runWith(ctx context.Context, s *job, r runner.Runner) error {
	s.Runner = r
	_, err := s.run(ctx)
	return err
}

// todo returns the trials of a sweep into an empty folder.
func (s *job) todo() []grid.Trial {
	return s.points().Pending(s.flops, func(string) bool { return false })
}

// isInput reports whether an error is an InputError.
func isInput(err error) bool {
	var bad folder.InputError
	return errors.As(err, &bad)
}

// isolate moves the test to an empty folder.
func isolate(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
}

// An ending is an observer that passes records to see before it takes them.
type ending struct {
	runner.Observer
	see func([]results.Record)
}

func (e ending) Ended(records []results.Record, wait bool) bool {
	e.see(records)
	return e.Observer.Ended(records, wait)
}

// text returns a table as a terminal shows it.
func text(table *results.Table) string {
	var b bytes.Buffer
	table.WriteText(&b, 80, 0)
	return b.String()
}

// weightsOfBest fails unless the weights of the best n settings exist and have the hashes on record. It returns the
// number of their trials.
func weightsOfBest(t *testing.T, what, out string, n int) (trials int) {
	t.Helper()
	var best []*results.Record
	for _, s := range results.RankSettings(searchtest.Recorded(t, out), results.ByMean)[:n] {
		best = append(best, s.Trials...)
	}
	for _, r := range best {
		w, err := folder.ReadWeights(filepath.Join(out, folder.WeightsDir, r.Key+".safetensors"))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if results.Hash(folder.Layers[float32](w)...) != r.Weights {
			t.Errorf("%s: the weights of lr %g, seed %d are not those on record", what, r.Config.LR, r.Config.Seed)
		}
	}
	return len(best)
}
