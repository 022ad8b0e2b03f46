package train

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fusegrid/kernels"
	"fusegrid/nn/safetensors"
)

// Version 1 added the terms of Σ‖W‖² in another order.
const checkpointVersion = "fusegrid checkpoint 2"

// Checkpoint returns the full state of t. A training that resumes from it has the same bits as a
// training without interruption. Some tensors share memory with the block, so they must be written
// before the next step. The argument identity names the nets, the schedule and the data.
// [Trainer.Restore] requires the same identity.
//
// T is the type of the nets, and K is the position at which a net started. P is w1, b1, w2, b2, ….
// Weights are (out, in), and biases have one row. The tensors are:
//
//	net.K.loss                     F64  (iterations)      history of each net
//	net.K.train_acc, net.K.val_acc F64  (measurements)    history of each net
//	net.K.lr                       F64  (1)               learning rate of a net that still trains
//	net.K.P                        T    (rows, columns)   its weights and biases
//	net.K.AP                       T    (rows, columns)   array A of its update rule for P, such as vw1
//	net.K.best.I                   T    (numbers)         Solver: best weights, numbered from 0 as w1, b1, …
//
// The metadata are:
//
//	version    "fusegrid checkpoint 2"
//	identity   the identity
//	done       iterations
//	nets       positions of the nets that still train
//	stream     state of the random stream, in base64
func (t *Trainer[T]) Checkpoint(identity string) (safetensors.File, error) {
	stream, err := t.rng.MarshalBinary()
	if err != nil {
		return safetensors.File{}, fmt.Errorf("train: checkpoint: %w", err)
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

// Restore puts t into the state of the checkpoint. It must be called on a new trainer with the same
// nets. The schedule may have more iterations than the schedule of the saved trainer. After an
// error, t must not be used.
func (t *Trainer[T]) Restore(f *safetensors.File, identity string) error {
	if v := f.Meta["version"]; v != checkpointVersion {
		return fmt.Errorf("train: checkpoint has version %q, want %q", v, checkpointVersion)
	}
	if v := f.Meta["identity"]; v != identity {
		return fmt.Errorf("train: checkpoint is of %q, want %q", v, identity)
	}
	done, err := strconv.Atoi(f.Meta["done"])
	if err != nil || done < 0 || done > t.schedule.Iterations {
		return fmt.Errorf("train: checkpoint after %q iterations, want at most %d", f.Meta["done"], t.schedule.Iterations)
	}
	stream, err := base64.StdEncoding.DecodeString(f.Meta["stream"])
	if err != nil {
		return fmt.Errorf("train: checkpoint stream: %w", err)
	}
	if err := t.rng.UnmarshalBinary(stream); err != nil {
		return fmt.Errorf("train: checkpoint stream: %w", err)
	}
	if err := t.keepIDs(f.Meta["nets"]); err != nil {
		return err
	}
	t.done, t.block.steps = done, done
	return t.restoreNets(f)
}

// keepIDs drops every net whose position is not in the list.
func (t *Trainer[T]) keepIDs(list string) error {
	keep := make([]bool, len(t.ids))
	last := -1
	for _, word := range strings.Fields(list) {
		id, err := strconv.Atoi(word)
		if err != nil || id <= last || id >= len(keep) {
			return fmt.Errorf("train: checkpoint of nets %q: want ascending positions below %d", list, len(keep))
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
			return fmt.Errorf("train: checkpoint after %d iterations: net %d has %d losses, %d training and %d validation accuracies",
				t.done, id, len(c.Loss), len(c.TrainAcc), len(c.ValAcc))
		}
		for _, acc := range c.ValAcc {
			c.BestVal = max(c.BestVal, acc)
		}
		for i := 0; ; i++ {
			name := tensorName(id, fmt.Sprintf("best.%d", i))
			if _, ok := f.Tensor(name); !ok {
				break
			}
			w, err := numbers[T](f, name, -1)
			if err != nil {
				return err
			}
			t.best[id] = append(t.best[id], w)
		}
	}
	for k, id := range t.ids {
		if n := len(t.curves[id].Loss); n != t.done {
			return fmt.Errorf("train: checkpoint after %d iterations: net %d is still training and has %d losses", t.done, id, n)
		}
		lr, err := numbers[float64](f, tensorName(id, "lr"), 1)
		if err != nil {
			return err
		}
		if !isFinite(lr[0]) {
			return fmt.Errorf("train: checkpoint: learning rate %v of net %d, want a finite number", lr[0], id)
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

// checkBest returns an error if net id has best weights whose sizes differ from the sizes of net k.
func (t *Trainer[T]) checkBest(k, id int) error {
	best := t.best[id]
	if best == nil {
		return nil
	}
	if !slices.EqualFunc(best, t.block.weights(k), func(w []T, p param[T]) bool { return len(w) == p.rows*p.cols }) {
		return fmt.Errorf("train: checkpoint: the best weights of net %d do not have its shape", id)
	}
	return nil
}

// numbers returns the tensor with this name. It must have n numbers, unless n is negative.
func numbers[T kernels.Float](f *safetensors.File, name string, n int) ([]T, error) {
	v, err := safetensors.Numbers[T](f, name, n)
	if err != nil {
		return nil, fmt.Errorf("train: checkpoint: %w", err)
	}
	return v, nil
}

func tensorName(id int, part string) string { return fmt.Sprintf("net.%d.%s", id, part) }

func (c *Curve) series() map[string]*[]float64 {
	return map[string]*[]float64{"loss": &c.Loss, "train_acc": &c.TrainAcc, "val_acc": &c.ValAcc}
}
