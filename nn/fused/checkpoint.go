package fused

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fusegrid/kernels"
	"fusegrid/nn/safetensors"
)

// A checkpoint is the full state of a trainer as a safetensors file: for each net that began,
// its curves; for each that is still training its weights, rate and the state of its update rule; for the Solver the
// best weights; and in the metadata the iterations done, the nets left and the random stream. Training on from
// it gives the bits of a run that was never interrupted.

// Version 2: Σ‖W‖² of losses is added up unit by unit.
const checkpointVersion = "fusegrid checkpoint 2"

// Checkpoint returns the state of t. Some tensors alias the block: write them before the next step.
// The identity is the caller's name for the nets, the schedule and the data; Restore asks for the same one.
func (t *Trainer[T]) Checkpoint(identity string) (safetensors.File, error) {
	stream, err := t.rng.MarshalBinary()
	if err != nil {
		return safetensors.File{}, fmt.Errorf("fused: checkpoint: %w", err)
	}
	ids := make([]string, len(t.ids))
	for k, id := range t.ids {
		ids[k] = strconv.Itoa(id)
	}
	f := safetensors.File{Meta: map[string]string{
		"version":  checkpointVersion,
		"identity": identity,
		"done":     strconv.Itoa(t.done),
		"nets":     strings.Join(ids, " "),
		"stream":   base64.StdEncoding.EncodeToString(stream),
	}}
	for id, c := range t.curves {
		for name, data := range c.series() {
			f.Tensors = append(f.Tensors, safetensors.Of(tensorName(id, name), *data, len(*data)))
		}
		for i, w := range t.best[id] {
			f.Tensors = append(f.Tensors, safetensors.Of(tensorName(id, fmt.Sprintf("best.%d", i)), w, len(w)))
		}
	}
	for k, id := range t.ids {
		f.Tensors = append(f.Tensors, safetensors.Of(tensorName(id, "lr"), []float64{t.block.nets[k].LR}, 1))
		for _, p := range t.block.all(k) {
			f.Tensors = append(f.Tensors, safetensors.Of(tensorName(id, p.name), p.values(), p.rows, p.cols))
		}
	}
	slices.SortFunc(f.Tensors, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return f, nil
}

// Restore puts t, fresh from [NewTrainer] with the same nets, into the state of the checkpoint. The
// schedule may have more iterations than the one that was saved. After an error t must not be used.
func (t *Trainer[T]) Restore(f *safetensors.File, identity string) error {
	if v := f.Meta["version"]; v != checkpointVersion {
		return fmt.Errorf("fused: checkpoint has version %q, want %q", v, checkpointVersion)
	}
	if v := f.Meta["identity"]; v != identity {
		return fmt.Errorf("fused: checkpoint is of %q, want %q", v, identity)
	}
	done, err := strconv.Atoi(f.Meta["done"])
	if err != nil || done < 0 || done > t.schedule.Iterations {
		return fmt.Errorf("fused: checkpoint after %q iterations, want at most %d", f.Meta["done"], t.schedule.Iterations)
	}
	stream, err := base64.StdEncoding.DecodeString(f.Meta["stream"])
	if err != nil {
		return fmt.Errorf("fused: checkpoint stream: %w", err)
	}
	if err := t.rng.UnmarshalBinary(stream); err != nil {
		return fmt.Errorf("fused: checkpoint stream: %w", err)
	}
	if err := t.keepIDs(f.Meta["nets"]); err != nil {
		return err
	}
	t.done, t.block.steps = done, done
	return t.restoreNets(f)
}

// keepIDs drops every net that the list does not name.
func (t *Trainer[T]) keepIDs(list string) error {
	keep := make([]bool, len(t.ids))
	last := -1
	for _, word := range strings.Fields(list) {
		id, err := strconv.Atoi(word)
		if err != nil || id <= last || id >= len(keep) {
			return fmt.Errorf("fused: checkpoint of nets %q: want ascending positions below %d", list, len(keep))
		}
		keep[id], last = true, id
	}
	t.Keep(keep)
	return nil
}

func (t *Trainer[T]) restoreNets(f *safetensors.File) error {
	for id, c := range t.curves {
		for name, data := range c.series() {
			v, err := numbers[float64](f, tensorName(id, name), -1)
			if err != nil {
				return err
			}
			*data = append((*data)[:0], v...)
		}
		if len(c.Loss) > t.done || len(c.TrainAcc) != len(c.ValAcc) || len(c.ValAcc) > len(c.Loss) {
			return fmt.Errorf("fused: checkpoint after %d iterations: net %d has %d losses, %d training and %d validation accuracies",
				t.done, id, len(c.Loss), len(c.TrainAcc), len(c.ValAcc))
		}
		for _, acc := range c.ValAcc {
			c.BestVal = max(c.BestVal, acc)
		}
		for i := 0; ; i++ {
			tensor, ok := f.Tensor(tensorName(id, fmt.Sprintf("best.%d", i)))
			if !ok {
				break
			}
			w, ok := safetensors.Data[T](tensor)
			if !ok {
				return fmt.Errorf("fused: checkpoint: tensor %q has the wrong type", tensor.Name)
			}
			t.best[id] = append(t.best[id], w)
		}
	}
	for k, id := range t.ids {
		if n := len(t.curves[id].Loss); n != t.done {
			return fmt.Errorf("fused: checkpoint after %d iterations: net %d is still training and has %d losses", t.done, id, n)
		}
		lr, err := numbers[float64](f, tensorName(id, "lr"), 1)
		if err != nil {
			return err
		}
		if !isFinite(lr[0]) {
			return fmt.Errorf("fused: checkpoint: learning rate %v of net %d, want a finite number", lr[0], id)
		}
		t.block.nets[k].LR = lr[0]
		if err := t.checkBest(k, id); err != nil {
			return err
		}
		for _, p := range t.block.all(k) {
			v, err := numbers[T](f, tensorName(id, p.name), p.rows*p.cols)
			if err != nil {
				return err
			}
			p.set(v)
		}
	}
	return nil
}

// checkBest compares the sizes of the best weights of net id, where there are any, with net k.
func (t *Trainer[T]) checkBest(k, id int) error {
	best := t.best[id]
	if best == nil {
		return nil
	}
	if !slices.EqualFunc(best, t.block.weights(k), func(w []T, p param[T]) bool { return len(w) == p.rows*p.cols }) {
		return fmt.Errorf("fused: checkpoint: the best weights of net %d do not have its shape", id)
	}
	return nil
}

// numbers returns a tensor that must be there, of want numbers unless want is negative.
func numbers[T kernels.Float](f *safetensors.File, name string, want int) ([]T, error) {
	tensor, ok := f.Tensor(name)
	if !ok {
		return nil, fmt.Errorf("fused: checkpoint has no tensor %q", name)
	}
	v, ok := safetensors.Data[T](tensor)
	if !ok {
		return nil, fmt.Errorf("fused: checkpoint: tensor %q has the wrong type", name)
	}
	if want >= 0 && len(v) != want {
		return nil, fmt.Errorf("fused: checkpoint: tensor %q has %d numbers, want %d", name, len(v), want)
	}
	return v, nil
}

func tensorName(id int, part string) string { return fmt.Sprintf("net.%d.%s", id, part) }

func (c *Curve) series() map[string]*[]float64 {
	return map[string]*[]float64{"loss": &c.Loss, "train_acc": &c.TrainAcc, "val_acc": &c.ValAcc}
}
