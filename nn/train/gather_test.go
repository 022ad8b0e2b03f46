package train_test

import (
	"strconv"
	"strings"
	"testing"

	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
	"fusegrid/nn/safetensors"
	"fusegrid/nn/train"
)

// gatherTrainer returns a trainer of the nets with the given numbers. The number of a net sets its
// learning rate.
func gatherTrainer(t *testing.T, protocol train.Protocol, rule train.Rule, iterations int, numbers []int) *train.Trainer[float32] {
	t.Helper()
	data, val := images(1, 120, pixels), images(2, 30, pixels)
	var nets []train.Net
	for _, n := range numbers {
		lr := 1e-3 * float64(n+1)
		if n == 2 {
			lr = 1e6 // diverges
		}
		nets = append(nets, train.Net{Hidden: []int{4 + n, 5}, LR: lr, Reg: 0.1, Decay: 0.9, Scale: 0.05, Mu: 0.9})
	}
	b, err := train.New(reference.New(), train.Shape{Inputs: pixels, Classes: 10, Batch: 20, Rule: rule}, nets, meanOf[float32](data, pixels), 1)
	if err != nil {
		t.Fatal(err)
	}
	for k, n := range numbers {
		b.Init(k, nprand.New(uint32(n)))
	}
	tr, err := train.NewTrainer(b, train.Schedule{Protocol: protocol, Iterations: iterations, Batch: 20, Train: data, Val: val}, nprand.New(9))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func checkpointOf(t *testing.T, tr *train.Trainer[float32]) *safetensors.File {
	t.Helper()
	var b strings.Builder
	f, err := tr.Checkpoint("test")
	if err == nil {
		err = safetensors.Write(&b, f)
	}
	if err != nil {
		t.Fatal(err)
	}
	read, err := safetensors.Read([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// TestGather trains nets in two blocks for up to 12 iterations, which end an epoch. It then trains some
// nets of both blocks together up to iteration 30. Their bits must be those of an uninterrupted block.
func TestGather(t *testing.T) {
	const long = 30
	for _, protocol := range []train.Protocol{train.Course, train.Solver} {
		for _, rule := range train.Rules() {
			for _, length := range []int{12, 17} {
				for _, at := range []int{1, 6, 11, 12} {
					if testing.Short() && (length != 17 || at != 6) {
						continue
					}
					a := gatherTrainer(t, protocol, rule, length, []int{0, 2, 4})
					b := gatherTrainer(t, protocol, rule, length, []int{1, 3})
					for range at {
						a.Step()
						b.Step()
					}
					from := func(tr *train.Trainer[float32], id int) train.Part {
						return train.Part{File: checkpointOf(t, tr), ID: id}
					}
					numbers := []int{4, 1, 0}
					f, err := train.Gather("mixed", []train.Part{from(a, 2), from(b, 0), from(a, 0)})
					if err != nil {
						t.Fatal(err)
					}
					on := gatherTrainer(t, protocol, rule, long, numbers)
					if err := on.Restore(&f, "mixed"); err != nil {
						t.Fatal(err)
					}
					finish(on)
					whole := gatherTrainer(t, protocol, rule, long, numbers)
					finish(whole)
					if string(saved(t, on)) != string(saved(t, whole)) {
						t.Errorf("protocol %d, %s: taken over after %d of %d, the nets end elsewhere", protocol, rule, at, length)
					}
				}
			}
		}
	}
}

func TestGatherRefuses(t *testing.T) {
	a := gatherTrainer(t, train.Course, train.SGD, 10, []int{0, 2})
	b := gatherTrainer(t, train.Course, train.SGD, 10, []int{1})
	for range 5 {
		a.Step()
		b.Step()
	}
	b.Step()
	further, diverged := checkpointOf(t, b), checkpointOf(t, a)
	shifted := checkpointOf(t, a)
	shifted.Meta["stream"] += "A"
	newer := checkpointOf(t, a)
	newer.Meta["version"] = "2"
	for _, c := range []struct {
		want  string
		parts []train.Part
	}{
		{"at least one net", nil},
		{"after 5 and 6", []train.Part{{File: diverged, ID: 0}, {File: further, ID: 0}}},
		{"net 1 is not among", []train.Part{{File: diverged, ID: 1}}},
		{"net -1 is not among", []train.Part{{File: diverged, ID: -1}}},
		{"minibatches to come", []train.Part{{File: diverged, ID: 0}, {File: shifted, ID: 0}}},
		{strconv.Quote("2"), []train.Part{{File: diverged, ID: 0}, {File: newer, ID: 0}}},
		{"net 0 is not among", []train.Part{{File: &safetensors.File{}, ID: 0}}},
	} {
		t.Run(c.want, func(t *testing.T) {
			if _, err := train.Gather("x", c.parts); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
		})
	}
}
