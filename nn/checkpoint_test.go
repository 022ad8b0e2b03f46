package nn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
	"fusegrid/nn/safetensors"
)

// trainUntil trains s, and cancels the training when the given iteration is done.
func trainUntil[T kernels.Float](t *testing.T, s trial[T], iteration int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s.cfg.OnStep = func(step Step) {
		if step.Iteration == iteration-1 {
			cancel()
		}
	}
	if err := s.Train(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
}

// TestResume stops a training and resumes it with a new Solver. The results must have the same bits
// as those of a training without interruption.
func TestResume(t *testing.T) {
	for _, rule := range Rules() {
		t.Run(string(rule), func(t *testing.T) {
			testResume[float32](t, rule)
			testResume[float64](t, rule)
		})
	}
}

func testResume[T kernels.Float](t *testing.T, rule Rule) {
	want := newTrial[T](t, solverConfig(rule))
	if err := want.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "checkpoint")
	for _, stop := range []int{1, 4, 5, 6, 19} {
		cfg := solverConfig(rule)
		cfg.Checkpoint = file
		first := newTrial[T](t, cfg)
		trainUntil(t, first, stop)

		second := newTrial[T](t, cfg)
		for i := range weights(second.net) { // Resume must overwrite all weights
			second.net.Params()[0].Value.Data[i%42] = 99
		}
		second.rng.Seed(12345)
		if err := second.Resume(file); err != nil {
			t.Fatal(err)
		}
		sameBits(t, "weights at the break", weights(second.net), weights(first.net))
		if err := second.Train(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameBits(t, "weights", weights(second.net), weights(want.net))
		h, w := second.History(), want.History()
		sameBits(t, "losses", h.Loss, w.Loss)
		sameBits(t, "training accuracies", h.TrainAcc, w.TrainAcc)
		sameBits(t, "validation accuracies", h.ValAcc, w.ValAcc)
		if h.BestValAcc != w.BestValAcc || second.rng.Uint32() != nextWord(t, want.rng) {
			t.Errorf("stopped after %d: best %v and %v, or another stream", stop, h.BestValAcc, w.BestValAcc)
		}
		if got, want := first.log.String()+second.log.String(), want.log.String(); got != want {
			t.Errorf("stopped after %d: logs\n%s\nwant\n%s", stop, got, want)
		}
	}
}

// nextWord returns the word that rng would draw next.
func nextWord(t *testing.T, rng *nprand.State) uint32 {
	t.Helper()
	b, err := rng.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	r := nprand.New(0)
	if err := r.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return r.Uint32()
}

// TestResumeForMoreEpochs resumes a finished training with more epochs.
func TestResumeForMoreEpochs(t *testing.T) {
	cfg := solverConfig(Momentum)
	cfg.Epochs = 6
	want := newTrial[float64](t, cfg)
	if err := want.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	cfg.Epochs = 4
	if err := newTrial[float64](t, cfg).Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Epochs = 6
	s := newTrial[float64](t, cfg)
	if err := s.Resume(cfg.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if err := s.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "weights", weights(s.net), weights(want.net))
	sameBits(t, "losses", s.History().Loss, want.History().Loss)

	cfg.Epochs = 3
	wantError(t, newTrial[float64](t, cfg).Resume(cfg.Checkpoint), "after iteration 30", "end at 15", "more epochs")
}

func TestResumeRefusesOtherOptions(t *testing.T) {
	cfg := solverConfig(SGD)
	cfg.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	if err := newTrial[float64](t, cfg).Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spoil func(c *SolverConfig)
		part  string
	}{
		{func(c *SolverConfig) { c.BatchSize = 9 }, "its batch size is 8, here it is 9"},
		{func(c *SolverConfig) { c.LRDecay = 0.5 }, "its learning rate decay is 0.9, here it is 0.5"},
		{func(c *SolverConfig) { c.TrainSamples = 0 }, "training accuracy is 20, here it is 0"},
		{func(c *SolverConfig) { c.ValSamples = 3 }, "validation accuracy is 0, here it is 3"},
		{func(c *SolverConfig) { c.Optim.LearningRate = 1 }, "its parameter 0 is {Name:W1"},
		{func(c *SolverConfig) { c.PerParam = map[string]OptimConfig{"b2": DefaultOptim(Adam)} }, "its parameter 3 is {Name:b2"},
	} {
		other := solverConfig(SGD)
		c.spoil(&other)
		s := newTrial[float64](t, other)
		before := weights(s.net)
		wantError(t, s.Resume(cfg.Checkpoint), c.part)
		sameBits(t, "weights", weights(s.net), before)
	}
	wantError(t, newTrial[float32](t, solverConfig(SGD)).Resume(cfg.Checkpoint), "its type is float64, here it is float32")
	missing := cfg.Checkpoint + "2"
	wantError(t, newTrial[float64](t, cfg).Resume(missing), missing, "no such file")
}

// encoded returns the contents of a Solver's checkpoint.
func encoded[T kernels.Float](t testing.TB, s *Solver[T]) []byte {
	t.Helper()
	f, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	return written(t, f)
}

func written(t testing.TB, f safetensors.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestResumeRefusesDamage cuts a checkpoint at any byte, and changes a bit of any byte. Resume must
// return an error and not change the Solver.
func TestResumeRefusesDamage(t *testing.T) {
	done := newFuzzTrial()
	for range 2 {
		if err := done.iterate(100); err != nil {
			t.Fatal(err)
		}
	}
	good := encoded(t, done)

	s := newFuzzTrial()
	before := encoded(t, s)
	each := 1
	if testing.Short() {
		each = 11 // an odd number, so that all bits of a byte have their turn
	}
	for i := 0; i < len(good); i += each {
		if err := s.decode(good[:i]); err == nil {
			t.Fatalf("cut at byte %d: accepted", i)
		}
		for _, bit := range []int{i % 8, 5} { // bit 5 is the case of a letter
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if err := s.decode(bad); err == nil {
				t.Fatalf("bit %d of byte %d changed: accepted", bit, i)
			}
		}
	}
	if err := s.decode(append(bytes.Clone(good), 0)); err == nil {
		t.Error("a byte too long: accepted")
	}
	if !bytes.Equal(before, encoded(t, s)) {
		t.Error("the Solver changed")
	}
	if err := s.decode(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
	if !bytes.Equal(good, encoded(t, s)) {
		t.Error("the Solver differs from the one that wrote the checkpoint")
	}
}

// TestResumeRefusesHostileFiles reads files with a correct checksum and impossible contents.
func TestResumeRefusesHostileFiles(t *testing.T) {
	s := newFuzzTrial()
	if err := s.iterate(100); err != nil {
		t.Fatal(err)
	}
	good := encoded(t, s)
	meta := func(name, old, new string) func(f *safetensors.File) {
		return func(f *safetensors.File) {
			v := f.Meta[name]
			if f.Meta[name] = strings.Replace(v, old, new, 1); f.Meta[name] == v {
				t.Fatalf("no %s in %s", old, v)
			}
		}
	}
	tensor := func(name string, change func(v *safetensors.Tensor)) func(f *safetensors.File) {
		return func(f *safetensors.File) {
			i := slices.IndexFunc(f.Tensors, func(v safetensors.Tensor) bool { return v.Name == name })
			if i < 0 {
				t.Fatalf("no tensor %s", name)
			}
			change(&f.Tensors[i])
		}
	}
	drop := func(names ...string) func(f *safetensors.File) {
		return func(f *safetensors.File) {
			n := len(f.Tensors)
			f.Tensors = slices.DeleteFunc(f.Tensors, func(v safetensors.Tensor) bool { return slices.Contains(names, v.Name) })
			if len(f.Tensors) != n-len(names) {
				t.Fatalf("no tensors %q", names)
			}
		}
	}
	add := func(v safetensors.Tensor) func(f *safetensors.File) {
		return func(f *safetensors.File) { f.Tensors = append(f.Tensors, v) }
	}
	for _, c := range []struct {
		name  string
		spoil func(f *safetensors.File)
		part  string
	}{
		{"unchanged", func(f *safetensors.File) {}, ""},
		{"version", meta("version", "2", "3"), `not a checkpoint of this version: its version is "fusegrid solver checkpoint 3"`},
		{"of a block", meta("version", " solver", ""), `its version is "fusegrid checkpoint 2"`},
		{"negative done", meta("done", "1", "-1"), `damaged: "-1" iterations`},
		{"huge done", meta("done", "1", "9000000000000000000"), "9000000000000000000"},
		{"overflowing done", meta("done", "1", "90000000000000000000"), `damaged: "90000000000000000000" iterations`},
		{"done without a loss", meta("done", "1", "2"), `tensor "loss" has 1 numbers, want 2`},
		{"loss that is not done", meta("done", "1", "0"), `tensor "loss" has 1 numbers, want 0`},
		{"done with a fraction", meta("done", "1", "1.0"), `damaged: "1.0" iterations`},
		{"no done", func(f *safetensors.File) { delete(f.Meta, "done") }, `damaged: "" iterations`},
		{"no fit", func(f *safetensors.File) { delete(f.Meta, "fit") }, "damaged: fit"},
		{"unknown name", meta("fit", `"inputs per sample"`, `"inputs"`), "unknown name"},
		{"name twice", meta("fit", `{"type":`, `{"type":"","type":`), `"type" occurs twice`},
		{"name in another case", meta("fit", `"Rows":`, `"rows":`), `the name "rows", want "Rows"`},
		{"two values", meta("fit", `{`, `{} {`), "damaged: fit"},
		{"array", meta("fit", `{`, `[`), "damaged: fit"},
		{"fewer parameters", meta("fit", `{"Name":"b1"`, `null,{"Name":"b1"`), "number of parameters"},
		{"stream not in base64", meta("stream", "A", "?"), "damaged: stream"},
		{"stream too long", meta("stream", "", "AAAA"), "nprand"},
		{"no stream", func(f *safetensors.File) { delete(f.Meta, "stream") }, "nprand"},
		{"no weights", drop("weights.W1"), `it has no tensor "weights.W1"`},
		{"no state", drop("V.b1"), `it has no tensor "V.b1"`},
		{"no best weights", drop("best.W1", "best.b1"), `it has no tensor "best.W1"`},
		{"no accuracies", drop("train_acc"), `it has no tensor "train_acc"`},
		{"two accuracies", tensor("val_acc", func(v *safetensors.Tensor) { *v = safetensors.Of(v.Name, []float64{1, 1}, 2) }), `tensor "val_acc" has 2 numbers, want 1`},
		{"other type", tensor("weights.b1", func(v *safetensors.Tensor) { *v = safetensors.Of(v.Name, []float64{1, 1}, 2) }), `tensor "weights.b1" does not have the type float32`},
		{"losses of another type", tensor("loss", func(v *safetensors.Tensor) { *v = safetensors.Of(v.Name, []float32{1}, 1) }), `tensor "loss" does not have the type float64`},
		{"too few weights", tensor("weights.b1", func(v *safetensors.Tensor) { *v = safetensors.Of(v.Name, []float32{1}, 1) }), `tensor "weights.b1" has 1 numbers, want 2`},
		{"rate NaN", tensor("lr", func(v *safetensors.Tensor) { *v = safetensors.Of(v.Name, []float64{0.1, math.NaN()}, 2) }), "learning rate NaN"},
		{"one more tensor", add(safetensors.Of("weights.W2", []float32{1}, 1)), "tensors, want"},
		{"best weights of another state", add(safetensors.Of("best.W2", []float32{1}, 1)), "tensors, want"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := safetensors.Read(good)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(f)
			f.Seal()
			s := newFuzzTrial()
			before := encoded(t, s)
			err = s.decode(written(t, *f))
			if c.part == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantError(t, err, c.part)
			if !bytes.Equal(before, encoded(t, s)) {
				t.Error("the Solver changed")
			}
		})
	}
	unsealed, err := safetensors.Read(good)
	if err != nil {
		t.Fatal(err)
	}
	delete(unsealed.Meta, "sum")
	wantError(t, newFuzzTrial().decode(written(t, *unsealed)), "its checksum does not agree")
}

// TestResumeRefusesTheEarlierFormat checks the error for a file in the earlier format.
func TestResumeRefusesTheEarlierFormat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(file, []byte("fusegrid solver checkpoint 1\n\x02\x00\x00\x00{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, newFuzzTrial().Resume(file), file, "the format of an earlier version", "start without it")
}

func TestCheckpointCannotBeWritten(t *testing.T) {
	cfg := solverConfig(SGD)
	cfg.Checkpoint = filepath.Join(t.TempDir(), "missing", "checkpoint")
	wantError(t, newTrial[float64](t, cfg).Train(t.Context()), "write checkpoint", cfg.Checkpoint)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newTrial[float64](t, cfg).Train(ctx)
	wantError(t, err, "stopped after iteration 0", "write checkpoint", cfg.Checkpoint)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v hides one of its causes", err)
	}
}

// TestCheckpointLeavesNothingBehind checks that no temporary file is left if a checkpoint cannot be
// written.
func TestCheckpointLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	cfg := solverConfig(SGD)
	cfg.Checkpoint = filepath.Join(dir, "checkpoint")
	if err := os.Mkdir(cfg.Checkpoint, 0o755); err != nil {
		t.Fatal(err)
	}
	wantError(t, newTrial[float64](t, cfg).Train(t.Context()), "write checkpoint")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// FuzzResume reads checkpoints with a correct checksum and any contents. Resume must not panic. If
// it returns an error, it must not change the Solver.
func FuzzResume(f *testing.F) {
	s := newFuzzTrial()
	f.Add(encoded(f, s))
	if err := s.iterate(100); err != nil {
		f.Fatal(err)
	}
	f.Add(encoded(f, s))
	f.Add([]byte(earlierMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newFuzzTrial()
		before := encoded(t, s)
		if file, err := safetensors.Read(data); err == nil {
			file.Seal()
			data = written(t, *file)
		}
		if err := s.decode(data); err != nil && !bytes.Equal(before, encoded(t, s)) {
			t.Errorf("refused with %v, but the Solver changed", err)
		}
	})
}

func newFuzzTrial() *Solver[float32] {
	set, rng := reference.New(), nprand.New(1)
	net := NewFullyConnected[float32](set, 2, nil, 2, 0.1, rng)
	data := blobs[float32](6, 2, 2, 1)
	cfg := solverConfig(Adam)
	s, err := NewSolver(set, net, data, data, cfg, rng)
	if err != nil {
		panic(err)
	}
	return s
}
