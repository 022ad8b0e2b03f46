package search

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/kernels/reference"
	"fusegrid/nn/dataset"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/runner"
)

// config returns the Config that the flags of the command describe, on tiny images and the reference kernels.
func config(t *testing.T, words string) Config {
	t.Helper()
	c := Config{Data: searchtest.Tiny(), Kernels: reference.New(), Disk: searchtest.Unsynced{}}
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
	fs.StringVar(&c.DType, "dtype", "", "")
	fs.StringVar(&c.Division, "division", "", "")
	order := fs.Int("order", -1, "")
	var failed error
	rule := func(parse func(string) (*halving.Rule, error)) func(string) error {
		return func(text string) (err error) {
			c.Halving, err = parse(text)
			return err
		}
	}
	fs.Func("halving", "", rule(halving.ParseHalving))
	fs.Func("stop", "", rule(halving.ParseStop))
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
func begin(t *testing.T, out string, c Config) (*job, runner.Runner, *bytes.Buffer) {
	t.Helper()
	said := new(bytes.Buffer)
	c.Dir, c.Log = out, log.New(said, "sweep: ", 0)
	s, err := newJob(c)
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
func hasty(t *testing.T, c Config) runner.Runner {
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

// weightsOfBest fails unless the weights of the best n trials exist and have the hashes on record.
func weightsOfBest(t *testing.T, what, out string, n int) {
	t.Helper()
	records := searchtest.Recorded(t, out)
	results.Rank(records)
	for _, r := range records[:n] {
		data, err := os.ReadFile(filepath.Join(out, folder.WeightsDir, r.Key+".safetensors"))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		f, err := safetensors.Read(data)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		var all [][]float32
		for _, tensor := range f.Tensors {
			all = append(all, tensor.F32)
		}
		if results.Hash(all...) != r.Weights || f.Meta["weights"] != r.Weights {
			t.Errorf("%s: the weights of lr %g, seed %d are not those on record", what, r.Config.LR, r.Config.Seed)
		}
	}
}
