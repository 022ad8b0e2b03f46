package nn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
)

// trainUntil trains s until that iteration is done and then cancels.
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

// Stopped anywhere and resumed by a new Solver, a training gives the same bits.
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
		for i := range weights(second.net) { // nothing of its own may stay
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

// A finished training goes on when more epochs are asked for.
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

// Cut at every byte and with each byte changed, a checkpoint is refused and nothing of
// the Solver changes.
func TestResumeRefusesDamage(t *testing.T) {
	cfg := solverConfig(Adam)
	cfg.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	done := newTrial[float32](t, cfg)
	trainUntil(t, done, 6)
	good, err := os.ReadFile(cfg.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}

	s := newTrial[float32](t, solverConfig(Adam))
	before, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if err := s.decode(good[:i]); err == nil {
			t.Fatalf("cut at byte %d: accepted", i)
		}
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if err := s.decode(bad); err == nil {
			t.Fatalf("byte %d changed: accepted", i)
		}
	}
	if err := s.decode(append(bytes.Clone(good), 0)); err == nil {
		t.Error("a byte too long: accepted")
	}
	after, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the Solver changed")
	}
	if err := s.decode(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// Headers that have a right checksum and say what cannot be.
func TestResumeRefusesHostileHeaders(t *testing.T) {
	s := newFuzzTrial()
	if err := s.iterate(100); err != nil {
		t.Fatal(err)
	}
	good, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	n := len(checkpointMagic)
	size := int(binary.LittleEndian.Uint32(good[n:]))
	header, rest := string(good[n+4:n+4+size]), good[n+4+size:len(good)-sha256.Size]
	build := func(header string, size uint32, rest []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(checkpointMagic), size)
		return seal(append(append(b, header...), rest...))
	}
	if err := newFuzzTrial().decode(build(header, uint32(size), rest)); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	for _, c := range []struct{ old, new, part string }{
		{`"done":1`, `"done":-1`, "damaged: -1 iterations"},
		{`"done":1`, `"done":9000000000000000000`, "damaged: 9000000000000000000 iterations"},
		{`"done":1`, `"done":2`, "bytes of numbers"},
		{`"done":1`, `"done":"1"`, "header"},
		{`"done":1`, `"undone":1`, "unknown name"},
		{`"done":1`, `"done":9,"done":1`, `"done" occurs twice`},
		{`"done":1`, `"Done":1`, `the name "Done", want "done"`},
		{`"Rows":`, `"rows":`, `the name "rows", want "Rows"`},
		{`{"fit"`, `{} {"fit"`, "header"},
		{`"measured":1`, `"measured":2`, "2 accuracies"},
		{`"measured":1`, `"measured":-1`, "-1 accuracies"},
		{`"has_best":true`, `"has_best":false`, "bytes of numbers"},
		{`"steps":[1,1]`, `"steps":[1]`, "1 update rules"},
		{`"random":"`, `"random":"AAAA`, "nprand"},
		{`{"fit":{`, `{"fit":[`, "header"},
	} {
		bad := strings.Replace(header, c.old, c.new, 1)
		if bad == header {
			t.Fatalf("no %s in %s", c.old, header)
		}
		wantError(t, newFuzzTrial().decode(build(bad, uint32(len(bad)), rest)), c.part)
	}
	wantError(t, newFuzzTrial().decode(build(header, math.MaxUint32, rest)), "ends in the header")
	wantError(t, newFuzzTrial().decode(seal([]byte(checkpointMagic))), "ends in the header")
	wantError(t, newFuzzTrial().decode([]byte("fusegrid solver checkpoint 2\n")), "not a checkpoint of this version")
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

// A checkpoint that cannot be put in its place leaves no other file behind.
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

// seal gives a changed checkpoint the checksum that fits.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(bytes.Clone(b), sum[:]...)
}

// Whatever a checkpoint with a right checksum says, reading it does not panic, and what is
// refused changes nothing.
func FuzzResume(f *testing.F) {
	s := newFuzzTrial()
	good, err := s.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good[:len(good)-sha256.Size])
	if err := s.iterate(100); err != nil {
		f.Fatal(err)
	}
	if good, err = s.encode(); err != nil {
		f.Fatal(err)
	}
	f.Add(good[:len(good)-sha256.Size])
	f.Add([]byte(checkpointMagic))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := newFuzzTrial()
		before, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		err = s.decode(seal(body))
		after, err2 := s.encode()
		if err2 != nil {
			t.Fatal(err2)
		}
		if err != nil && !bytes.Equal(before, after) {
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
