package train_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
	"fusegrid/nn/safetensors"
	"fusegrid/nn/train"
)

// pixels is the number of pixels of an image. Rows of float32 then have 1,024 bytes, so weights and
// images get padding.
const pixels = 256

// newTrainer returns a trainer of five nets, one of which diverges.
func newTrainer(t *testing.T, protocol train.Protocol, rule train.Rule, iterations int) *train.Trainer[float32] {
	t.Helper()
	return newTrainerOn(t, reference.New(), protocol, rule, iterations)
}

// newTrainerOn is newTrainer for another kernel set.
func newTrainerOn(t *testing.T, set *kernels.Set, protocol train.Protocol, rule train.Rule, iterations int) *train.Trainer[float32] {
	t.Helper()
	data, val := images(1, 120, pixels), images(2, 30, pixels)
	var nets []train.Net
	for i := range 5 {
		nets = append(nets, train.Net{Hidden: []int{6 + i, 5}, LR: 1e-3 * float64(i+1), Reg: 0.1, Decay: 0.9, Scale: 0.05, Mu: 0.9})
	}
	nets[2].LR = 1e6
	b, err := train.New(set, train.Shape{Inputs: pixels, Classes: 10, Batch: 20, Rule: rule}, nets, meanOf[float32](data, pixels), 1)
	if err != nil {
		t.Fatal(err)
	}
	for k := range nets {
		b.Init(k, nprand.New(uint32(k)))
	}
	tr, err := train.NewTrainer(b, train.Schedule{Protocol: protocol, Iterations: iterations, Batch: 20, Train: data, Val: val}, nprand.New(9))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func finish(tr *train.Trainer[float32]) {
	for !tr.Finished() {
		tr.Step()
	}
}

// saved returns the checkpoint as bytes. Equal bytes mean equal states.
func saved(t *testing.T, tr *train.Trainer[float32]) []byte {
	t.Helper()
	f, err := tr.Checkpoint("test")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestResumeIsUnbroken(t *testing.T) {
	for _, protocol := range []train.Protocol{train.Course, train.Solver} {
		for _, rule := range train.Rules() {
			testResume(t, reference.New(), protocol, rule)
		}
		for _, rule := range integerRules {
			testResume(t, bfp16(), protocol, rule)
		}
	}
}

func testResume(t *testing.T, set *kernels.Set, protocol train.Protocol, rule train.Rule) {
	const iterations = 20
	whole := newTrainerOn(t, set, protocol, rule, iterations)
	finish(whole)
	want := saved(t, whole)
	for at := range iterations + 1 {
		if testing.Short() && at != 5 {
			continue
		}
		first := newTrainerOn(t, set, protocol, rule, iterations)
		for range at {
			first.Step()
		}
		f, err := safetensors.Read(saved(t, first))
		if err != nil {
			t.Fatal(err)
		}
		second := newTrainerOn(t, set, protocol, rule, iterations)
		if err := second.Restore(f, "test"); err != nil {
			t.Fatal(err)
		}
		finish(second)
		if !bytes.Equal(saved(t, second), want) {
			t.Errorf("class %s, protocol %d, %v: a run resumed at iteration %d ends elsewhere", set.Class, protocol, rule, at)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	good := newTrainer(t, train.Course, train.SGD, 10)
	good.Step()
	read := func() *safetensors.File {
		f, err := safetensors.Read(saved(t, good))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		name   string
		damage func(f *safetensors.File)
		want   string
	}{
		{"version", func(f *safetensors.File) { f.Meta["version"] = "2" }, "version"},
		{"identity", func(f *safetensors.File) { f.Meta["identity"] = "other" }, "is of"},
		{"done", func(f *safetensors.File) { f.Meta["done"] = "11" }, "iterations"},
		{"stream", func(f *safetensors.File) { f.Meta["stream"] = "AAAA" }, "stream"},
		{"nets", func(f *safetensors.File) { f.Meta["nets"] = "0 0" }, "nets"},
		{"missing", func(f *safetensors.File) { f.Tensors = f.Tensors[1:] }, "no tensor"},
		{"short", func(f *safetensors.File) {
			i := slices.IndexFunc(f.Tensors, func(t safetensors.Tensor) bool { return t.Name == "net.0.w1" })
			f.Tensors[i].F32 = f.Tensors[i].F32[1:]
		}, "numbers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := read()
			c.damage(f)
			err := newTrainer(t, train.Course, train.SGD, 10).Restore(f, "test")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
		})
	}
	if err := newTrainer(t, train.Course, train.SGD, 10).Restore(read(), "test"); err != nil {
		t.Errorf("the undamaged checkpoint was refused: %v", err)
	}
}

// TestRestoreRefusesWrongLengths changes the lengths of best weights and of curves.
func TestRestoreRefusesWrongLengths(t *testing.T) {
	trained := newTrainer(t, train.Solver, train.SGD, 20)
	for range 12 {
		trained.Step()
	}
	bytes := saved(t, trained)
	cut := func(f *safetensors.File, name string) {
		i := slices.IndexFunc(f.Tensors, func(t safetensors.Tensor) bool { return t.Name == name })
		if i < 0 {
			t.Fatalf("the checkpoint has no tensor %q", name)
		}
		tensor := &f.Tensors[i]
		tensor.F32, tensor.F64 = tensor.F32[:max(len(tensor.F32)-1, 0)], tensor.F64[:max(len(tensor.F64)-1, 0)]
	}
	for _, c := range []struct {
		name   string
		damage func(f *safetensors.File)
		want   string
	}{
		{"few losses", func(f *safetensors.File) { cut(f, "net.0.loss") }, "net 0 is still training and has 11 losses"},
		{"few accuracies", func(f *safetensors.File) { cut(f, "net.1.train_acc") }, "net 1 has 12 losses"},
		{"many losses", func(f *safetensors.File) { f.Meta["done"] = "11" }, "after 11 iterations"},
		{"short best weights", func(f *safetensors.File) { cut(f, "net.0.best.0") }, "best weights of net 0"},
		{"no best bias", func(f *safetensors.File) {
			f.Tensors = slices.DeleteFunc(f.Tensors, func(t safetensors.Tensor) bool { return t.Name == "net.1.best.5" })
		}, "best weights of net 1"},
		{"learning rate", func(f *safetensors.File) {
			i := slices.IndexFunc(f.Tensors, func(t safetensors.Tensor) bool { return t.Name == "net.0.lr" })
			f.Tensors[i].F64[0] = math.NaN()
		}, "learning rate NaN of net 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := safetensors.Read(bytes)
			if err != nil {
				t.Fatal(err)
			}
			c.damage(f)
			err = newTrainer(t, train.Solver, train.SGD, 20).Restore(f, "test")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
		})
	}
}
